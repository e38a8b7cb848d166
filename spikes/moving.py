"""Bringing the events of an export into a journal, with rows and claims made anew: `spikes import`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import msgspec

from spikes.journal.errors import ClaimTaken, SequenceConflict
from spikes.journal.port import PAGE, Append, Journal, PositionedEvent
from spikes.lines import Entry, NotImportable, lines_of, read_head, windows
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.codec import UndecodableEvent
from spikes.persistence.identity import PersistenceId
from spikes.persistence.rebuild import RowFold

FOLDS = 20_000
"""How many entities are kept in memory during an import, for their next events."""

Behavior = EventSourcedBehavior[Any, Any, Any]
Progress = Callable[[int, int], None]
"""Told how many events are done, and of how many."""


async def imported(
    journal: Journal, behaviors: Sequence[Behavior], file: IO[bytes], progress: Progress = lambda done, total: None
) -> int:
    """Store all events of the lines, with their rows and claims; return how many were there already.

    Run again, it goes on where it was interrupted. Raises NotImportable, also for a journal that has anything else.
    """
    lines = lines_of(file)
    head = read_head(next(lines, b""))
    importer = Importer(journal, behaviors)
    done, storing = 0, None
    try:
        following = windows(lines, head.events)
        while window := await asyncio.to_thread(next, following, None):  # the loop stores the last one meanwhile
            new = await importer.new(window)
            groups = await importer.grouped(new)
            if storing is not None:
                await storing
            storing = asyncio.create_task(importer.store(groups))
            done += len(window)
            progress(done, head.events)
    finally:
        if storing is not None:
            await storing
    await importer.finish()
    return importer.known


class Group(msgspec.Struct, frozen=True):
    """The entries of one entity in a window, and the append that stores them together."""

    append: Append
    entries: Sequence[Entry]


class Importer:
    """Brings events into a journal, and looks that it holds nothing else."""

    def __init__(self, journal: Journal, behaviors: Sequence[Behavior]) -> None:
        self.known = 0
        self._journal = journal
        self._behaviors: Mapping[str, Behavior] = {behavior.kind: behavior for behavior in behaviors}
        self._folds: OrderedDict[str, RowFold[Any]] = OrderedDict()
        self._position: int | None = 0  # up to where the journal was compared; None once its end was seen

    async def new(self, window: Sequence[Entry]) -> list[Entry]:
        """Return what of a window is not stored yet; raises NotImportable if the journal has anything else there."""
        if self._position is None:
            return list(window)
        stored = await self._stored(len(window))
        given = {(whose, event.sequence_nr): event for _, whose, event in window}
        for positioned in stored:
            key = (positioned.persistence_id, positioned.event.sequence_nr)
            if given.pop(key, None) != positioned.event:
                raise NotImportable(f"the journal has another event {key[1]} of {key[0]}; import into an empty one")
        self.known += len(stored)
        self._position = stored[-1].position if len(stored) == len(window) else None
        return [entry for entry in window if (entry[1], entry[2].sequence_nr) in given]

    async def grouped(self, entries: Sequence[Entry]) -> list[Group]:
        """Return the entries by entity, with what is to be stored for each; raises NotImportable."""
        found: dict[str, list[Entry]] = {}
        for entry in entries:
            found.setdefault(entry[1], []).append(entry)
        return [Group(_append(await self._fold(*_first(some)), some), some) for some in found.values()]

    async def store(self, groups: Sequence[Group]) -> None:
        """Store groups side by side; raises NotImportable and JournalError."""
        appending = (self._journal.append(group.append) for group in groups)
        outcomes = await asyncio.gather(*appending, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, SequenceConflict):
                raise NotImportable(f"somebody else writes into this journal: {outcome}")
            if isinstance(outcome, BaseException) and not isinstance(outcome, ClaimTaken):
                raise outcome
        taken = [group for group, outcome in zip(groups, outcomes, strict=True) if isinstance(outcome, ClaimTaken)]
        if taken:
            await self._store_one_by_one(sorted(entry for group in taken for entry in group.entries))

    async def finish(self) -> None:
        """Raise NotImportable if the journal has more than was imported."""
        if self._position is not None and await self._journal.stream(self._position, 1):
            raise NotImportable("the journal has more events than the export; import into an empty one")

    async def _stored(self, count: int) -> list[PositionedEvent]:
        """Return the next events that the journal has, up to so many."""
        assert self._position is not None
        found: list[PositionedEvent] = []
        while len(found) < count:
            after = found[-1].position if found else self._position
            page = await self._journal.stream(after, min(PAGE, count - len(found)))
            if not page:
                break
            found += page
        return found

    async def _store_one_by_one(self, entries: Sequence[Entry]) -> None:
        """Store in the order in which it happened: a unique value went from one entity to another and on."""
        folds: dict[str, RowFold[Any]] = {}  # of their own: those in memory may be further on by now
        for number, whose, event in entries:
            fold = folds.setdefault(whose, RowFold(self._behavior(number, whose), whose))
            if fold.folded.sequence_nr < event.sequence_nr - 1:
                await self._catch_up(fold, whose)
            try:
                await self._journal.append(_append(fold, [(number, whose, event)]))
            except ClaimTaken as problem:
                raise NotImportable(f"line {number}: {problem}") from None

    async def _fold(self, number: int, whose: str, next_nr: int) -> RowFold[Any]:
        """Return what was folded so far of an entity; what is no longer in memory is read again."""
        fold = self._folds.pop(whose, None)
        if fold is None:
            fold = RowFold(self._behavior(number, whose), whose)
            if next_nr > 1:
                await self._catch_up(fold, whose)
        self._folds[whose] = fold
        if len(self._folds) > FOLDS:
            self._folds.popitem(last=False)
        return fold

    async def _catch_up(self, fold: RowFold[Any], whose: str) -> None:
        while events := await self._journal.events(whose, fold.folded.sequence_nr):
            fold.add(events)

    def _behavior(self, number: int, whose: str) -> Behavior:
        try:
            return self._behaviors[PersistenceId.parse(whose).kind]
        except (KeyError, ValueError):
            raise NotImportable(f"line {number}: there is nothing of the kind of {whose!r}") from None


def _first(entries: Sequence[Entry]) -> tuple[int, str, int]:
    number, whose, event = entries[0]
    return number, whose, event.sequence_nr


def _append(fold: RowFold[Any], entries: Sequence[Entry]) -> Append:
    """Return the append of what follows in the stream of one entity, and fold it; raises NotImportable."""
    number, whose, _ = entries[0]
    expected, before = fold.folded.sequence_nr, fold.behavior.unique(fold.folded.state)
    listed = fold.behavior.row(fold.folded.state, expected) if expected else None
    events = tuple(event for _, _, event in entries)
    try:
        fold.add(events)
    except (UndecodableEvent, ValueError) as problem:
        raise NotImportable(f"line {number}: {whose}: {problem}") from None
    after = fold.behavior.unique(fold.folded.state)
    gone = tuple(claim for claim in before if claim not in after)
    return Append(whose, expected, events, fold.row(), take=after, release=gone, before=listed)
