"""An entity's state at any version, folded from its first event, and what one version changed (time travel).

Nothing is trusted but the events: no row, no snapshot, no actor. The loop gets its turn between slices.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from spikes.console.masking import plain
from spikes.console.reading import Damage, damage, stretch
from spikes.journal.errors import JournalError
from spikes.journal.port import Journal, StoredEvent
from spikes.persistence.behavior import EventSourcedBehavior, Folded
from spikes.persistence.codec import UndecodableEvent

Behavior = EventSourcedBehavior[Any, Any, Any]

SLICE = 200
"""How many events are folded before everything else on the loop gets its turn."""

SECONDS = 5.0
"""How long one fold may take; a longer one is given up, and says so."""

MOST_CHANGES = 1_000
"""How many differences between two states are told."""


class Change(msgspec.Struct, frozen=True):
    """One difference: where in the state, and the values there; a side that has none says so by its flag."""

    path: str
    before: Any = None
    after: Any = None
    added: bool = False
    removed: bool = False


class Version(msgspec.Struct, frozen=True):
    """The state at a version, and what the event that led to it changed.

    `version` is how far the fold came, which is less than was asked for if the stream is shorter, or if there is a
    `problem`: an event that can't be decoded, one that is missing, or no time left. States are plain data.
    """

    version: int
    time: int
    state: Any
    changes: tuple[Change, ...] = ()
    problem: str | None = None


async def newest(journal: Journal, behavior: Behavior, persistence_id: str, version: int) -> Version:
    """Return the state at the last version, by the stored state if that can be read, else as `version_at`."""
    try:
        loaded = await journal.load(persistence_id, behavior.state_version)
        folded = behavior.fold(behavior.thaw(loaded.snapshot), loaded.events)
        if loaded.complete and folded.sequence_nr >= version:
            return Version(folded.sequence_nr, folded.time, plain(folded.state))
    except (UndecodableEvent, ValueError, JournalError) as error:
        damage(error)  # which the fold from zero tells better
    return await version_at(journal, behavior, persistence_id, version)


async def version_at(journal: Journal, behavior: Behavior, persistence_id: str, version: int) -> Version:
    """Fold up to `version` and compare with the version before it. Raises JournalUnavailable."""
    before, folded, problem = behavior.start(), behavior.start(), None
    try:
        async for each in folds(journal, behavior, persistence_id, version):
            before, folded = folded, each
    except (UndecodableEvent, ValueError, JournalError, TimeoutError) as error:
        problem = damage(error)
    states = plain(before.state), plain(folded.state)
    return Version(folded.sequence_nr, folded.time, states[1], tuple(differences(*states)), problem)


async def folds(
    journal: Journal, behavior: Behavior, persistence_id: str, to: int, seconds: float = SECONDS
) -> AsyncIterator[Folded[Any]]:
    """Yield the fold after each event up to number `to`.

    Raises UndecodableEvent, ValueError for a gap, TimeoutError beyond the bound; and JournalError.
    """
    folded, until = behavior.start(), time.monotonic() + seconds
    async for event in events_in_slices(journal, persistence_id, to):
        folded = behavior.fold(folded, (event,))
        yield folded
        if folded.sequence_nr % SLICE == 0 and time.monotonic() > until:
            raise TimeoutError(f"given up after {seconds:g} s at event {folded.sequence_nr:,} of {to:,}")


async def events_in_slices(journal: Journal, persistence_id: str, to: int) -> AsyncIterator[StoredEvent]:
    """Yield the events of one stream up to number `to`, and let others have the loop between slices.

    Raises JournalError where one can't be read, behind all those before it.
    """
    after = 0
    while after < to:
        last = min(to, after + SLICE)
        try:
            page = await journal.events(persistence_id, after, last - after)
        except JournalError:
            async for event in _readable(journal, persistence_id, after + 1, last):
                yield event
            raise
        for event in page:
            if event.sequence_nr > to:
                return
            yield event
        if len(page) < last - after:
            return
        after = page[-1].sequence_nr
        await asyncio.sleep(0)


async def _readable(journal: Journal, persistence_id: str, first: int, last: int) -> AsyncIterator[StoredEvent]:
    """Yield what comes before the first event that can't be read."""
    for each in await stretch(journal, persistence_id, first, last):
        if isinstance(each, Damage):
            return
        yield each


def differences(before: Any, after: Any) -> list[Change]:
    """Return what differs between two states, at most `MOST_CHANGES`. List items that have an id are matched by it."""
    found: list[Change] = []
    _compare("", before, after, found)
    return found[:MOST_CHANGES]


def _compare(path: str, before: Any, after: Any, found: list[Change]) -> None:
    if before == after or len(found) >= MOST_CHANGES:
        return
    match before, after:
        case dict(), dict():
            _compare_parts(f"{path}." if path else "", before, after, found)
        case list() | tuple(), list() | tuple():
            by_id = _ids(before) is not None and _ids(after) is not None
            _compare_parts(f"{path}/", _named(before, by_id), _named(after, by_id), found)
        case _:
            found.append(Change(path, before, after))


def _compare_parts(path: str, before: dict[Any, Any], after: dict[Any, Any], found: list[Change]) -> None:
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            found.append(Change(f"{path}{name}", before=before[name], removed=True))
        elif name not in before:
            found.append(Change(f"{path}{name}", after=after[name], added=True))
        else:
            _compare(f"{path}{name}", before[name], after[name], found)


def _ids(items: Sequence[Any]) -> list[Any] | None:
    """Return the items' ids if all have one and no two the same."""
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    unique = all(isinstance(each, str) for each in ids) and len(set(ids)) == len(ids)
    return ids if unique else None


def _named(items: Sequence[Any], by_id: bool) -> dict[str, Any]:
    """Return the items by their ids, or by their places."""
    return {item["id"] if by_id else str(place): item for place, item in enumerate(items)}
