"""States of the past, for events whose entity has gone on since."""

from __future__ import annotations

from typing import Any

from spikes.journal.port import Journal, StoredEvent
from spikes.persistence.behavior import EventSourcedBehavior, Folded
from spikes.persistence.reading import Reading


class Folds:
    """Folds of one kind up to given events, each going on from the last one of its entity. For one batch of events."""

    def __init__(self, journal: Journal, behavior: EventSourcedBehavior[Any, Any, Any]) -> None:
        self._journal = journal
        self._behavior = behavior
        self._folded: dict[str, Folded[Any]] = {}

    async def at(self, persistence_id: str, sequence_nr: int) -> Folded[Any]:
        """Return the fold up to `sequence_nr`. Raises JournalUnavailable, Unreadable."""
        folded = self._folded.get(persistence_id)
        if folded is None or folded.sequence_nr > sequence_nr:
            folded = await self._read(persistence_id, sequence_nr)
        elif folded.sequence_nr < sequence_nr:
            folded = await self._go_on(persistence_id, folded, sequence_nr)
        self._folded[persistence_id] = folded
        return folded

    async def newest(self, persistence_id: str) -> Folded[Any]:
        """Return the fold of all events there are. Raises JournalUnavailable, Unreadable."""
        return await self._read(persistence_id, None)

    def after(self, persistence_id: str, before: Folded[Any], event: StoredEvent) -> Folded[Any]:
        """Return the fold that one more event leads to. Raises Unreadable."""
        reading = Reading(self._behavior, persistence_id, before)
        reading.take((event,))
        self._folded[persistence_id] = reading.folded
        return reading.folded

    async def _read(self, persistence_id: str, to: int | None) -> Folded[Any]:
        reading = Reading(self._behavior, persistence_id, to=to)
        done = reading.take(await self._journal.load(persistence_id, self._behavior.state_version, to))
        while not done:
            done = reading.take(await self._journal.events(persistence_id, reading.folded.sequence_nr))
        return reading.folded

    async def _go_on(self, persistence_id: str, folded: Folded[Any], sequence_nr: int) -> Folded[Any]:
        reading = Reading(self._behavior, persistence_id, folded, to=sequence_nr)
        reading.take(await self._journal.events(persistence_id, folded.sequence_nr, sequence_nr - folded.sequence_nr))
        return reading.folded
