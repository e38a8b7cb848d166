"""What the console sees of the process that it runs in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from spikes.actors.system import EntitySystem
from spikes.console.log_level import LogLevel
from spikes.console.watch import Watch
from spikes.journal.port import Journal
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.settings import Settings
from spikes.web.state import ServiceState


class Inside:
    """The running service of one process, as the console reads it. `started` is in seconds since the epoch."""

    def __init__(
        self,
        *,
        settings: Settings,
        state: ServiceState,
        entities: EntitySystem,
        journal: Journal,
        behaviors: Sequence[EventSourcedBehavior[Any, Any, Any]],
    ) -> None:
        self.settings = settings
        self.state = state
        self.entities = entities
        self.journal = journal
        self.behaviors = behaviors
        self.started = time.time()
        self.log_level = LogLevel(settings.log_level)
        self.watch = Watch(journal, settings.ask_timeout)

    def behavior(self, kind: str) -> EventSourcedBehavior[Any, Any, Any] | None:
        """Return how entities of this kind behave, None if there is no such kind."""
        return next((behavior for behavior in self.behaviors if behavior.kind == kind), None)
