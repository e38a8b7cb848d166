"""The row that a stream of events leads to, made from the events alone: for `rebuild`, `verify` and the testkit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from spikes.journal.port import EntityRow, StoredEvent
from spikes.persistence.behavior import EventSourcedBehavior, Folded

S = TypeVar("S")


class RowFold(Generic[S]):
    """Folds one stream from its first event, page by page; then `row()` is what the live appends have left (R1)."""

    def __init__(self, behavior: EventSourcedBehavior[Any, Any, S], persistence_id: str) -> None:
        self.folded: Folded[S] = behavior.start()
        self._due: Folded[S] | None = None
        self.behavior = behavior
        self._persistence_id = persistence_id

    def add(self, events: Sequence[StoredEvent]) -> None:
        """Fold the events that follow; raises UndecodableEvent, and ValueError if a number is missing."""
        before = self.folded.sequence_nr
        cut = self.behavior.retention.last_due(before + len(events)) - before
        if cut > 0:
            self.folded = self._due = self.behavior.fold(self.folded, events[:cut])
        self.folded = self.behavior.fold(self.folded, events[max(cut, 0) :])

    def row(self) -> EntityRow:
        """Return the whole row, with the state at the last sequence number at which it was due."""
        return self.behavior.entity_row(self._persistence_id, self.folded, self._due)
