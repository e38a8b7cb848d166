# ruff: noqa: N802, N803, N815 - Thespian chose these names
"""Callers outside the actors: threads that block until an answer comes.

Every thread, and every `private()` context, has an address of its own, so nobody ever gets an answer that was meant for
somebody else. It is the same address for all that the caller sends, for actors may remember whom they talk to; so an
answer that comes too late for its `ask` is what the caller's next `ask` or `listen` gets. That is Thespian's contract.
"""

import itertools
import threading
import weakref
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from thespian.actors import Actor, ActorAddress
from thespian.system import isInternalActorSystemMessage
from thespian.system.timing import timePeriodSeconds

from spikes.actors.system_dispatch import Receiver

CLOSED = object()
"""Put into an inbox to end the wait of its reader."""

_numbers = itertools.count(1)


class Door(Protocol):
    """What a caller outside needs of the actor system."""

    actorRegistry: dict[object, Receiver]

    def post(self, address: ActorAddress, message: object, sender: ActorAddress | None = None) -> None:
        """Send from any thread."""

    def refuse_closed(self) -> None:
        """Raise if nobody would do anything."""

    def refuse_blocking(self, call: str) -> None:
        """Raise if the calling thread must not block, or nobody would answer."""

    def newPrimaryActor(
        self,
        actorClass: type[Actor] | str,
        targetActorRequirements: dict[str, Any] | None,
        globalName: str | None,
        sourceHash: str | None,
    ) -> ActorAddress:
        """Create a top-level actor."""

    def loadActorSource(self, fname: Any) -> str:
        """Load a source, give its hash."""

    def unloadActorSource(self, sourceHash: str) -> None:
        """Unload it."""

    def updateCapability(self, capabilityName: str, capabilityValue: object) -> None:
        """Set or remove a capability."""

    def external_clone(self) -> object:
        """Another private caller."""


class Inbox:
    """Messages for one reader in another thread."""

    __slots__ = ("_messages",)

    kind = "external"

    def __init__(self) -> None:
        self._messages: SimpleQueue[Any] = SimpleQueue()

    def receive(self, message: object, sender: ActorAddress) -> bool:
        """Keep it for the reader; Thespian never shows callers its internal messages."""
        if not isInternalActorSystemMessage(message):
            self._messages.put(message)
        return True

    def get(self, timeout: timedelta | float | None) -> Any:
        """The next message, or None when the time is over or the actor system ends."""
        seconds = None if timeout is None else max(timePeriodSeconds(timeout), 0.0)
        try:
            message = self._messages.get(timeout=seconds)
        except Empty:
            return None
        return None if message is CLOSED else message

    def close(self) -> None:
        """End the wait of whoever waits."""
        self._messages.put(CLOSED)


class Requester:
    """One caller outside: an address, and what was sent to it."""

    __slots__ = ("__weakref__", "_door", "_inbox", "address", "name")

    def __init__(self, door: Door) -> None:
        self._door = door
        self._inbox = Inbox()
        self.name = f"System:ExternalRequester~{next(_numbers)}"
        self.address = ActorAddress(self.name)
        door.actorRegistry[self.name] = self._inbox

    def tell(self, address: ActorAddress, message: object) -> None:
        """Send; what comes back is for `listen`."""
        self._door.refuse_closed()
        self._door.post(address, message, self.address)

    def ask(self, address: ActorAddress, message: object, timeout: timedelta | float | None = None) -> Any:
        """Send, and wait for the next message to this caller; None if there is none in time."""
        self._door.refuse_blocking("ask()")
        self._door.post(address, message, self.address)
        return self._inbox.get(timeout)

    def listen(self, timeout: timedelta | float | None = None) -> Any:
        """Wait for the next message to this caller; None if there is none in time."""
        self._door.refuse_blocking("listen()")
        return self._inbox.get(timeout)


class PrivateContext(Requester):
    """What `ActorSystem.private()` works on: a caller with an address of its own, in whatever thread."""

    __slots__ = ()

    def newPrimaryActor(self, *arguments: Any) -> ActorAddress:
        """As `ActorSystemBase.newPrimaryActor`."""
        return self._door.newPrimaryActor(*arguments)

    def loadActorSource(self, fname: Any) -> str:
        """As `ActorSystemBase.loadActorSource`."""
        return self._door.loadActorSource(fname)

    def unloadActorSource(self, sourceHash: str) -> None:
        """As `ActorSystemBase.unloadActorSource`."""
        self._door.unloadActorSource(sourceHash)

    def updateCapability(self, capabilityName: str, capabilityValue: object) -> None:
        """As `ActorSystemBase.updateCapability`."""
        self._door.updateCapability(capabilityName, capabilityValue)

    def external_clone(self) -> object:
        """Another private context."""
        return self._door.external_clone()

    def exit_context(self) -> None:
        """End of the `with`: what is sent to it from now on is a dead letter."""
        self._door.actorRegistry.pop(self.name, None)


class ThreadRequesters:
    """A caller for every thread that asks. It goes when its thread does."""

    __slots__ = ("_door", "_local")

    def __init__(self, door: Door) -> None:
        self._door = door
        self._local = threading.local()

    def mine(self) -> Requester:
        """The caller of the calling thread."""
        requester: Requester | None = getattr(self._local, "requester", None)
        if requester is None:
            requester = self._local.requester = Requester(self._door)
            weakref.finalize(requester, self._door.actorRegistry.pop, requester.name, None).atexit = False
        return requester


def close_inboxes(receivers: dict[object, Receiver]) -> None:
    """End the wait of every thread that still waits."""
    for receiver in list(receivers.values()):
        if isinstance(receiver, Inbox):
            receiver.close()
