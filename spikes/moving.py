"""Bringing all events into another journal: those of an export (`spikes import`), or of a journal (`spikes copy`).

Both go on where they were interrupted, and leave a journal as it is that has anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import IO, Protocol

import msgspec

from spikes.journal.port import PAGE, Journal
from spikes.lines import WINDOW, Entry, NotImportable, lines_of, read_head, whole_streams, windows
from spikes.storing import AT_ONCE, ELSEWHERE, Behavior, Group, Storer, another_event, by_entity

Progress = Callable[[int, int | None], None]
"""Told how many events are done, and of how many, if that is known."""


class Moved(msgspec.Struct, frozen=True):
    """How many events came over, of how many there were; the others were there already."""

    new: int
    events: int

    @property
    def known(self) -> int:
        """How many events were there already."""
        return self.events - self.new


async def imported(
    journal: Journal, behaviors: Sequence[Behavior], file: IO[bytes], progress: Progress = lambda done, total: None
) -> Moved:
    """Store all events of the lines, with their rows and claims. Raises NotImportable."""
    lines = lines_of(file)
    head = read_head(next(lines, b""))
    async with _importing(journal):
        intake = FromFile(journal, Storer(journal, behaviors), await events_in(journal))
        events = await store_all(intake, _beside(windows(lines, head)), head.events, progress)
        intake.check_nothing_else()
    return Moved(events - intake.found, events)


async def copied(
    source: Journal, target: Journal, behaviors: Sequence[Behavior], progress: Progress = lambda done, total: None
) -> Moved:
    """Store all events of one journal in another one, with their rows and claims, and compare how much there is.

    A service may write into the source meanwhile: what it stores may be left to another run, which has little to do. A
    value that went from one entity to another meanwhile may seem to be held by both; a run while nobody writes settles
    that. Raises NotImportable.
    """
    total, begun = (await source.statistics()).events, await _is_begun(source, target)
    async with _importing(target):
        intake = FromJournal(Storer(target, behaviors), begun)
        events = await store_all(intake, _streams_of(source), total, progress)
        await intake.settle()
        there = await count_entities(target)
        if there != intake.entities:
            raise NotImportable(f"the journal has {there:,} entities where the other one has {intake.entities:,}")
    return Moved(events - intake.found, events)


@asynccontextmanager
async def _importing(journal: Journal) -> AsyncIterator[None]:
    """Let a journal be written into as by the only one (rule K13). Interrupted with something in it, it stays so."""
    await journal.importing(True)
    try:
        yield
    except BaseException:
        if not await journal.persistence_ids(limit=1):
            await journal.importing(False)
        raise
    await journal.importing(False)


class Intake(Protocol):
    """What a journal has of what is brought already; `found` counts its events."""

    storer: Storer
    found: int

    async def left(self, window: Sequence[Entry]) -> Sequence[Entry]:
        """Return what of a window is not stored yet; raises NotImportable if the journal has anything else."""
        ...

    async def taken(self, groups: Sequence[Group]) -> None:
        """Care for what could not be stored because others have what it claims."""
        ...


class FromFile:
    """The `Intake` of a file: the journal has all up to some window, a part of that window, and nothing else."""

    def __init__(self, journal: Journal, storer: Storer, there: int) -> None:
        self.storer = storer
        self.found = 0
        self.taken = storer.settle
        self._journal = journal
        self._there = there
        self._position = 0

    async def left(self, window: Sequence[Entry]) -> Sequence[Entry]:
        """See `Intake.left`."""
        if self.found == self._there:
            return window
        if "total_order" in self._journal.capabilities:
            known = await self._known_in_order(window)
        else:
            known = await self.storer.known(window, whole=False)
        self.found += len(known)
        if len(known) < len(window):
            self.check_nothing_else()
        return _without(window, known)

    async def _known_in_order(self, window: Sequence[Entry]) -> set[tuple[str, int]]:
        """Do as `Storer.known`, in one read: what comes next in the journal is of this window."""
        given = {(whose, event.sequence_nr): event for _, whose, event in window}
        known: set[tuple[str, int]] = set()
        while len(known) < len(window):
            page = await self._journal.stream(self._position, min(PAGE, len(window) - len(known)))
            for each in page:
                place = (each.persistence_id, each.event.sequence_nr)
                if given.get(place) != each.event:
                    raise another_event(*place)
                known.add(place)
            if not page:
                break
            self._position = page[-1].position
        return known

    def check_nothing_else(self) -> None:
        """Raise NotImportable if there is more in the journal than was found of the file."""
        if more := self._there - self.found:
            raise NotImportable(f"the journal has {more:,} more events that are not of this export; {ELSEWHERE}")


class FromJournal:
    """The `Intake` of another journal, stream by stream; whatever was interrupted, or was stored there since, is left.

    So streams may follow one whose value they took over; they are put aside until all others are stored.
    """

    def __init__(self, storer: Storer, begun: bool) -> None:
        self.storer = storer
        self.found = 0
        self.entities = 0
        self._begun = begun
        self._aside: list[Group] = []

    async def left(self, window: Sequence[Entry]) -> Sequence[Entry]:
        """See `Intake.left`."""
        self.entities += len(by_entity(window))
        known = await self.storer.known(window, whole=True) if self._begun else set()
        self.found += len(known)
        return _without(window, known)

    async def taken(self, groups: Sequence[Group]) -> None:
        """See `Intake.taken`."""
        self._aside += groups

    async def settle(self) -> None:
        """Store what was put aside; raises NotImportable."""
        await self.storer.settle(self._aside)


async def store_all(
    intake: Intake, reading: AsyncIterator[Sequence[Entry]], total: int | None, progress: Progress
) -> int:
    """Store what is left of each window, while the next one is read; return how many events there were in all."""
    done, storing = 0, None
    try:
        async for window in reading:
            groups = await intake.storer.grouped(await intake.left(window))
            if storing is not None:
                await storing
            storing = asyncio.create_task(_store(intake, groups))
            done += len(window)
            progress(done, total)
    finally:
        if storing is not None:
            await storing
    return done


async def _store(intake: Intake, groups: Sequence[Group]) -> None:
    await intake.taken(await intake.storer.store(groups))


async def events_in(journal: Journal) -> int:
    """Return exactly how many events there are."""
    if "exact_counts" in journal.capabilities:
        return (await journal.statistics()).events
    count, after = 0, ("", 0)
    while page := await journal.streams(after):
        count, after = count + len(page), (page[-1].persistence_id, page[-1].event.sequence_nr)
    return count


async def count_entities(journal: Journal) -> int:
    """Return exactly how many entities there are."""
    return sum([len(ids) async for ids in _ids_of(journal)])


async def _ids_of(journal: Journal) -> AsyncIterator[Sequence[str]]:
    after = ""
    while ids := await journal.persistence_ids(after):
        yield ids
        after = ids[-1]


async def _is_begun(source: Journal, target: Journal) -> bool:
    """Tell whether there is anything to go on from; raises NotImportable for what does not come from the source."""
    if source.identity == target.identity:
        raise NotImportable("both are the same journal; name another one to copy to")
    begun = False
    async for ids in _ids_of(target):
        begun = True
        for start in range(0, len(ids), AT_ONCE):
            await asyncio.gather(*(_check_origin(source, target, each) for each in ids[start : start + AT_ONCE]))
    return begun


async def _check_origin(source: Journal, target: Journal, persistence_id: str) -> None:
    first, there = await asyncio.gather(source.events(persistence_id, 0, 1), target.events(persistence_id, 0, 1))
    if first != there:
        raise NotImportable(f"the journal has {persistence_id}, which the other one has not; {ELSEWHERE}")


async def _streams_of(journal: Journal) -> AsyncIterator[Sequence[Entry]]:
    """Yield the events of a journal, each stream whole."""
    rest: list[Entry] = []
    after = ("", 0)
    while page := await journal.streams(after, WINDOW):
        window, rest = whole_streams(rest + [(0, each.persistence_id, each.event) for each in page])
        after = page[-1].persistence_id, page[-1].event.sequence_nr
        if window:
            yield window
    if rest:
        yield rest


async def _beside(iterator: Iterator[Sequence[Entry]]) -> AsyncIterator[Sequence[Entry]]:
    """Yield what an iterator yields, which is read beside the loop."""
    while window := await asyncio.to_thread(next, iterator, None):
        yield window


def _without(window: Sequence[Entry], known: set[tuple[str, int]]) -> Sequence[Entry]:
    return [entry for entry in window if (entry[1], entry[2].sequence_nr) not in known] if known else window
