"""Settings to journal to actor system to web: the only place that assembles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from spikes.actors.system import EntitySystem, Limits
from spikes.domain.note.behavior import note_behavior
from spikes.domain.user.behavior import user_behavior
from spikes.journal import open_journal
from spikes.journal.port import Journal
from spikes.maintenance import refold_in_background
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.settings import Settings

BEHAVIORS: Sequence[EventSourcedBehavior[Any, Any, Any]] = (user_behavior, note_behavior)
"""Every kind of entity the service has."""


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[Journal]:
    """Open the journal with the tables that the behaviours need, and close it at the end."""
    journal = await open_journal(url, [behavior.schema for behavior in BEHAVIORS])
    try:
        yield journal
    finally:
        await journal.close()


@asynccontextmanager
async def start_entities(settings: Settings, url: str | None = None) -> AsyncIterator[tuple[EntitySystem, Journal]]:
    """Open the journal and start the actors over it, without housekeepers; end both in the right order."""
    async with open_store(url or settings.journal) as journal:
        limits = Limits(settings.ask_timeout, settings.max_entities, settings.entity_idle)
        entities = EntitySystem.start(journal, BEHAVIORS, limits)
        try:
            yield entities, journal
        finally:
            await entities.close()
