"""Settings to journal to actor system to web: the only place that assembles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from spikes import __version__, log, telemetry
from spikes.actors.system import EntitySystem, Limits
from spikes.console.inside import Inside
from spikes.console.listener import make_management_app
from spikes.domain.audit.behavior import audit_behavior
from spikes.domain.note.behavior import note_behavior
from spikes.domain.tag.behavior import tag_behavior
from spikes.domain.ticket.behavior import ticket_behavior
from spikes.domain.user.behavior import user_behavior
from spikes.journal import Credentials, open_journal
from spikes.journal.measured import measured
from spikes.journal.port import Journal
from spikes.maintenance import refold_in_background, sweep_in_background
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.settings import Settings
from spikes.telemetry import lines, metrics, reporting, tracing
from spikes.telemetry.history import observe
from spikes.web.app import Application, make_app
from spikes.web.state import ServiceState

BEHAVIORS: Sequence[EventSourcedBehavior[Any, Any, Any]] = (
    user_behavior,
    note_behavior,
    tag_behavior,
    ticket_behavior,
    audit_behavior,
)
"""Every kind of entity the service has."""


async def open_store(url: str, credentials: Credentials | None = None, *, migrate: bool = False) -> Journal:
    """Open the journal with the tables that the behaviours need. Raises JournalUnusable."""
    return await open_journal(url, [behavior.schema for behavior in BEHAVIORS], credentials, migrate=migrate)


def credentials_of(settings: Settings) -> Credentials | None:
    """Return by what the service is known to its journal, None if there is no need."""
    if settings.journal_username is None or settings.journal_password is None:
        return None
    return Credentials(settings.journal_username, settings.journal_password)


def limits_of(settings: Settings) -> Limits:
    """Return what the actors need of the settings."""
    return Limits(settings.ask_timeout, settings.max_entities, settings.entity_idle)


@asynccontextmanager
async def start_entities(settings: Settings) -> AsyncIterator[tuple[EntitySystem, Journal]]:
    """Open the journal and start the actors over it, without housekeepers; end both in the right order."""
    journal = await open_store(settings.journal, credentials_of(settings))
    entities = EntitySystem.start(journal, BEHAVIORS, limits_of(settings))
    try:
        yield entities, journal
    finally:
        await entities.close()
        await journal.close()


class Service:
    """The assembled service: the applications, its state, and how to end what is behind it."""

    def __init__(
        self, app: Application, settings: Settings, state: ServiceState, entities: EntitySystem, journal: Journal
    ) -> None:
        self.app = app
        self.state = state
        self.entities = entities
        self.journal = journal
        self.inside = Inside(settings=settings, state=state, entities=entities, journal=journal, behaviors=BEHAVIORS)
        self._background = {
            asyncio.create_task(refold_in_background(journal, BEHAVIORS)),
            asyncio.create_task(sweep_in_background(journal, BEHAVIORS)),
            asyncio.create_task(observe(telemetry.here.history)),
        }
        self._draining = metrics.DRAINING.read_from(lambda: state.draining)

    def management(self, peers: str | None) -> Application:
        """Make the application of the management listener; `peers` is the directory where workers find each other."""
        return make_management_app(self.inside, peers)

    async def drain(self) -> None:
        """Finish what the entities have taken in; no new request comes."""
        for task in self._background:
            task.cancel()
        await asyncio.wait(self._background)
        await self.entities.close()

    async def close(self) -> None:
        """Let go of the journal."""
        self._draining()
        await self.journal.close()
        if tracing.now is not None:
            await tracing.now.close()
        if reporting.now is not None:
            await asyncio.to_thread(reporting.now.close)


async def assemble(settings: Settings) -> Service:
    """Start everything but the sockets. Raises JournalUnusable if the journal can't be opened, and SettingError."""
    tracing.set_up()
    reporting.set_up(settings.sentry_dsn)
    log.watch(lines.notice)
    opened = await open_store(settings.journal, credentials_of(settings))
    journal = measured(opened, settings.journal.partition(":")[0])
    entities = EntitySystem.start(journal, BEHAVIORS, limits_of(settings))
    entities.keep_house()
    state = ServiceState(recovered=True, version=__version__)
    return Service(make_app(entities, journal, settings, state), settings, state, entities, journal)
