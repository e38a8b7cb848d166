"""Lists as SQL. Names come from the schema, which has been checked; everything else is bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from spikes.journal.port import (
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Cursor,
    Equal,
    HasTerm,
    Listed,
    Page,
    Query,
    Sort,
    TextTerm,
)
from spikes.journal.sqlite_batch import Value
from spikes.journal.words import has_words


class _Sql(NamedTuple):
    text: str
    values: tuple[Value, ...] = ()


Row = tuple[float | int | str | None, str, int, bytes]


def page(db: apsw.Connection, query: Query) -> Page:
    """Read the page that follows `query.after`."""
    wanted = query.limit + 1
    if query.sort is None:
        rows = _read(db, _by_relevance(query, wanted))
    else:
        rows = _sorted_rows(db, query, query.sort, wanted)
    shown = rows[: query.limit]
    more = len(rows) > len(shown) and bool(shown)
    return Page(tuple(Listed(*row[1:]) for row in shown), Cursor(*shown[-1][:2]) if more else None)


def count(db: apsw.Connection, query: Query) -> int:
    """Count the rows of all pages."""
    where = _where(query, _text_conditions(query))
    return int(db.execute(_count(query, where), where.values).get)


def conditions(query: Query) -> tuple[str, tuple[Value, ...]]:
    """Return what holds for all rows of a list, over the rows as `r`, and the values to bind."""
    where = _where(query, _text_conditions(query))
    return where.text, where.values


def _count(query: Query, where: _Sql) -> str:
    return f'SELECT count(*) FROM "{query.kind}_rows" AS r WHERE {where.text}'


def _read(db: apsw.Connection, sql: _Sql) -> list[Row]:
    return db.execute(sql.text, sql.values).fetchall()  # type: ignore[return-value]


def _sorted_rows(db: apsw.Connection, query: Query, sort: Sort, wanted: int) -> list[Row]:
    """Read rows that have a sort value, then those that have none; each part in the order of an index."""
    after, rows, offset = query.after, [], query.offset
    if after is None or after.value is not None:
        where = _placed(query, sort, with_value=True)
        rows = _read(db, _by_column(query, sort, where, (wanted, offset), with_value=True))
        if offset and not rows:
            offset -= int(db.execute(_count(query, where), where.values).get)
        elif rows:
            offset = 0
    if len(rows) < wanted:
        where = _placed(query, sort, with_value=False)
        rows += _read(db, _by_column(query, sort, where, (wanted - len(rows), offset), with_value=False))
    return rows


def _placed(query: Query, sort: Sort, with_value: bool) -> _Sql:
    """Return the conditions on rows that follow the cursor, those with or those without a sort value."""
    column, after = f"r.c_{sort.column}", query.after
    beyond = "<" if sort.descending else ">"
    place = _Sql(f"{column} IS {'NOT ' if with_value else ''}NULL")
    if after is not None and with_value:
        place = _Sql(f"({column}, r.persistence_id) {beyond} (?, ?)", (after.value, after.persistence_id))
    elif after is not None and after.value is None:
        place = _Sql(f"{place.text} AND r.persistence_id {beyond} ?", (after.persistence_id,))
    return _where(query, [*_text_conditions(query), place])


def _by_column(query: Query, sort: Sort, where: _Sql, place: tuple[int, int], with_value: bool) -> _Sql:
    """Read so many rows after so many others."""
    column, direction = f"r.c_{sort.column}", "DESC" if sort.descending else "ASC"
    order = f"{column} {direction}, r.persistence_id {direction}" if with_value else f"r.persistence_id {direction}"
    return _Sql(
        f"""
        SELECT {column}, r.persistence_id, r.sequence_nr, r.item FROM "{query.kind}_rows" AS r
        WHERE {where.text} ORDER BY {order} LIMIT ? OFFSET ?
        """,
        (*where.values, *place),
    )


def _by_relevance(query: Query, wanted: int) -> _Sql:
    """Best first: the sum, over the terms, of what bm25 gives to the best part (less is better)."""
    terms = _searchable(query)
    joined = " ".join(
        f"""
        JOIN (
            SELECT p.row_id, min(f.rank) AS score FROM "{query.kind}_fts" AS f
            JOIN "{query.kind}_parts" AS p ON p.part_id = f.rowid
            WHERE "{query.kind}_fts" MATCH ? GROUP BY p.row_id
        ) AS term{number} ON term{number}.row_id = r.row_id
        """
        for number in range(len(terms))
    )
    score = " + ".join(f"term{number}.score" for number in range(len(terms))) or "0.0"
    where = _where(query, [])
    after = (query.after.value, query.after.persistence_id) if query.after else ()
    return _Sql(
        f"""
        SELECT * FROM (
            SELECT {score} AS score, r.persistence_id AS id, r.sequence_nr, r.item
            FROM "{query.kind}_rows" AS r {joined} WHERE {where.text}
        )
        {"WHERE (score, id) > (?, ?)" if after else ""} ORDER BY score, id LIMIT ? OFFSET ?
        """,
        (*map(_match, terms), *where.values, *after, wanted, query.offset),
    )


def _where(query: Query, more: Sequence[_Sql]) -> _Sql:
    conditions = [_Sql("r.listed = 1"), *(_condition(query.kind, each) for each in query.where), *more]
    return _joined(conditions, " AND ")


def _condition(kind: str, condition: Condition) -> _Sql:
    match condition:
        case Equal(column, None):
            return _Sql(f"r.c_{column} IS NULL")
        case Equal(column, value):
            return _Sql(f"r.c_{column} = ?", (value,))
        case AtLeast(column, bound):
            return _Sql(f"r.c_{column} >= ?", (bound,))
        case AtMost(column, bound):
            return _Sql(f"r.c_{column} <= ?", (bound,))
        case HasTerm(name, term):
            return _Sql(f'r.row_id IN (SELECT row_id FROM "{kind}_terms" WHERE name = ? AND value = ?)', (name, term))
        case AnyOf(conditions):
            return _joined([_condition(kind, each) for each in conditions], " OR ") if conditions else _Sql("FALSE")


def _joined(conditions: Sequence[_Sql], word: str) -> _Sql:
    text = word.join(condition.text for condition in conditions)
    return _Sql(f"({text})", tuple(value for condition in conditions for value in condition.values))


def _text_conditions(query: Query) -> list[_Sql]:
    """Return one condition for each term, since each may be found in another part."""
    text = f"""
        r.row_id IN (
            SELECT p.row_id FROM "{query.kind}_fts" AS f JOIN "{query.kind}_parts" AS p ON p.part_id = f.rowid
            WHERE "{query.kind}_fts" MATCH ?
        )
        """
    return [_Sql(text, (_match(term),)) for term in _searchable(query)]


def _searchable(query: Query) -> list[TextTerm]:
    return [term for term in query.text if has_words(term.words)]


def _match(term: TextTerm) -> str:
    """Return the term in the language of FTS5, quoted so that nothing in it has a meaning there."""
    words = " ".join(term.words).replace('"', '""').replace("\0", " ")
    return f'"{words}" *' if term.prefix else f'"{words}"'
