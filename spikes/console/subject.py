"""Which entity a page is about, and what every process has of it in memory. Nothing here makes one live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from spikes.actors.looking import LiveEntity
from spikes.console.finding import is_persistence_id
from spikes.console.folding import Behavior
from spikes.console.inside import Inside
from spikes.console.page import BadRequest, NotThere, PageContext
from spikes.persistence.identity import PersistenceId

LONGEST_ID = 200
"""The longest persistence id that is looked up, in characters."""


class Subject(msgspec.Struct, frozen=True):
    """An entity, and how its kind behaves: None if this release has no such kind."""

    persistence_id: str
    kind: str
    entity_id: str
    behavior: Behavior | None

    @property
    def known(self) -> Behavior:
        """How it behaves; raises NotThere if nobody knows."""
        if self.behavior is None:
            raise NotThere(f"this release has no entities of the kind {self.kind[:50]}, so they can't be folded")
        return self.behavior


def entity_of(text: str) -> PersistenceId:
    """Return the entity that a text names. Raises BadRequest for what can't be one."""
    if len(text) > LONGEST_ID or not is_persistence_id(text):
        raise BadRequest("id is wrong: it must be a persistence id, like note|0MZ4A1B2C3ABC")
    return PersistenceId.parse(text)


def subject_of(context: PageContext) -> Subject:
    """Return the entity that the query names as `id`. Raises BadRequest for what can't be one."""
    text = context.query.get("id", "")
    entity = entity_of(text)
    return Subject(text, entity.kind, entity.entity_id, context.inside.behavior(entity.kind))


async def own_look(inside: Inside, parameters: Mapping[str, str]) -> LiveEntity | None:
    """Answer another process what is in memory here of an entity."""
    return inside.entities.look(PersistenceId.parse(parameters["id"]))


async def live_actors(context: PageContext, persistence_id: str) -> Sequence[tuple[str, LiveEntity]]:
    """Return the live actors of an entity, in whichever process, by the name of the process."""
    answers = await context.peers.ask("entity", id=persistence_id)
    found = ((pid, msgspec.convert(answer, LiveEntity | None)) for pid, answer in answers.items())
    return [(f"actor in process {pid}", entity) for pid, entity in found if entity is not None]
