"""Events of one stream as an operator needs them: what is missing or damaged between them is told, never raised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from spikes.journal.errors import JournalError, JournalUnavailable
from spikes.journal.port import Journal, RowVersion, StoredEvent

PAGE = 1_000
"""How many events are read at a time on the way to a stream's end."""

MOST_BEYOND = 100_000
"""How far behind a stream's row its end is looked for."""

ONE_BY_ONE = 100
"""How many numbers are tried one by one where several can't be read together."""


class Damage(msgspec.Struct, frozen=True):
    """The numbers `first` to `last` of a stream are missing or can't be read; `problem` says why."""

    first: int
    last: int
    problem: str


class Head(msgspec.Struct, frozen=True):
    """Where a stream ends: the number of its last event that can be found, and the version of its row.

    `problem` tells why there may be more events than that.
    """

    number: int
    row: RowVersion | None
    problem: str | None = None

    @property
    def exists(self) -> bool:
        """Tell whether anything is stored of the entity."""
        return self.number > 0 or self.row is not None


async def head_of(journal: Journal, persistence_id: str) -> Head:
    """Find the end of a stream, without reading what its row knows already. Raises JournalUnavailable."""
    row = (await journal.load(persistence_id, 0, to=0)).row
    number = start = row.sequence_nr if row else 0
    try:
        while number - start < MOST_BEYOND:
            page = await journal.events(persistence_id, number, PAGE)
            number = page[-1].sequence_nr if page else number
            if len(page) < PAGE:
                return Head(number, row)
    except JournalError as error:
        return Head(number, row, damage(error))
    return Head(number, row, f"there are more events after number {number:,}")


async def stretch(journal: Journal, persistence_id: str, first: int, last: int) -> Sequence[StoredEvent | Damage]:
    """Read the events numbered `first` to `last`, in order, with a `Damage` for each gap. Raises JournalUnavailable."""
    if last < first:
        return ()
    try:
        found = await journal.events(persistence_id, first - 1, last - first + 1)
    except JournalError as error:
        damage(error)
        return await _one_by_one(journal, persistence_id, first, last)
    return tuple(_with_gaps([event for event in found if event.sequence_nr <= last], first, last))


async def _one_by_one(journal: Journal, persistence_id: str, first: int, last: int) -> Sequence[StoredEvent | Damage]:
    found: list[StoredEvent | Damage] = []
    number = first
    while number <= last and len(found) < ONE_BY_ONE:
        try:
            events = await journal.events(persistence_id, number - 1, 1)
        except JournalError as error:
            found.append(Damage(number, number, damage(error)))
            number += 1
            continue
        until = min(events[0].sequence_nr, last + 1) if events else last + 1
        found += _with_gaps([event for event in events if event.sequence_nr <= last], number, min(until, last))
        number = until + 1
    if number <= last:
        found.append(Damage(number, last, "not tried: too much before it can't be read"))
    return found


def _with_gaps(events: Sequence[StoredEvent], first: int, last: int) -> Iterator[StoredEvent | Damage]:
    expected = first
    for event in events:
        if event.sequence_nr > expected:
            yield Damage(expected, event.sequence_nr - 1, "missing: the stream has a gap")
        yield event
        expected = event.sequence_nr + 1
    if expected <= last:
        yield Damage(expected, last, "missing: the stream has a gap")


def damage(error: Exception) -> str:
    """Say what is damaged. A store that can't be used now is no damage: raises it again."""
    if isinstance(error, JournalUnavailable):
        raise error
    return str(error) or repr(error)
