"""Conditions as SQL, over the rows as `r`. Names come from the schema, which has been checked; the rest is bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spikes.journal.port import AnyOf, AtLeast, AtMost, Condition, Equal, HasTerm, Query, TextTerm
from spikes.journal.sqlite_batch import Value
from spikes.journal.words import has_words


class Sql(NamedTuple):
    """A piece of a statement, and the values to bind in it."""

    text: str
    values: tuple[Value, ...] = ()


LISTED = Sql("r.listed = 1")


def where(query: Query, more: Sequence[Sql] = ()) -> Sql:
    """Return what holds for all rows of a list, the text aside."""
    return joined([LISTED, *(condition(query.kind, each) for each in query.where), *more])


def condition(kind: str, wanted: Condition, row: str = "r") -> Sql:
    """Return one condition on what goes by the name of `row`."""
    match wanted:
        case Equal(column, None):
            return Sql(f"{row}.c_{column} IS NULL")
        case Equal(column, value):
            return Sql(f"{row}.c_{column} = ?", (value,))
        case AtLeast(column, bound):
            return Sql(f"{row}.c_{column} >= ?", (bound,))
        case AtMost(column, bound):
            return Sql(f"{row}.c_{column} <= ?", (bound,))
        case HasTerm(name, term):
            return Sql(
                f'EXISTS (SELECT 1 FROM "{kind}_terms" AS t '
                f"WHERE t.name = ? AND t.value = ? AND t.row_id = {row}.row_id)",
                (name, term),
            )
        case AnyOf(conditions):
            return joined([condition(kind, each, row) for each in conditions], " OR ") if conditions else Sql("FALSE")


def joined(conditions: Sequence[Sql], word: str = " AND ") -> Sql:
    """Return conditions as one."""
    text = word.join(each.text for each in conditions)
    return Sql(f"({text})", tuple(value for each in conditions for value in each.values))


def found_text(query: Query) -> list[Sql]:
    """Return one condition for each term, since each may be found in another part."""
    text = f"""
        r.row_id IN (
            SELECT p.row_id FROM "{query.kind}_fts" AS f JOIN "{query.kind}_parts" AS p ON p.part_id = f.rowid
            WHERE "{query.kind}_fts" MATCH ?
        )
        """
    return [Sql(text, (match(term),)) for term in searchable(query)]


def searchable(query: Query) -> list[TextTerm]:
    """Return the terms that ask for something, each once."""
    return list(dict.fromkeys(term for term in query.text if has_words(term.words)))


def match(term: TextTerm) -> str:
    """Return the term in the language of FTS5, quoted so that nothing in it has a meaning there."""
    words = " ".join(term.words).replace('"', '""').replace("\0", " ")
    return f'"{words}" *' if term.prefix else f'"{words}"'
