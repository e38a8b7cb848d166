"""What the actors are given at start. Nothing in here changes while they live."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
from thespian.actors import Actor, ActorAddress

from spikes.persistence.behavior import EventSourcedBehavior
from spikes.telemetry.metrics import EntityMeters


class Freshness(msgspec.Struct, frozen=True):
    """The three calls of a journal that cost no I/O, so that a warm entity answers without a message (rule C6)."""

    is_current: Callable[[str, int], bool | None]
    watch: Callable[[str], None]
    unwatch: Callable[[str], None]


class EntityEnvironment(msgspec.Struct, frozen=True):
    """What a region and its entities share. Times are in seconds; `capacity` counts entities in memory, of one kind."""

    behavior: EventSourcedBehavior[Any, Any, Any]
    journal: ActorAddress
    freshness: Freshness
    writer_id: str
    meters: EntityMeters
    capacity: int = 100_000
    idle: float = 600.0
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random


def bound(actor_class: type[Actor], **attributes: Any) -> type[Actor]:
    """Return a subclass that has these class attributes: Thespian makes actors without arguments."""
    return type(actor_class.__name__, (actor_class,), attributes)
