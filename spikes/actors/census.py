"""Who is alive, and who has most to do. It reads what is there: it sends no message and makes no actor.

A look at very many actors goes through them in slices, and everything else on the loop gets its turn in between.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Literal

import msgspec

from spikes.actors.entity import Entity
from spikes.actors.system_asyncio import AsyncioSide
from spikes.actors.system_refs import ActorRef
from spikes.persistence.core import PersistentEntity

Order = Literal["mailbox", "messages", "time", "age"]

SLICE = 2_000
"""How many actors are looked at before everything else on the loop gets its turn: about 3 ms."""

SECONDS = 2.0
"""How long one look may take; then it ends with whom it has seen."""

QUEUED = 50_000
"""How many waiting messages are counted by actor."""


class ActorFigures(msgspec.Struct, frozen=True):
    """One actor.

    `mailbox` counts the messages on their way to it and, for an entity, the commands that wait in it. `messages` it has
    handled in `seconds`; `age` is how long it lives, in seconds. `persistence_id` is the entity that it is, if any.
    """

    address: str
    kind: str
    persistence_id: str | None
    mailbox: int
    messages: int
    seconds: float
    age: float
    children: int


class Census(msgspec.Struct, frozen=True):
    """An actor system: figures of all, how many of each class, and the first in an order.

    With `complete` false there was no time to look at all; `kinds` and `top` are of the others.
    """

    live: int
    delivered: int
    waiting: int
    dead_letters: int
    tasks: int
    kinds: Mapping[str, int]
    top: Sequence[ActorFigures]
    complete: bool


class Branch(msgspec.Struct, frozen=True):
    """An actor (None for the system itself), and some of its children: those from place `start` on."""

    actor: ActorFigures | None
    parent: str | None
    start: int
    total: int
    children: Sequence[ActorFigures]


async def census(base: AsyncioSide, order: Order, limit: int) -> Census:
    """Look at all actors; `top` are the first `limit` of them."""
    queued, until = base.queued(QUEUED), time.monotonic() + SECONDS
    classes: Counter[type] = Counter()
    best: list[ActorRef] = []
    refs = list(base.actors())
    seen = 0
    while seen < len(refs) and time.monotonic() < until:
        living = [ref for ref in refs[seen : seen + SLICE] if ref.instance is not None]
        classes.update(map(type, map(_instance, living)))
        best = _first([*best, *living], queued, order, limit)
        seen += SLICE
        await asyncio.sleep(0)
    return Census(
        base.live_actors,
        base.delivered,
        base.mailbox_depth,
        base.dead_letters,
        base.running_tasks,
        _by_name(classes),
        [_figures(ref, queued, time.monotonic()) for ref in best if ref.instance is not None],
        seen >= len(refs),
    )


_instance, _handled, _seconds, _born = map(attrgetter, ("instance", "handled", "seconds", "born"))


def _first(refs: Sequence[ActorRef], queued: Mapping[object, int], order: Order, limit: int) -> list[ActorRef]:
    """Return the first in an order. Very many are looked at, and of most nothing but one number."""
    match order:
        case "messages":
            return heapq.nlargest(limit, refs, key=_handled)
        case "time":
            return heapq.nlargest(limit, refs, key=_seconds)
        case "age":
            return heapq.nsmallest(limit, refs, key=_born)
        case "mailbox":
            busy = [ref for ref in refs if _waiting(ref) or (queued and ref.address.addressDetails in queued)]
            first = heapq.nlargest(limit, busy, key=lambda ref: (_mailbox(ref, queued), ref.handled))
            idle = heapq.nlargest(limit, refs, key=_handled) if len(first) < limit else []
            return list(dict.fromkeys([*first, *idle]))[:limit]


def _by_name(classes: Mapping[type, int]) -> dict[str, int]:
    """Return how many there are of each class, by its name: each region has a class of its own for its entities."""
    names: Counter[str] = Counter()
    for kind, number in classes.items():
        names[kind.__name__] += number
    return dict(names)


def branch(base: AsyncioSide, address: str, start: int, limit: int) -> Branch | None:
    """Return an actor and some of its children; "" is the system. None if there is no such actor."""
    queued, now = base.queued(QUEUED), time.monotonic()
    if not address:
        children, actor, parent = base.primary_actors(), None, None
    else:
        ref = base.actorRegistry.get(address)
        if not isinstance(ref, ActorRef):
            return None
        children, actor = ref.children or {}, _figures(ref, queued, now)
        parent = ref.parent.address.actorAddressString if isinstance(ref.parent, ActorRef) else ""
    some = [_figures(child, queued, now) for child in islice(children.values(), start, start + limit)]
    return Branch(actor, parent, start, len(children), some)


def rank(figures: ActorFigures, order: Order) -> tuple[float, int]:
    """Return what puts an actor before others in an order: the greatest first."""
    match order:
        case "mailbox":
            return figures.mailbox, figures.messages
        case "messages":
            return figures.messages, 0
        case "time":
            return figures.seconds, 0
        case "age":
            return figures.age, 0


def _mailbox(ref: ActorRef, queued: Mapping[object, int]) -> int:
    return queued.get(ref.address.addressDetails, 0) + _waiting(ref)


def _waiting(ref: ActorRef) -> int:
    core: PersistentEntity[Any, Any, Any] | None = getattr(ref.instance, "_core", None)
    return 0 if core is None else core.waiting


def _figures(ref: ActorRef, queued: Mapping[object, int], now: float) -> ActorFigures:
    core = ref.instance.core if isinstance(ref.instance, Entity) else None
    return ActorFigures(
        ref.address.actorAddressString,
        ref.kind,
        core.persistence_id if core is not None else None,
        _mailbox(ref, queued),
        ref.handled,
        ref.seconds,
        now - ref.born,
        len(ref.children or ()),
    )
