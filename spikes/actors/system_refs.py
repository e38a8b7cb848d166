# ruff: noqa: N802, N803 - Thespian chose these names
"""What stands behind the address of an actor, and what it needs of the system."""

import asyncio
import logging
import time
import traceback
from datetime import timedelta
from typing import Any, Protocol

from thespian.actors import (
    Actor,
    ActorAddress,
    ActorExitRequest,
    ActorSystemMessage,
    ChildActorExited,
    DeadEnvelope,
    PoisonMessage,
    Thespian_StatusReq,
    ValidatedSource,
    WakeupMessage,
)

from spikes.actors.system_timers import Wakeup

logger = logging.getLogger(__name__)

NOT_POISONABLE = (PoisonMessage, DeadEnvelope, ChildActorExited, ActorExitRequest)
"""Notices of the system itself: when their handler raises there is no sender to be told."""


class Parent(Protocol):
    """An actor, or the system."""

    address: ActorAddress

    def adopt(self, child: "ActorRef") -> None:
        """Have `child` as a child."""

    def abandon(self, child: "ActorRef") -> None:
        """Have it no longer."""


class Runtime(Protocol):
    """What the receivers need of the actor system."""

    def post(self, address: ActorAddress, message: object, sender: ActorAddress | None = None) -> None:
        """Send from any thread."""

    def newActor(
        self,
        parent: "ActorRef",
        actorClass: type[Actor] | str,
        targetActorRequirements: dict[str, Any] | None,
        globalName: str | None,
        sourceHash: str | None,
    ) -> ActorAddress:
        """Create a child."""

    def startTimer(self, ref: "ActorRef", timePeriod: timedelta | float, payload: object) -> None:
        """Begin a wakeup."""

    def actorExited(self, ref: "ActorRef", recursive: bool) -> None:
        """An actor has handled its exit request."""

    def handlerFailed(self, ref: "ActorRef", message: object, problem: Exception) -> None:
        """A handler raised."""

    def status(self, of: Parent) -> object:
        """The answer to `Thespian_StatusReq`."""

    def sourceValidated(self, verdict: ValidatedSource) -> None:
        """The source authority has decided."""

    def updateCapability(self, capabilityName: str, capabilityValue: object) -> None:
        """Set or remove a capability."""

    def loadActorSource(self, fname: Any) -> str:
        """Load a source, give its hash."""

    def unloadActorSource(self, sourceHash: str) -> None:
        """Unload it."""

    def registerSourceAuthority(self, address: ActorAddress) -> None:
        """Let this actor decide on sources."""

    def registerSourceNotifications(self, address: ActorAddress, enable: bool) -> None:
        """Tell this actor of sources, or no longer."""

    def _handleDeadLetters(self, address: ActorAddress, enable: bool) -> None:
        """Send dead letters to this actor, or no longer."""

    def shutdown(self) -> None:
        """End the actor system."""


class ActorRef:
    """One living actor. Thespian's `Actor` does everything through it: it is the actor's `_myRef`."""

    __slots__ = (
        "_created",
        "address",
        "base",
        "born",
        "children",
        "globalName",
        "handled",
        "instance",
        "parent",
        "seconds",
        "source_hash",
        "timers",
    )

    def __init__(self, base: Runtime, parent: Parent, address: ActorAddress, source_hash: str | None) -> None:
        self.base = base
        self.parent = parent
        self.address = address
        self.source_hash = source_hash
        self.globalName: str | None = None
        self.instance: Actor | None = None
        """The actor itself; None when it has exited."""
        self.children: dict[str, ActorRef] | None = None
        """Living children by address; None until there was one."""
        self.timers: set[Wakeup] | None = None
        """Pending wakeups; None until there was one."""
        self._created = 0
        self.born = time.monotonic()
        self.handled = 0
        """Messages it was given."""
        self.seconds = 0.0
        """Seconds it took for them."""

    @property
    def kind(self) -> str:
        """The name of the actor's class."""
        return type(self.instance).__name__

    def receive(self, message: object, sender: ActorAddress) -> bool:
        """Let the actor handle one message; if its handler raises, the sender is told once and that is all."""
        if isinstance(message, ActorSystemMessage):
            return self._receive_from_system(message, sender)
        try:
            self.instance.receiveMessage(message, sender)  # type: ignore[union-attr] # it is registered, so it lives
        except Exception as problem:  # noqa: BLE001 - logged, and the sender is told
            self._failed(message, sender, problem)
        return True

    def _receive_from_system(self, message: ActorSystemMessage, sender: ActorAddress) -> bool:
        if isinstance(message, Thespian_StatusReq):
            self.base.post(sender, self.base.status(self), self.address)
            return True
        try:
            self.instance.receiveMessage(message, sender)  # type: ignore[union-attr]
        except Exception as problem:  # noqa: BLE001 - logged, and the sender is told
            self._failed(message, sender, problem)
        if isinstance(message, ActorExitRequest):
            self.base.actorExited(self, message.isRecursive)
        return True

    def _failed(self, message: object, sender: ActorAddress, problem: Exception) -> None:
        logger.warning("%s failed on a message of type %s", self.instance, type(message).__name__, exc_info=True)
        self.base.handlerFailed(self, message, problem)
        if not isinstance(message, NOT_POISONABLE):
            self.base.post(sender, PoisonMessage(message, traceback.format_exc()), self.address)

    def next_child_address(self) -> ActorAddress:
        """An address no child of this actor ever had."""
        self._created += 1
        return ActorAddress(f"{self.address.addressDetails}~{self._created}")

    def adopt(self, child: "ActorRef") -> None:
        """Have `child` as a child."""
        if self.children is None:
            self.children = {}
        self.children[child.address.addressDetails] = child

    def abandon(self, child: "ActorRef") -> None:
        """Have it no longer."""
        if self.children is not None:
            self.children.pop(child.address.addressDetails, None)

    def add_timer(self, loop: asyncio.AbstractEventLoop, period: timedelta | float, payload: object) -> None:
        """Begin a wakeup, to be cancelled when the actor exits. Raises TypeError for what is no period."""
        if self.instance is None:
            return
        if self.timers is None:
            self.timers = set()
        self.timers.add(Wakeup(loop, period, payload, self._ring))

    def _ring(self, timer: Wakeup) -> None:
        if self.timers is not None:
            self.timers.discard(timer)
        self.base.post(self.address, WakeupMessage(timer.period, timer.payload), self.address)

    def cancel_timers(self) -> None:
        """Forget all wakeups."""
        timers, self.timers = self.timers, None
        for timer in timers or ():
            timer.cancel()

    # From here on: what `thespian.actors.Actor` calls.

    def createActor(
        self,
        actorClass: type[Actor] | str,
        targetActorRequirements: dict[str, Any] | None = None,
        globalName: str | None = None,
        sourceHash: str | None = None,
    ) -> ActorAddress:
        """Create a child, of the same loaded source unless another is given."""
        source = sourceHash or self.source_hash
        return self.base.newActor(self, actorClass, targetActorRequirements, globalName, source)

    def actor_send(self, toActorAddr: ActorAddress, msg: object) -> None:
        """Send a message of this actor."""
        self.base.post(toActorAddr, msg, self.address)

    def wakeupAfter(self, timePeriod: timedelta | float, payload: object = None) -> None:
        """Send this actor a `WakeupMessage` when the period (a timedelta, or seconds) is over."""
        self.base.startTimer(self, timePeriod, payload)

    def handleDeadLetters(self, address: ActorAddress, enable: bool) -> None:
        """Send dead letters to this actor, or no longer."""
        self.base._handleDeadLetters(address, enable)

    def registerSourceAuthority(self, address: ActorAddress) -> None:
        """Let this actor decide which sources may be loaded."""
        self.base.registerSourceAuthority(address)

    def notifyOnSourceAvailability(self, address: ActorAddress, enable: bool) -> None:
        """Tell this actor of loaded and unloaded sources, or no longer."""
        self.base.registerSourceNotifications(address, enable)

    def updateCapability(self, capabilityName: str, capabilityValue: object) -> None:
        """Set a capability of the system; None removes it."""
        self.base.updateCapability(capabilityName, capabilityValue)

    def loadActorSource(self, fname: Any) -> str:
        """Have a source validated and loaded; gives its hash at once, the source comes later."""
        return self.base.loadActorSource(fname)

    def unloadActorSource(self, sourceHash: str) -> None:
        """Forget a loaded source."""
        self.base.unloadActorSource(sourceHash)

    def notifyOnSystemRegistrationChanges(self, address: ActorAddress, enable: bool) -> None:
        """Nothing: there is one system, so none ever joins or leaves."""

    def preRegisterRemoteSystem(self, remoteAddress: object, remoteCapabilities: object) -> None:
        """Nothing: there are no remote systems."""

    def deRegisterRemoteSystem(self, remoteAddress: object) -> None:
        """Nothing: there are no remote systems."""

    def actorSystemShutdown(self) -> None:
        """End the whole actor system, once this message is handled."""
        self.base.shutdown()
