"""A look at all events, one after another: which types there are, since when, and which streams are the longest."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from spikes.journal.port import LONGEST, EventSurvey, PositionedEvent, TypeFigures

Streams = Callable[[tuple[str, int], int], Awaitable[tuple[PositionedEvent, ...]]]

AT_ONCE = 1_000
"""How many events are looked at before others get their turn."""


class Tally:
    """Adds up what is seen."""

    def __init__(self) -> None:
        self._types: dict[str, TypeFigures] = {}
        self._lengths: Counter[str] = Counter()

    def add(self, figures: TypeFigures) -> None:
        """Add events of one type."""
        known = self._types.get(figures.type, figures)
        count = figures.events if known is figures else known.events + figures.events
        first, last = min(known.first, figures.first), max(known.last, figures.last)
        self._types[figures.type] = TypeFigures(figures.type, count, first, last)

    def add_stream(self, persistence_id: str, events: int) -> None:
        """Add events of one stream."""
        self._lengths[persistence_id] += events

    def add_events(self, events: Iterable[PositionedEvent]) -> None:
        """Add events one by one."""
        for each in events:
            at = each.event.metadata.time
            self.add(TypeFigures(each.event.type, 1, at, at))
            self.add_stream(each.persistence_id, 1)

    def survey(self, complete: bool) -> EventSurvey:
        """Return what was seen."""
        longest = heapq.nsmallest(LONGEST, self._lengths.items(), key=lambda each: (-each[1], each[0]))
        types = tuple(self._types[name] for name in sorted(self._types))
        events = sum(each.events for each in types)
        return EventSurvey(events, len(self._lengths), types, tuple(longest), complete)


async def survey_of(streams: Streams, seconds: float) -> EventSurvey:
    """Survey a journal that has no better way than to read its streams."""
    tally, after, until = Tally(), ("", 0), time.monotonic() + seconds
    while time.monotonic() < until:
        page = await streams(after, AT_ONCE)
        tally.add_events(page)
        if not page:
            return tally.survey(complete=True)
        after = page[-1].persistence_id, page[-1].event.sequence_nr
    return tally.survey(complete=False)


async def survey_of_log(log: Sequence[PositionedEvent], seconds: float) -> EventSurvey:
    """Survey a journal that has all its events at hand; others get their turn meanwhile."""
    tally, until = Tally(), time.monotonic() + seconds
    for start in range(0, len(log), AT_ONCE):
        if time.monotonic() >= until:
            return tally.survey(complete=False)
        tally.add_events(log[start : start + AT_ONCE])
        await asyncio.sleep(0)
    return tally.survey(complete=True)
