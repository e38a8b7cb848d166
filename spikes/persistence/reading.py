"""Folding a stored stream, page by page: recovery, catching up, and the state that an earlier command led to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from spikes.journal.port import PAGE, Loaded, Snapshot, StoredEvent
from spikes.persistence import protocol as p
from spikes.persistence.behavior import EventSourcedBehavior, Folded

S = TypeVar("S")

NO_SNAPSHOT = -1
"""A state version that no row has: the fold starts at the first event."""


class Unreadable(Exception):
    """A stored event or state can't be read; says whose, its sequence number and its type."""


class Reading(Generic[S]):
    """One fold under way. Ask for `load()` or `more()`, then `take` each result until it returns True.

    With `to`, nothing after that sequence number goes into the fold.
    """

    def __init__(
        self,
        behavior: EventSourcedBehavior[Any, Any, S],
        persistence_id: str,
        start: Folded[S] | None = None,
        to: int | None = None,
    ) -> None:
        self.folded = behavior.start() if start is None else start
        self._behavior = behavior
        self._persistence_id = persistence_id
        self._to = to

    def load(self, recovers: bool = True) -> p.Load:
        """Return the request for snapshot and events."""
        version = self._behavior.state_version if self._behavior.recovery.from_snapshot else NO_SNAPSHOT
        return p.Load(self._persistence_id, version, self._to, recovers)

    def more(self) -> p.ReadEvents:
        """Return the request for the events that follow."""
        return p.ReadEvents(self._persistence_id, self.folded.sequence_nr)

    def take(self, result: Loaded | tuple[StoredEvent, ...]) -> bool:
        """Fold what was read; tell whether that was all. Raises Unreadable."""
        if isinstance(result, Loaded):
            self._thaw(result.snapshot)
            return self._fold(result.events) or result.complete
        return self._fold(result) or len(result) < PAGE

    def _thaw(self, snapshot: Snapshot | None) -> None:
        try:
            self.folded = self._behavior.thaw(snapshot)
        except Exception as problem:
            advice = "`spikes rebuild` makes it anew"
            raise Unreadable(
                f"{self._persistence_id}: the stored state can't be read ({problem}); {advice}"
            ) from problem

    def _fold(self, events: Sequence[StoredEvent]) -> bool:
        """Fold the events; tell whether the end that was asked for is reached."""
        wanted = events if self._to is None else [each for each in events if each.sequence_nr <= self._to]
        try:
            self.folded = self._behavior.fold(self.folded, wanted)
        except Exception as problem:
            raise Unreadable(f"{self._persistence_id}: {problem}") from problem
        return self._to is not None and self.folded.sequence_nr >= self._to
