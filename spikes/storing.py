"""Bringing the events of one journal into another one, with rows and claims made anew, many entities side by side."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from spikes.journal.errors import ClaimTaken, SequenceConflict
from spikes.journal.port import PAGE, Append, Journal, StoredEvent
from spikes.lines import Entry, NotImportable
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.codec import UndecodableEvent
from spikes.persistence.identity import PersistenceId
from spikes.persistence.rebuild import RowFold

Behavior = EventSourcedBehavior[Any, Any, Any]

FOLDS = 20_000
"""How many entities are kept in memory, for their next events."""

AT_ONCE = 200
"""How many entities are stored, or compared, at the same time."""

MOST_EVENTS = 500
MOST_BYTES = 1024 * 1024
"""What one append has at most, in events and in bytes of their payloads, unless it is one event alone."""


ELSEWHERE = "bring these into an empty one"


class Group(msgspec.Struct, frozen=True):
    """What follows in the stream of one entity, and the appends that store it one after another."""

    entries: Sequence[Entry]
    appends: Sequence[Append]


class Storer:
    """Stores entries in a journal that nobody else writes into.

    Where a stream is stored by several appends, only the last one takes claims. A value that went from one entity to
    another is then in nobody's way, as long as what each has at the end of its entries is what it has at one moment.
    """

    def __init__(self, journal: Journal, behaviors: Sequence[Behavior]) -> None:
        self._journal = journal
        self._behaviors: Mapping[str, Behavior] = {behavior.kind: behavior for behavior in behaviors}
        self._folds: OrderedDict[str, RowFold[Any]] = OrderedDict()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def known(self, entries: Sequence[Entry], *, whole: bool) -> set[tuple[str, int]]:
        """Return which of these events the journal has already; raises NotImportable if it has another one there.

        With `whole` the entries are whole streams, and the journal may not have more of them either.
        """
        streams = by_entity(entries).items()
        found = await asyncio.gather(*(self._known(whose, some, len(some) + whole) for whose, some in streams))
        return {place for some in found for place in some}

    async def grouped(self, entries: Sequence[Entry]) -> list[Group]:
        """Return entries that follow by entity, with what is to be stored for each; raises NotImportable."""
        return [
            Group(some, list(_appends(await self._fold(*_first(some)), some, whole=True)))
            for some in by_entity(entries).values()
        ]

    async def store(self, groups: Sequence[Group]) -> list[Group]:
        """Store groups side by side; return those whose claims others have. Raises NotImportable and JournalError."""
        outcomes = await asyncio.gather(*(self._store(group.appends) for group in groups), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, ClaimTaken):
                raise outcome
        return [group for group, outcome in zip(groups, outcomes, strict=True) if isinstance(outcome, ClaimTaken)]

    async def settle(self, groups: Sequence[Group]) -> None:
        """Store what `store` could not, as a unique value went from one entity to the next; raises NotImportable.

        First all events but the last of each, which let go of what the entity no longer has and take nothing. Then the
        last ones, each as soon as nobody else has what it takes: of those that are left, the one that happened first
        always can, since whoever had that before has let go of it. Times alone don't tell which one that is.
        """
        last = [await self._all_but_the_last(group.entries) for group in groups]
        while last:
            taken = [(entry, why) for entry, append in last if (why := await self._refusal(append))]
            if len(taken) == len(last):
                (number, whose, _), why = taken[0]
                raise NotImportable(f"{_at(number)}{whose}: {why}")
            waiting = {whose for (_, whose, _), _ in taken}
            last = [each for each in last if each[0][1] in waiting]

    async def _all_but_the_last(self, entries: Sequence[Entry]) -> tuple[Entry, Append]:
        """Store what is not there yet of one entity up to the last entry; return that, and its append."""
        number, whose, _ = entries[-1]
        fold = RowFold(self._behavior(number, whose), whose)  # of its own: the one in memory is further on
        await self._catch_up(fold, whose)
        left = [entry for entry in entries if entry[2].sequence_nr > fold.folded.sequence_nr]
        await self._store(_appends(fold, left[:-1], whole=False))
        return left[-1], _append(fold, left[-1:], take=True)

    async def _refusal(self, append: Append) -> ClaimTaken | None:
        try:
            await self._store([append])
        except ClaimTaken as problem:
            return problem
        return None

    async def _store(self, appends: Iterable[Append]) -> None:
        async with self._room:
            for append in appends:
                try:
                    await self._journal.append(append)
                except SequenceConflict as problem:
                    raise NotImportable(f"somebody else writes into this journal: {problem}") from None

    async def _known(self, whose: str, entries: Sequence[Entry], wanted: int) -> list[tuple[str, int]]:
        found: list[StoredEvent] = []
        after = entries[0][2].sequence_nr - 1
        async with self._room:
            while page := await self._journal.events(whose, after + len(found), min(PAGE, wanted - len(found))):
                found += page
                if len(found) == wanted:
                    break
        given = [event for _, _, event in entries]
        for number, (stored, event) in enumerate(zip_longest(found, given), after + 1):
            if stored is not None and stored != event:
                raise another_event(whose, number)
        return [(whose, stored.sequence_nr) for stored in found]

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
            raise NotImportable(f"{_at(number)}there is nothing of the kind of {whose!r}") from None


def another_event(whose: str, number: int) -> NotImportable:
    """Return what is to be raised where a journal has something else."""
    return NotImportable(f"the journal has another event {number} of {whose}; {ELSEWHERE}")


def by_entity(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each entity, in order."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry[1], []).append(entry)
    return found


def _at(number: int) -> str:
    return f"line {number}: " if number else ""


def _first(entries: Sequence[Entry]) -> tuple[int, str, int]:
    number, whose, event = entries[0]
    return number, whose, event.sequence_nr


def _appends(fold: RowFold[Any], entries: Sequence[Entry], *, whole: bool) -> Iterator[Append]:
    """Yield the appends of what follows in the stream of one entity, and fold it; raises NotImportable.

    Each lets go of the claims that the entity no longer has; with `whole` the last one takes those that it has then.
    """
    left = sum(1 for _ in _parts(entries))
    for part in _parts(entries):
        left -= 1
        yield _append(fold, part, take=whole and not left)


def _parts(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Cut entries so that each part is within what one append may have."""
    begin, size = 0, 0
    for at, (_, _, event) in enumerate(entries):
        size += len(event.payload)
        if at > begin and (at - begin == MOST_EVENTS or size > MOST_BYTES):
            yield entries[begin:at]
            begin, size = at, len(event.payload)
    if entries:
        yield entries[begin:]


def _append(fold: RowFold[Any], entries: Sequence[Entry], *, take: bool) -> Append:
    number, whose, _ = entries[0]
    expected, before = fold.folded.sequence_nr, fold.behavior.unique(fold.folded.state)
    listed = fold.behavior.row(fold.folded.state, expected) if expected else None
    events = tuple(event for _, _, event in entries)
    try:
        fold.add(events)
    except (UndecodableEvent, ValueError) as problem:
        raise NotImportable(f"{_at(number)}{whose}: {problem}") from None
    after = fold.behavior.unique(fold.folded.state)
    gone = tuple(claim for claim in before if claim not in after)
    return Append(whose, expected, events, fold.row(), take=after if take else (), release=gone, before=listed)
