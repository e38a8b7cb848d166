"""Lists over rows in memory: conditions, search, order and pages, each said once in plain Python."""

from __future__ import annotations

from collections.abc import Iterable

from spikes.journal.port import (
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Cursor,
    EntityRow,
    Equal,
    HasTerm,
    IndexPart,
    Listed,
    Page,
    Query,
    TextTerm,
)
from spikes.journal.words import has_words, words

Ranked = tuple[float | int | str | None, EntityRow]


def select(rows: Iterable[EntityRow], query: Query) -> list[Ranked]:
    """Return the rows that `query` lists, each with its sort value, in order, whatever its `after` and `limit`."""
    terms = [term for term in query.text if has_words(term.words)]
    found: list[Ranked] = []
    for row in rows:
        index = row.index
        if index is not None and all(holds(index, condition) for condition in query.where):
            hits = [occurrences(index, term) for term in terms]
            if all(hits):
                found.append((index.columns.get(query.sort.column) if query.sort else -float(sum(hits)), row))
    return _ordered(found, descending=query.sort is not None and query.sort.descending)


def page(rows: Iterable[EntityRow], query: Query) -> Page:
    """Return the page of the list that follows `query.after`."""
    found = select(rows, query)
    if query.after is not None:
        found = _following(found, query.after, descending=query.sort is not None and query.sort.descending)
    found = found[query.offset :]
    shown = found[: query.limit]
    more = len(found) > len(shown) and bool(shown)
    return Page(
        tuple(Listed(row.persistence_id, row.sequence_nr, row.index.item) for _, row in shown if row.index),
        Cursor(shown[-1][0], shown[-1][1].persistence_id) if more else None,
    )


def holds(index: IndexPart, condition: Condition) -> bool:
    """Tell whether a row meets a condition; a row without a value is neither above nor below any."""
    match condition:
        case Equal(column, value):
            return index.columns.get(column) == value
        case AtLeast(column, bound):
            value = index.columns.get(column)
            return value is not None and value >= bound  # type: ignore[operator]
        case AtMost(column, bound):
            value = index.columns.get(column)
            return value is not None and value <= bound  # type: ignore[operator]
        case HasTerm(name, term):
            return (name, term) in index.terms
        case AnyOf(conditions):
            return any(holds(index, each) for each in conditions)


def occurrences(index: IndexPart, term: TextTerm) -> int:
    """Count where the words of `term` stand one after another, over all texts of all parts."""
    phrase = words(" ".join(term.words))
    return sum(_count(words(text), phrase, term.prefix) for texts in index.search.values() for text in texts)


def _count(text: list[str], phrase: list[str], prefix: bool) -> int:
    places = range(len(text) - len(phrase) + 1)
    return sum(1 for at in places if _stands_at(text[at : at + len(phrase)], phrase, prefix))


def _stands_at(here: list[str], phrase: list[str], prefix: bool) -> bool:
    last = here[-1].startswith(phrase[-1]) if prefix else here[-1] == phrase[-1]
    return last and here[:-1] == phrase[:-1]


def _ordered(found: list[Ranked], descending: bool) -> list[Ranked]:
    """Sort by value, then persistence id, both in one direction; rows without a value come last."""
    valued = [each for each in found if each[0] is not None]
    without = [each for each in found if each[0] is None]
    return sorted(valued, key=_place, reverse=descending) + sorted(without, key=_place, reverse=descending)


def _place(ranked: Ranked) -> tuple[object, str]:
    return (ranked[0] if ranked[0] is not None else 0, ranked[1].persistence_id)


def _following(found: list[Ranked], after: Cursor, descending: bool) -> list[Ranked]:
    place = (after.value if after.value is not None else 0, after.persistence_id)

    def follows(ranked: Ranked) -> bool:
        if (ranked[0] is None) != (after.value is None):
            return ranked[0] is None
        here = _place(ranked)
        return here < place if descending else here > place

    return [each for each in found if follows(each)]
