"""What can be seen of an entity in memory without asking it anything: no message is sent, no actor is made.

Everything runs on one loop and a handler is never half done when something else runs, so a look from outside sees the
entity as it is between two messages.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from spikes.actors.entity import Entity
from spikes.actors.observing import without_texts
from spikes.actors.region import Child, Routes
from spikes.actors.system_dispatch import Receiver
from spikes.actors.system_refs import ActorRef
from spikes.journal.port import Snapshot
from spikes.persistence.identity import PersistenceId

MOST_STATE = 4 * 1024 * 1024
"""The largest state that is shown, in bytes; of a larger one only its version."""


class LiveEntity(msgspec.Struct, frozen=True):
    """An entity in memory.

    `sequence_nr` is the event up to which it is folded, `state` that fold (None if it is too large or there is none
    yet), `waiting` counts the commands that wait in it or are under way, `buffered` those that wait for it to leave and
    come again. `idle` is in seconds; the last command's time in milliseconds since the epoch.
    """

    persistence_id: str
    address: str
    sequence_nr: int
    state: Snapshot | None
    waiting: int
    buffered: int
    leaving: bool
    idle: float
    last_command: str | None = None
    last_command_time: int | None = None
    last_error: str | None = None
    last_error_time: int | None = None
    broken: str | None = None


def look_at(
    entity: PersistenceId, routes: Routes, receivers: Mapping[object, Receiver], now: float
) -> LiveEntity | None:
    """Return what is in memory of an entity; None if it is not, or only just being made. It counts as no use."""
    child = routes.children.get(entity.entity_id)
    ref = receivers.get(child.address.addressDetails) if child is not None else None
    actor = ref.instance if isinstance(ref, ActorRef) else None
    if child is None or not isinstance(actor, Entity) or actor.core is None:
        return None
    return _seen(child, actor, now)


def _seen(child: Child, actor: Entity, now: float) -> LiveEntity:
    core = actor.core
    assert core is not None
    state = core.behavior.freeze(core.folded) if core.folded.sequence_nr else None
    return LiveEntity(
        core.persistence_id,
        child.address.actorAddressString,
        core.folded.sequence_nr,
        state if state is None or len(state.state) <= MOST_STATE else None,
        core.waiting,
        len(child.buffer or ()),
        child.buffer is not None,
        max(0.0, now - child.used),
        actor.last_command,
        actor.last_command_time,
        actor.last_error,
        actor.last_error_time,
        without_texts(core.broken) if core.broken is not None else None,
    )
