"""What lists can be asked only where the journal is able to; anywhere else a request for it is told so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from spikes.journal.port import TextTerm
from spikes.web.errors import Problem
from spikes.web.filters import RELEVANCE, SORTS

SORTING: Mapping[str, str] = {
    "-updated": "sort:updated",
    "due": "sort:due",
    "title": "sort:title",
    RELEVANCE: "ranking",
}
"""The ability that each order needs; one that is not here needs none."""


FARTHEST = 10_000
"""How far into the list of users a journal begins that has to read all that it leaves out."""


def check_start(abilities: Collection[str], start: int) -> None:
    """Raise a 400 for a list that would begin too far in for a journal that is spread over machines."""
    if start > FARTHEST and "exact_counts" not in abilities:
        raise Problem(
            400, "unsupported_by_journal", f"the journal of this service lists from start={FARTHEST} at the farthest"
        )


def check_able(abilities: Collection[str], sort: str | None, terms: Sequence[TextTerm]) -> None:
    """Raise a 400 that names every parameter that the journal lacks the ability for, and what would be right."""
    if lacking := list(_lacking(abilities, sort, terms)):
        raise Problem(400, "unsupported_by_journal", f"the journal of this service can't do that: {'; '.join(lacking)}")


def _lacking(abilities: Collection[str], sort: str | None, terms: Sequence[TextTerm]) -> Iterator[str]:
    if sort is not None and SORTING.get(sort) not in (None, *abilities):
        able = (each for each in SORTS if SORTING.get(each) in (None, *abilities))
        yield f"sort={sort}, but {' or '.join(able)}"
    if "prefix" not in abilities and any(term.prefix for term in terms):
        yield "q with beginnings of words (word*), but whole words"
    if "phrase" not in abilities and any(len(term.words) > 1 for term in terms):
        yield 'q with "phrases", but the words of one by themselves'
