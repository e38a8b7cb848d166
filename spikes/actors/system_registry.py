"""Who lives: actors by address and by global name, their birth, their end, and letters to the dead."""

import asyncio
import logging
import weakref
from typing import Any

from thespian.actors import (
    Actor,
    ActorAddress,
    ActorExitRequest,
    ChildActorExited,
    DeadEnvelope,
    WakeupMessage,
)

from spikes.actors.system_creation import ActorFactory
from spikes.actors.system_dispatch import Instrumentation, Receiver
from spikes.actors.system_errors import SystemIsShutDown
from spikes.actors.system_refs import ActorRef, Parent, Runtime
from spikes.actors.system_root import Nobody, SystemRef
from spikes.actors.system_sources import Sources

logger = logging.getLogger(__name__)

BAD_ACTOR = "System:BadActor"

NEVER_DEAD_LETTERS = (DeadEnvelope, ChildActorExited, WakeupMessage)
"""Notices of the system itself, which concern nobody once their actor is gone."""


_registries: list[weakref.ref["Registry"]] = []
"""Of all actor systems of this process that are not shut down; addresses are unique among them."""


class Registry:
    """The actors of one system. Used on the loop only."""

    __slots__ = (
        "__weakref__",
        "_base",
        "_factory",
        "_sources",
        "bad_actor",
        "closing",
        "dead_letter_handler",
        "dead_letters",
        "emptied",
        "instrumentation",
        "live",
        "names",
        "receivers",
        "root",
    )

    def __init__(self, base: Runtime, address: ActorAddress, factory: ActorFactory, sources: Sources) -> None:
        self._base = base
        self._factory = factory
        self._sources = sources
        self.bad_actor = ActorAddress(BAD_ACTOR)
        self.root = SystemRef(base, address)
        self.receivers: dict[object, Receiver] = {address.addressDetails: self.root, BAD_ACTOR: Nobody()}
        self.names: dict[str, ActorAddress] = {}
        self.live = 0
        self.emptied = asyncio.Event()
        """Set when the last actor has exited."""
        self.dead_letters = 0
        self.dead_letter_handler: ActorAddress | None = None
        self.instrumentation: Instrumentation | None = None
        self.closing = False
        _registries.append(weakref.ref(self, _registries.remove))

    def new_primary(
        self,
        actor_class: type[Actor] | str,
        requirements: dict[str, Any] | None,
        name: str | None,
        source_hash: str | None,
    ) -> ActorAddress:
        """An actor without a parent; raises what its class does. One that the capabilities don't fit is a bad actor."""
        self._refuse_closing()
        if name and name in self.names:
            return self.names[name]
        instance = self._factory.create(actor_class, requirements, source_hash)
        if instance is None:
            logger.warning("%s does not fit the capabilities of this system", actor_class)
            return self.bad_actor
        return self._settle(instance, self.root, self.root.next_child_address(), name, source_hash)

    def new_child(
        self,
        parent: ActorRef,
        actor_class: type[Actor] | str,
        requirements: dict[str, Any] | None,
        name: str | None,
        source_hash: str | None,
    ) -> ActorAddress:
        """A child, or at least its address: of one that can't be made the parent hears that it exited.

        Raises ImportError, and `SystemIsShutDown`.
        """
        self._refuse_closing()
        if name and name in self.names:
            return self.names[name]
        address = parent.next_child_address()
        instance = self._try(actor_class, requirements, source_hash)
        if instance is None or parent.instance is None:
            self._base.post(parent.address, ChildActorExited(address), self.root.address)
            return address
        return self._settle(instance, parent, address, name, source_hash)

    def exited(self, ref: ActorRef, recursive: bool) -> None:
        """Take an actor out of everything; its children follow it, or become the system's."""
        if ref.instance is None:
            return
        if self.instrumentation is not None:
            self.instrumentation.actor_exited(ref.kind)
        self._forget(ref)
        if isinstance(ref.parent, ActorRef) and ref.parent.instance is not None:
            self._base.post(ref.parent.address, ChildActorExited(ref.address), self.root.address)
        for child in list((ref.children or {}).values()):
            if recursive:
                self._base.post(child.address, ActorExitRequest(), self.root.address)
            else:
                child.parent = self.root
                self.root.adopt(child)
        if not self.live:
            self.emptied.set()

    def exit_all(self) -> None:
        """Ask every actor to exit, and let no new one be made."""
        self.closing = True
        if not self.live:
            self.emptied.set()
        for ref in list(self.root.children.values()):
            self._base.post(ref.address, ActorExitRequest(), self.root.address)

    def close(self) -> None:
        """Let go of everything that has an address, also of actors that did not exit in time."""
        _registries[:] = [known for known in _registries.copy() if known() is not self]
        for ref in [receiver for receiver in self.receivers.values() if isinstance(receiver, ActorRef)]:
            logger.warning("%s did not exit in time", ref.instance)
            self._forget(ref)
        self.receivers.clear()

    def handle_dead_letters(self, address: ActorAddress, enable: bool) -> None:
        """Send dead letters to this actor from now on, or no longer if it is the one who gets them."""
        handled_here = self.dead_letter_handler is not None and self.dead_letter_handler == address
        if enable:
            self.dead_letter_handler = address
        elif handled_here:
            self.dead_letter_handler = None

    def undeliverable(self, address: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Nobody is behind `address`, at least not here."""
        if isinstance(message, NEVER_DEAD_LETTERS) or self._pass_on(address, message, sender):
            return
        self.dead_letters += 1
        if self.instrumentation is not None:
            self.instrumentation.dead_letter(address.actorAddressString, message)
        if self.dead_letter_handler is not None:
            handler = self.receivers.get(self.dead_letter_handler.addressDetails, self.root)
            handler.receive(DeadEnvelope(address.actorAddressString, message), sender)

    def _pass_on(self, address: ActorAddress, message: object, sender: ActorAddress) -> bool:
        """Give a message to the other actor system of this process that knows the address, if one does."""
        for known in _registries.copy():
            other = known()
            if other is not None and other is not self and address.addressDetails in other.receivers:
                other._base.post(address, message, sender)
                return True
        return False

    def _refuse_closing(self) -> None:
        if self.closing:
            raise SystemIsShutDown("the actor system is shutting down and makes no more actors")

    def _try(
        self, actor_class: type[Actor] | str, requirements: dict[str, Any] | None, source_hash: str | None
    ) -> Actor | None:
        try:
            return self._factory.create(actor_class, requirements, source_hash)
        except ImportError:
            raise
        except Exception:
            logger.warning("could not create %s", actor_class, exc_info=True)
            return None

    def _settle(
        self,
        instance: Actor,
        parent: Parent,
        address: ActorAddress,
        name: str | None,
        source_hash: str | None,
    ) -> ActorAddress:
        ref = ActorRef(self._base, parent, address, source_hash)
        ref.instance, instance._myRef = instance, ref
        self.receivers[address.addressDetails] = ref
        parent.adopt(ref)
        self.live += 1
        self.emptied.clear()
        if name:
            ref.globalName, self.names[name] = name, address
        if self.instrumentation is not None:
            self.instrumentation.actor_created(ref.kind)
        return address

    def _forget(self, ref: ActorRef) -> None:
        ref.instance = None
        ref.cancel_timers()
        del self.receivers[ref.address.addressDetails]
        ref.parent.abandon(ref)
        if ref.globalName is not None:
            del self.names[ref.globalName]
        self.handle_dead_letters(ref.address, enable=False)
        self._sources.forget(ref.address)
        self.live -= 1
