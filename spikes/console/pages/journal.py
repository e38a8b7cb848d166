"""The journal: how its store does, at once; and what is in it, when asked for, since that takes a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from spikes.console.inside import Inside
from spikes.console.page import Page, PageContext
from spikes.journal.port import EventSurvey, Statistics, StoreStatus
from spikes.telemetry import metrics

SECONDS = 3.0
"""How long the look at all events may take."""


class Groups(msgspec.Struct, frozen=True):
    """How many groups of appends were committed whose size is at most `most`, and more than the one before."""

    most: float | None
    groups: int


class ProcessStore(msgspec.Struct, frozen=True):
    """The store as one process has it."""

    status: StoreStatus
    group_sizes: Sequence[Groups]


class JournalData(msgspec.Struct, frozen=True):
    """The journal. `head` is None where there is no order of all events; the last two are None unless asked for."""

    identity: str
    capabilities: Sequence[str]
    head: int | None
    processes: Mapping[str, ProcessStore]
    seconds: float
    statistics: Statistics | None
    survey: EventSurvey | None


async def own_store(inside: Inside, _: Mapping[str, str]) -> ProcessStore:
    """Answer another process how the store does here."""
    return ProcessStore(inside.journal.status(), _group_sizes())


def _group_sizes() -> list[Groups]:
    bounds = [*map(float, metrics.GROUP_SIZE.bounds), None]
    sums = [0] * len(bounds)
    for spread in metrics.GROUP_SIZE.children.values():
        for place, number in enumerate(spread.counts):
            sums[place] += number
    return [Groups(bound, number) for bound, number in zip(bounds, sums, strict=True) if number]


async def page(context: PageContext) -> Page:
    """GET /journal: how the store does; with `count=1` also what is in it."""
    journal = context.inside.journal
    answers = await context.peers.ask("store")
    counted = context.number("count", 0, 0, 1)
    data = JournalData(
        journal.identity,
        sorted(journal.capabilities),
        await journal.head() if "total_order" in journal.capabilities else None,
        {pid: msgspec.convert(answer, ProcessStore) for pid, answer in answers.items()},
        SECONDS,
        await journal.statistics() if counted else None,
        await journal.survey(SECONDS) if counted else None,
    )
    return Page("journal.html", data, "Journal")
