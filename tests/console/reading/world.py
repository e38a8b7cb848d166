"""Entities and their journal, for tests of what the console reads of them."""

from __future__ import annotations

from typing import Any

from spikes.actors.system import EntitySystem
from spikes.bootstrap import BEHAVIORS
from spikes.domain.note.command import CreateNote, UpdateNote
from spikes.domain.user.command import Register
from spikes.journal.port import Append, EntityRow, Journal, Metadata, StoredEvent
from spikes.persistence.identity import PersistenceId
from tests.domain.samples import ANN, NOTE, login, register

__all__ = ["ANN", "ANNS_NOTE", "BY_KIND", "NOTE", "World", "event", "store"]

ANNS_NOTE = PersistenceId.of("note", NOTE)
BY_KIND = {behavior.kind: behavior for behavior in BEHAVIORS}


class World:
    """A journal, and the actors over it."""

    def __init__(self, journal: Journal, entities: EntitySystem) -> None:
        self.journal = journal
        self.entities = entities

    async def write(self, title: str = "A secret plan", body: str = "Nobody knows.", **more: Any) -> str:
        """Let Ann write a note; return its persistence id."""
        await self.ask(CreateNote(more.pop("id", NOTE), title, body, **more))
        return str(ANNS_NOTE)

    async def change(self, title: str, body: str = "Nobody knows.", **more: Any) -> None:
        """Let Ann change the note."""
        await self.ask(UpdateNote(title, body, None, more.pop("status", "New"), more.pop("access", "Public"), **more))

    async def ask(self, command: Any, request_id: str = "request-1") -> None:
        """Let Ann's note handle a command, and make sure that it could."""
        entity = PersistenceId.of("note", getattr(command, "id", NOTE))
        answer = await self.entities.ask(entity, command, principal=ANN, request_id=request_id)
        assert answer.sequence_nr > 0, answer

    async def register(self, **changes: Any) -> str:
        """Let Ann register and log in; return her persistence id."""
        command: Register = register(**changes)
        entity = PersistenceId.of("user", command.id)
        await self.entities.ask(entity, command)
        await self.entities.ask(entity, login())
        return str(entity)


def event(number: int, type: str = "note-created@9", payload: bytes = b'{"text": "odd"}') -> StoredEvent:  # noqa: A002
    """Return an event of a type that nobody knows, unless it is named."""
    return StoredEvent(number, type, payload, Metadata(1_000 + number, f"attempt-{number}"))


async def store(journal: Journal, persistence_id: str, *events: StoredEvent, version: int = 3) -> None:
    """Store events as they are, whatever they are, in a stream that has none yet or goes on with them."""
    last = events[-1].sequence_nr
    row = EntityRow(persistence_id, last, version, None, None)
    await journal.append(Append(persistence_id, events[0].sequence_nr - 1, events, row))
