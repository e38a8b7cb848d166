"""The event history of one entity: pages of its events, newest first, as far as they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from spikes.console.folding import Behavior
from spikes.console.masking import mask, masked
from spikes.console.reading import Damage, Head, head_of, stretch
from spikes.journal.port import Journal, Metadata, StoredEvent
from spikes.persistence.codec import UndecodableEvent

LIMIT = 50
"""How many events a page has."""

LOOKED_THROUGH = 5_000
"""How many events are looked through for one page of those that a filter lets pass."""

CHUNK = 500


class Filter(msgspec.Struct, frozen=True):
    """Which events to show; what is empty lets all pass. Times are in milliseconds, `until` is not included."""

    type: str = ""
    principal: str = ""
    request_id: str = ""
    correlation_id: str = ""
    since: int | None = None
    until: int | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether every event passes."""
        return self == Filter()

    def passes(self, event: StoredEvent) -> bool:
        """Tell whether to show an event. A type matches with or without its version."""
        about = event.metadata
        return (
            self.type in ("", event.type, event.type.partition("@")[0])
            and self.principal in ("", about.principal)
            and self.request_id in ("", about.request_id)
            and self.correlation_id in ("", about.correlation_id)
            and (self.since is None or about.time >= self.since)
            and (self.until is None or about.time < self.until)
        )


class ShownEvent(msgspec.Struct, frozen=True):
    """An event as the console shows it: all that is stored but the texts of users, unless they are revealed.

    `problem` tells why the present release can't decode it; `payload` is then what JSON there is, or a mask.
    """

    sequence_nr: int
    type: str
    metadata: Metadata
    tags: Sequence[str]
    size: int
    payload: Any
    problem: str | None = None


class HistoryPage(msgspec.Struct, frozen=True):
    """Events, newest first, between damages where there are any; `older` and `newer` are where other pages begin.

    A page begins below number `before`. With `cut_short`, the filter was given so many events to look through that the
    page ends early; `older` goes on from there.
    """

    head: Head
    entries: Sequence[ShownEvent | Damage]
    older: int | None
    newer: int | None
    cut_short: bool = False


async def history(
    journal: Journal,
    behavior: Behavior | None,
    persistence_id: str,
    before: int | None = None,
    wanted: Filter | None = None,
    *,
    limit: int = LIMIT,
    revealed: bool = False,
) -> HistoryPage:
    """Read a page of a stream's history. Raises JournalUnavailable, and nothing for what is damaged."""
    wanted = wanted or Filter()
    head = await head_of(journal, persistence_id)
    top = head.number if before is None else min(head.number, before - 1)
    found: list[StoredEvent | Damage] = []
    last = top
    while last > 0 and len(found) < limit and top - last < LOOKED_THROUGH:
        first = max(1, last - (limit if wanted.is_empty else CHUNK) + 1)
        part = [each for each in await stretch(journal, persistence_id, first, last) if _passes(wanted, each)]
        found += reversed(part)
        last = first - 1
    page, more = found[:limit], found[limit:]
    older = _number(page[-1]) if more else last + 1
    entries = tuple(each if isinstance(each, Damage) else shown(behavior, each, revealed) for each in page)
    newer = None if top == head.number else min(top + limit, head.number) + 1
    return HistoryPage(head, entries, older if older > 1 else None, newer, last > 0 and len(found) < limit)


async def event_at(
    journal: Journal, behavior: Behavior | None, persistence_id: str, number: int, revealed: bool = False
) -> ShownEvent | Damage | None:
    """Read one event, or what is there in its stead; None behind the stream's end. Raises JournalUnavailable."""
    found = await stretch(journal, persistence_id, number, number)
    if isinstance(found[0], Damage):
        return found[0] if number <= (await head_of(journal, persistence_id)).number else None
    return shown(behavior, found[0], revealed)


def shown(behavior: Behavior | None, event: StoredEvent, revealed: bool = False) -> ShownEvent:
    """Return an event as the console shows it."""
    return ShownEvent(
        event.sequence_nr,
        event.type,
        event.metadata,
        event.tags,
        len(event.payload),
        payload_of(event.payload, revealed),
        _problem(behavior, event),
    )


def payload_of(payload: bytes, revealed: bool) -> Any:
    """Return what a payload holds, masked: JSON as plain data, anything else as text."""
    try:
        return masked(msgspec.json.decode(payload), revealed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = payload.decode(errors="replace")
        return text if revealed else mask(text)


def _problem(behavior: Behavior | None, event: StoredEvent) -> str | None:
    if behavior is None:
        return "this release has no entities of this kind"
    try:
        behavior.events.decode(event)
    except UndecodableEvent as problem:
        return str(problem)
    return None


def _passes(wanted: Filter, entry: StoredEvent | Damage) -> bool:
    return isinstance(entry, Damage) or wanted.passes(entry)


def _number(entry: StoredEvent | Damage) -> int:
    return entry.first if isinstance(entry, Damage) else entry.sequence_nr
