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
from typing import Literal

import msgspec

from spikes.actors.entity import Entity
from spikes.actors.system_asyncio import AsyncioSide
from spikes.actors.system_refs import ActorRef

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
    kinds: Counter[str] = Counter()
    best: list[ActorFigures] = []
    refs = list(base.actors())
    seen = 0
    while seen < len(refs) and time.monotonic() < until:
        living = [ref for ref in refs[seen : seen + SLICE] if ref.instance is not None]
        kinds.update(ref.kind for ref in living)
        now = time.monotonic()
        some = heapq.nlargest(limit, living, key=lambda ref: _rank(ref, queued, now, order))
        best = heapq.nlargest(
            limit, [*best, *(_figures(ref, queued, now) for ref in some)], key=lambda each: rank(each, order)
        )
        seen += SLICE
        await asyncio.sleep(0)
    return Census(
        base.live_actors,
        base.delivered,
        base.mailbox_depth,
        base.dead_letters,
        base.running_tasks,
        kinds,
        best,
        seen >= len(refs),
    )


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


def _rank(ref: ActorRef, queued: Mapping[object, int], now: float, order: Order) -> tuple[float, int]:
    """Return the `rank` of an actor whose figures are not made yet: most are never needed."""
    match order:
        case "mailbox":
            return _mailbox(ref, queued), ref.handled
        case "messages":
            return ref.handled, 0
        case "time":
            return ref.seconds, 0
        case "age":
            return now - ref.born, 0


def _mailbox(ref: ActorRef, queued: Mapping[object, int]) -> int:
    core = ref.instance.core if isinstance(ref.instance, Entity) else None
    return queued.get(ref.address.addressDetails, 0) + (core.waiting if core is not None else 0)


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
