"""Lists over rows in memory: conditions, search, order and pages, each said once in plain Python."""

from __future__ import annotations

from collections.abc import Iterable

from spikes.journal.port import (
    RANKED,
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
    Sort,
    TextTerm,
)
from spikes.journal.words import has_words, words

Ranked = tuple[int | str | None, EntityRow]


def select(rows: Iterable[EntityRow], query: Query) -> list[Ranked]:
    """Return the rows that `query` lists, each with its sort value, in order, whatever its `after` and `limit`."""
    found = _found(rows, query)
    if query.sort is None:
        # The rows come in the order in which they were first stored, and sorting keeps an order among equals.
        found.reverse()
        return sorted(found, key=lambda ranked: ranked[0], reverse=True)  # type: ignore[arg-type,return-value]
    return _ordered(found, query.sort.descending)


def page(rows: Iterable[EntityRow], query: Query) -> Page:
    """Return the page of the list that follows `query.after`."""
    found = _found(rows, query)
    truncated = _searches(query) and len(found) > RANKED
    kept = {row.persistence_id for _, row in found[-RANKED:]} if truncated else None
    ordered = [each for each in select(rows, query) if kept is None or each[1].persistence_id in kept]
    if query.after is not None:
        ordered = _following(ordered, query.after, query.sort)
    ordered = ordered[query.offset :]
    shown = ordered[: query.limit]
    more = len(ordered) > len(shown) and bool(shown)
    return Page(
        tuple(Listed(row.persistence_id, row.sequence_nr, row.index.item) for _, row in shown if row.index),
        Cursor(shown[-1][0], shown[-1][1].persistence_id) if more else None,
        truncated,
    )


def _found(rows: Iterable[EntityRow], query: Query) -> list[Ranked]:
    terms = [term for term in query.text if has_words(term.words)]
    found: list[Ranked] = []
    for row in rows:
        index = row.index
        if index is not None and all(holds(index, condition) for condition in query.where):
            hits = [occurrences(index, term) for term in terms]
            if all(hits):
                found.append((index.columns.get(query.sort.column) if query.sort else sum(hits), row))
    return found


def _searches(query: Query) -> bool:
    return any(has_words(term.words) for term in query.text)


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


def _following(found: list[Ranked], after: Cursor, sort: Sort | None) -> list[Ranked]:
    if sort is None:
        return _behind(found, after)
    place = (after.value if after.value is not None else 0, after.persistence_id)

    def follows(ranked: Ranked) -> bool:
        if (ranked[0] is None) != (after.value is None):
            return ranked[0] is None
        here = _place(ranked)
        return here < place if sort.descending else here > place

    return [each for each in found if follows(each)]


def _behind(found: list[Ranked], after: Cursor) -> list[Ranked]:
    """Return what follows in a list by relevance, where the order among equals is that of `found`."""
    equal = [row.persistence_id for value, row in found if value == after.value]
    seen = equal[: equal.index(after.persistence_id) + 1] if after.persistence_id in equal else []
    return [each for each in found if each[0] <= after.value and each[1].persistence_id not in seen]  # type: ignore[operator]
