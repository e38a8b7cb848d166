# ruff: noqa: N802, N803, N815 - Thespian chose these names
"""Callers outside the actors: threads that block until an answer comes.

Every thread, every `private()` context and every single `ask` has an address of its own, so nobody ever gets an answer
that was meant for somebody else.
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

CALL_MARK = "#"
"""Between a requester's name and the number of one of its calls."""

CLOSED = object()
"""Put into an inbox to end the wait of its reader."""

EXTERNAL = "System:ExternalRequester"

_call_numbers = itertools.count(1)
_requester_numbers = itertools.count(1)


class Door(Protocol):
    """What a caller outside needs of the actor system."""

    actorRegistry: dict[object, Receiver]

    def post(self, address: ActorAddress, message: object, sender: ActorAddress | None = None) -> None:
        """Send from any thread."""

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

    def get(self, timeout: float | None) -> Any:
        """The next message, or None after `timeout` seconds or when the actor system ends."""
        try:
            message = self._messages.get(timeout=timeout)
        except Empty:
            return None
        return None if message is CLOSED else message

    def close(self) -> None:
        """End the wait of whoever waits."""
        self._messages.put(CLOSED)


def seconds(period: timedelta | float | None) -> float | None:
    """A time limit as Thespian's callers give it, in seconds; None is no limit."""
    return None if period is None else max(timePeriodSeconds(period), 0.0)


class Requester:
    """One caller outside: an address and what was sent to it."""

    __slots__ = ("__weakref__", "_door", "_inbox", "_name", "address")

    def __init__(self, door: Door, name: str) -> None:
        self._door = door
        self._name = name
        self._inbox = Inbox()
        self.address = ActorAddress(name)
        door.actorRegistry[name] = self._inbox

    def tell(self, address: ActorAddress, message: object) -> None:
        """Send; what comes back is for `listen`."""
        self._door.post(address, message, self.address)

    def ask(self, address: ActorAddress, message: object, timeout: timedelta | float | None) -> Any:
        """Send, and wait for the answer to this very message; None if there is none in time.

        An answer that comes later, and a second answer, is for `listen`.
        """
        self._door.refuse_blocking("ask()")
        name, inbox = f"{self._name}{CALL_MARK}{next(_call_numbers)}", Inbox()
        self._door.actorRegistry[name] = inbox
        try:
            self._door.post(address, message, ActorAddress(name))
            answer = inbox.get(seconds(timeout))
        finally:
            self._door.actorRegistry.pop(name, None)
        return self._keep_the_rest(inbox, answer)

    def listen(self, timeout: timedelta | float | None) -> Any:
        """Wait for the next message to this caller; None if there is none in time."""
        self._door.refuse_blocking("listen()")
        return self._inbox.get(seconds(timeout))

    def _keep_the_rest(self, inbox: Inbox, answer: Any) -> Any:
        """What reached the call while it ended: the answer if it had none yet, the rest is for `listen`."""
        while (message := inbox.get(0)) is not None:
            if answer is None:
                answer = message
            else:
                self._inbox.receive(message, self.address)
        return answer


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
        self._door.actorRegistry.pop(self._name, None)


class ThreadRequesters:
    """A caller for every thread that asks. It goes when its thread does."""

    __slots__ = ("_door", "_local")

    def __init__(self, door: Door) -> None:
        self._door = door
        self._local = threading.local()
        self._local.requester = Requester(door, EXTERNAL)

    def mine(self) -> Requester:
        """The caller of the calling thread."""
        requester: Requester | None = getattr(self._local, "requester", None)
        if requester is None:
            name = f"{EXTERNAL}~{next(_requester_numbers)}"
            requester = self._local.requester = Requester(self._door, name)
            weakref.finalize(requester, self._door.actorRegistry.pop, name, None).atexit = False
        return requester


def private_context(door: Door) -> PrivateContext:
    """A caller for one `with system.private()`."""
    return PrivateContext(door, f"{EXTERNAL}:{next(_requester_numbers)}")


def close_inboxes(receivers: dict[object, Receiver]) -> None:
    """End the wait of every thread that still waits."""
    for receiver in list(receivers.values()):
        if isinstance(receiver, Inbox):
            receiver.close()


def requester_of_call(key: object, receivers: dict[object, Receiver]) -> Receiver | None:
    """The caller whose `ask` had this address and is over, if that caller still is there."""
    name, mark, _ = str(key).partition(CALL_MARK)
    return receivers.get(name) if mark else None
