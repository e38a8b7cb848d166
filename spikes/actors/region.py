"""The region actor: one per kind of entity (after Akka's cluster sharding, without the cluster)."""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice, takewhile
from typing import Any, ClassVar

from thespian.actors import Actor, ActorAddress, ActorExitRequest, ChildActorExited, PoisonMessage, WakeupMessage

from spikes.actors.entity import Entity
from spikes.actors.environment import EntityEnvironment, bound
from spikes.actors.messages import Begin, Deliver, Passivate, RegionStatus, Retire, Sweep
from spikes.persistence.protocol import Envelope
from spikes.persistence.reply import Answer, Failure, HandlerFailed, StashFull, StatusReply

BUFFER_CAPACITY = 4096
"""How many commands may wait for one entity that is leaving; one more is answered with `StashFull`."""

AT_ONCE = 500
"""How many idle entities are let go in one look, so that nobody has to wait while very many leave."""

PAUSE = 0.01
"""Seconds until the next look when there may be more, and at least between any two."""


class Child:
    """What the region knows of one entity in memory. `buffer` is a list once the entity was told to leave."""

    __slots__ = ("address", "buffer", "entity_id", "used")

    def __init__(self, address: ActorAddress, entity_id: str, used: float) -> None:
        self.address = address
        self.entity_id = entity_id
        self.used = used
        self.buffer: list[Envelope] | None = None


class Routes:
    """Where the entities of one kind are, the least recently used first.

    The region alone adds and removes; whoever sends a command may look an entity up here and spare the region a
    message. Both run on one loop, and messages are handled in the order they were sent, so a command that was sent to
    an entity before the region's `Retire` is handled before it.
    """

    def __init__(self) -> None:
        self.children: OrderedDict[str, Child] = OrderedDict()

    def use(self, entity_id: str, now: float) -> ActorAddress | None:
        """Return where to send a command and note the use; None if it must go through the region."""
        child = self.children.get(entity_id)
        if child is None or child.buffer is not None:
            return None
        child.used = now
        self.children.move_to_end(entity_id)
        return child.address


class Region(Actor):
    """Routes commands to entities, which it makes on demand and lets go least recently used first.

    An entity leaves by a handshake: `Passivate` (or the region's own choice), `Retire`, exit. From `Retire` on the
    region keeps new commands in a buffer; if there are any when the entity has gone, it makes the entity again.
    """

    environment: ClassVar[EntityEnvironment]
    routes: ClassVar[Routes]

    def __init__(self) -> None:
        super().__init__()
        self._children = self.routes.children
        self._by_address: dict[str, Child] = {}
        self._entity_class = bound(Entity, environment=self.environment)
        self._sweeping = False

    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:  # noqa: N802 - Thespian's name
        """Take one message."""
        match message:
            case Deliver(entity_id, envelope, new):
                self._deliver(entity_id, envelope, new)
            case Passivate(entity_id):
                self._retire(self._children.get(entity_id))
            case ChildActorExited():
                self._gone(message.childAddress)
            case PoisonMessage():
                self._broken(message.poisonMessage, sender)
            case WakeupMessage():
                self._sweep()
            case RegionStatus(None):
                self.send(sender, len(self._children))
            case RegionStatus(entity_id):
                self.send(sender, int(entity_id in self._children))

    def _deliver(self, entity_id: str, envelope: Envelope, new: bool = False) -> None:
        address = self.routes.use(entity_id, self.environment.monotonic())
        if address is not None:
            self.send(address, envelope)
        elif (child := self._children.get(entity_id)) is None:
            self._create(entity_id, envelope, new)
        elif child.buffer is not None and len(child.buffer) < BUFFER_CAPACITY:
            child.buffer.append(envelope)
        else:
            self._refuse(child, envelope, StashFull(f"{BUFFER_CAPACITY} commands already wait for this entity"))

    def _refuse(self, child: Child, envelope: Envelope, failure: Failure) -> None:
        if envelope.reply_to is not None:
            persistence_id = f"{self.environment.behavior.kind}|{child.entity_id}"
            answer = Answer(StatusReply.error(failure), 0, persistence_id)
            self.send(envelope.reply_to, answer)  # type: ignore[arg-type] # opaque outside this room

    def _broken(self, message: object, address: ActorAddress) -> None:
        """Answer the command that an entity broke on, which is a bug; one that can't begin or retire is ended."""
        child = self._by_address.get(str(address))
        if child is None:
            return
        command = message.first if isinstance(message, Begin) else message
        if isinstance(command, Envelope):
            self._refuse(child, command, HandlerFailed("the entity's actor failed"))
        if isinstance(message, Begin | Retire):
            child.buffer = child.buffer or []
            self.send(address, ActorExitRequest())

    def _create(self, entity_id: str, first: Envelope, new: bool) -> None:
        self._make_room()
        child = Child(self.createActor(self._entity_class), entity_id, self.environment.monotonic())
        self._children[entity_id] = self._by_address[str(child.address)] = child
        self.environment.meters.activations.inc()
        self.send(child.address, Begin(entity_id, first, new))
        if not self._sweeping:
            self._sweeping = True
            self._sweep_later(self.environment.idle / 4)

    def _make_room(self) -> None:
        """Beyond the cap, tell the least recently used entity to leave. One that is leaving already counts no more."""
        excess = len(self._children) + 1 - self.environment.capacity
        if excess > 0:
            for child in islice(self._children.values(), excess):
                self._retire(child)

    def _retire(self, child: Child | None) -> None:
        if child is not None and child.buffer is None:
            child.buffer = []
            self.send(child.address, Retire())

    def _gone(self, address: ActorAddress) -> None:
        child = self._by_address.pop(str(address), None)
        if child is None:
            return
        self._children.pop(child.entity_id, None)
        self.environment.meters.passivations.inc()
        for envelope in child.buffer or ():
            self._deliver(child.entity_id, envelope)

    def _sweep(self) -> None:
        """Let go of entities that nobody has asked for `idle` seconds; they are the first in the order of use."""
        oldest = self.environment.monotonic() - self.environment.idle
        idle = takewhile(lambda child: child.used <= oldest, self._children.values())
        leaving = list(islice((child for child in idle if child.buffer is None), AT_ONCE))
        for child in leaving:
            self._retire(child)
        self._sweeping = bool(self._children)
        if self._sweeping:
            self._sweep_later(PAUSE if len(leaving) == AT_ONCE else self.environment.idle / 4)

    def _sweep_later(self, seconds: float) -> None:
        self.wakeupAfter(max(seconds, PAUSE), Sweep())
