"""What the console sees of the process that it runs in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from spikes.actors.system import EntitySystem
from spikes.journal.port import Journal
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.settings import Settings
from spikes.web.state import ServiceState


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """The running service of one process, as the console reads it. `started` is in seconds since the epoch."""

    settings: Settings
    state: ServiceState
    entities: EntitySystem
    journal: Journal
    behaviors: Sequence[EventSourcedBehavior[Any, Any, Any]]
    started: float = msgspec.field(default_factory=time.time)

    def behavior(self, kind: str) -> EventSourcedBehavior[Any, Any, Any] | None:
        """Return how entities of this kind behave, None if there is no such kind."""
        return next((behavior for behavior in self.behaviors if behavior.kind == kind), None)
