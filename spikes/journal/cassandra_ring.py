"""What arrived at this process lately, in the order of its arrival, and the positions that it was given.

A position is a time, in microseconds of the store's clock, and in its lowest bits a tag that tells whose it is:

TABLES     of a row in the feed tables, when it was sure that everything before it was read too
UNSETTLED  of a row in the feed tables that others may still appear before
other      drawn at random by each process, for what arrived there
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable

from spikes.journal.port import PositionedEvent, StoredEvent

TAG_BITS = 10
TABLES = 0
UNSETTLED = 1

MOST_EVENTS = 10_000
MOST_BYTES = 32 * 1024 * 1024
"""How much a ring holds: events, and bytes of their payloads."""

MOST_SEEN = 20_000
"""How many events are remembered as having arrived; a repeat of an older one is given again."""

MOST_MARKS = 1_000
"""How many positions without an event are known again."""

OWN = 2**63
"""In place of a time: the event is this process's own, which knows when its rows are written again."""

Key = tuple[str, int]
"""The persistence id and the number of an event."""


def position_of(micros: int, tag: int) -> int:
    """Return the position of a time."""
    return micros << TAG_BITS | tag


def micros_of(position: int) -> int:
    """Return the time of a position."""
    return position >> TAG_BITS


def tag_of(position: int) -> int:
    """Return whose a position is."""
    return position & ((1 << TAG_BITS) - 1)


class Ring:
    """Events by their arrival. `ceiling` tells the highest time that the next position may have, if it is not raised
    to be unique."""

    def __init__(self, ceiling: Callable[[], int], slack: int) -> None:
        self._ceiling = ceiling
        self._slack = slack
        self._tag = random.randrange(UNSETTLED + 1, 1 << TAG_BITS)
        self._last = self._floor = position_of(0, self._tag)
        self._events: list[PositionedEvent] = []
        self._bytes = 0
        self._seen: dict[Key, int] = {}
        self._marks: dict[int, None] = {}

    def put(self, persistence_id: str, event: StoredEvent, written: int) -> bool:
        """Let an event arrive, unless it did so before; tell which. `written` is the time of its row, or `OWN`.

        A row that is later than the one before by more than `slack` was written again, and lets the event arrive again:
        the first may have been missed by whoever comes now, and would not look back so far.
        """
        key = persistence_id, event.sequence_nr
        seen = self._seen.get(key)
        if seen is not None and (written == OWN or written <= seen + self._slack):
            self._seen[key] = OWN if written == OWN else seen
            return False
        self._seen[key] = written
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        self._events.append(PositionedEvent(self._next(), persistence_id, event))
        self._bytes += len(event.payload)
        while len(self._events) > MOST_EVENTS or self._bytes > MOST_BYTES:
            self._floor = self._events[0].position
            self._bytes -= len(self._events.pop(0).event.payload)
        return True

    def mark(self) -> int:
        """Return a position that everything so far is before, and everything to come is after."""
        position = self._next()
        self._marks[position] = None
        if len(self._marks) > MOST_MARKS:
            del self._marks[next(iter(self._marks))]
        return position

    def has_more(self, after: int) -> bool:
        """Tell whether anything has arrived after a position."""
        return bool(self._events) and self._events[-1].position > after

    def after(self, position: int, limit: int) -> tuple[PositionedEvent, ...]:
        """Return what arrived after a position."""
        start = bisect_right(self._events, position, key=_position)
        return tuple(self._events[start : start + limit])

    def is_own(self, position: int) -> bool:
        """Tell whether a position seems to be this ring's."""
        return tag_of(position) == self._tag

    def reaches(self, position: int) -> bool:
        """Tell whether everything is here that arrived after an own position."""
        return position >= self._floor

    def knows(self, position: int) -> bool:
        """Tell whether this ring itself has given a position, and still has everything after it."""
        if not self.is_own(position) or not self.reaches(position):
            return False
        start = bisect_right(self._events, position, key=_position)
        found = start > 0 and self._events[start - 1].position == position
        return found or position in self._marks or position == self._floor

    def _next(self) -> int:
        self._last = position_of(max(self._ceiling(), micros_of(self._last) + 1), self._tag)
        return self._last


def _position(event: PositionedEvent) -> int:
    return event.position
