# ruff: noqa: N802, N803, N815 - Thespian chose these names
"""The actor runtime: a system base for Thespian on an asyncio loop.

It does what `thespian.system.simpleSystemBase` does and takes its place, except that
 - it never blocks the loop: messages are handled in short slices, timers are the loop's own;
 - a message whose handler raised is not delivered again, for it might be stored twice;
 - an actor that exited leaves nothing behind.

From asyncio code, on the loop: `post`, `request`, `temporary_address`, `run_task`. From other threads: Thespian's own
`ActorSystem.tell`, `ask`, `listen` and `private()`, and `call_soon`.
"""

import asyncio
import atexit
from contextlib import suppress
from datetime import timedelta
from functools import partial
from logging.config import dictConfig
from typing import Any, Protocol, TypeVar

from thespian.actors import Actor, ActorAddress, ActorSystem, ValidatedSource

from spikes.actors.system_asyncio import AsyncioSide
from spikes.actors.system_callbacks import close_callbacks
from spikes.actors.system_creation import ActorFactory, capabilities_of_this_base
from spikes.actors.system_dispatch import Dispatcher, Instrumentation
from spikes.actors.system_errors import BlockingCallInLoop, Poisoned, SystemIsShutDown
from spikes.actors.system_external import PrivateContext, ThreadRequesters, close_inboxes
from spikes.actors.system_loop import LoopHost
from spikes.actors.system_refs import ActorRef, Parent
from spikes.actors.system_registry import Registry
from spikes.actors.system_sources import Sources
from spikes.actors.system_status import actor_status, system_status
from spikes.actors.system_tasks import Tasks

__all__ = [
    "ActorSystemBase",
    "BlockingCallInLoop",
    "Instrumentation",
    "Poisoned",
    "SystemIsShutDown",
    "start_actor_system",
    "system_base_of",
]

T = TypeVar("T")

SHUTDOWN_SECONDS = 5.0
"""How long a shutdown waits for the actors to handle their exit requests, and then for the tasks to end."""


class SystemIdentity(Protocol):
    """What the base needs to know of its `ActorSystem`."""

    systemAddress: ActorAddress
    capabilities: dict[str, Any]


class ActorSystemBase(AsyncioSide):
    """The system base. Made inside a running loop it lives there, else on a loop in a thread of its own.

    What asyncio code uses is in `AsyncioSide`; here is Thespian's side, and the beginning and the end.
    """

    __slots__ = ("__weakref__", "_closing", "_requesters", "_sources", "system")

    def __init__(self, system: SystemIdentity, logDefs: dict[str, Any] | bool | None = None) -> None:
        """`logDefs`: a `logging.config` dictionary to apply. By default logging is left as it is."""
        if isinstance(logDefs, dict):
            dictConfig(logDefs)
        self.system = system
        """The `ActorSystem`, or what stands for it until there is one."""
        system.capabilities.update(capabilities_of_this_base())
        self._closing: asyncio.Task[None] | None = None
        self._host = LoopHost()
        self._sources = Sources(partial(self.post, sender=system.systemAddress))
        factory = ActorFactory(system.capabilities, self._sources.loaded)
        self._registry = Registry(self, system.systemAddress, factory, self._sources)
        self.actorRegistry = self._registry.receivers
        self._dispatcher = Dispatcher(self._host, self.actorRegistry, self._registry.undeliverable)
        self._tasks = Tasks(self._host.loop, self.post)
        self._requesters = ThreadRequesters(self)
        if self._host.own_thread:
            atexit.register(self.shutdown)

    # What `thespian.actors.ActorSystem` calls, from any thread.

    def tell(self, anActor: ActorAddress, msg: object) -> None:
        """Send a message; answers are for this thread's `listen`."""
        self._requesters.mine().tell(anActor, msg)

    def ask(self, anActor: ActorAddress, msg: object, timeout: timedelta | float | None = None) -> Any:
        """Send a message and block until it is answered; None when there is no answer in time."""
        return self._requesters.mine().ask(anActor, msg, timeout)

    def listen(self, timeout: timedelta | float | None = None) -> Any:
        """Block until this thread is sent a message that answers no `ask`; None when there is none in time."""
        return self._requesters.mine().listen(timeout)

    def newPrimaryActor(
        self,
        actorClass: type[Actor] | str,
        targetActorRequirements: dict[str, Any] | None = None,
        globalName: str | None = None,
        sourceHash: str | None = None,
    ) -> ActorAddress:
        """Create a top-level actor, or give the one that has this global name. Raises what its `__init__` does."""
        new_primary = self._registry.new_primary
        return self._host.call(new_primary, actorClass, targetActorRequirements, globalName, sourceHash)

    def external_clone(self) -> PrivateContext:
        """What `ActorSystem.private()` works on."""
        return PrivateContext(self)

    def updateCapability(self, capabilityName: str, capabilityValue: object = None) -> None:
        """Set a capability; None removes it. Actors that live already stay."""
        if capabilityValue is None:
            self.system.capabilities.pop(capabilityName, None)
        else:
            self.system.capabilities[capabilityName] = capabilityValue

    def loadActorSource(self, fname: Any) -> str:
        """Have a file, by name or open, validated by the source authority and loaded; gives its hash.

        Outside of the loop it returns when the authority has had its turn, as long as that does not wait itself.
        """
        source_hash = self._host.call(self._sources.submit, fname)
        if not self._host.inside():
            self._host.run(self._dispatcher.idle)
        return source_hash

    def unloadActorSource(self, sourceHash: str) -> None:
        """Forget a source; an unknown hash is ignored. Actors made of it live on."""
        self._host.call(self._sources.unload, sourceHash)

    def shutdown(self) -> None:
        """End all actors, tasks and timers, and the loop if it is ours.

        Blocks until that is done, but on the loop itself only begins it: `await aclose()` there. May be called again.
        """
        if not self._host.inside():
            with suppress(SystemIsShutDown):
                self._host.run(self.aclose)
            self._host.join()
        elif not self._host.closed:
            self._begin_closing()

    async def aclose(self) -> None:
        """End all actors, then all tasks, within `SHUTDOWN_SECONDS` each; nothing is left. May be called again."""
        if not self._host.closed:
            await asyncio.shield(self._begin_closing())

    # What the receivers call, on the loop.

    def newActor(
        self,
        parent: ActorRef,
        actorClass: type[Actor] | str,
        targetActorRequirements: dict[str, Any] | None,
        globalName: str | None,
        sourceHash: str | None,
    ) -> ActorAddress:
        """Create a child, or give the actor that has this global name."""
        new_child = self._registry.new_child
        return self._host.call(new_child, parent, actorClass, targetActorRequirements, globalName, sourceHash)

    def startTimer(self, ref: ActorRef, timePeriod: timedelta | float, payload: object) -> None:
        """Begin a wakeup of a living actor."""
        self._host.call(ref.add_timer, self.loop, timePeriod, payload)

    def actorExited(self, ref: ActorRef, recursive: bool) -> None:
        """An actor has handled its exit request."""
        self._registry.exited(ref, recursive)

    def handlerFailed(self, ref: ActorRef, message: object, problem: Exception) -> None:
        """A handler raised."""
        if self._registry.instrumentation is not None:
            self._registry.instrumentation.handler_failed(ref.kind, message, problem)

    def status(self, of: Parent) -> object:
        """The answer to a `Thespian_StatusReq`."""
        if isinstance(of, ActorRef):
            return actor_status(of, self.system.systemAddress, self._dispatcher)
        return system_status(self._registry, self.system.capabilities, self._sources, self._dispatcher)

    def sourceValidated(self, verdict: ValidatedSource) -> None:
        """The source authority has decided."""
        self._sources.validated(verdict)

    def registerSourceAuthority(self, address: ActorAddress) -> None:
        """Let this actor decide which sources may be loaded."""
        self._sources.authority = address

    def registerSourceNotifications(self, address: ActorAddress, enable: bool) -> None:
        """Tell this actor of loaded and unloaded sources, or no longer."""
        self._sources.notify(address, enable)

    def _handleDeadLetters(self, address: ActorAddress, enable: bool) -> None:
        self._registry.handle_dead_letters(address, enable)

    def refuse_closed(self) -> None:
        """Raise `SystemIsShutDown` after a shutdown."""
        self._host.refuse_closed()

    def refuse_blocking(self, call: str) -> None:
        """Raise `BlockingCallInLoop` on the loop's own thread, `SystemIsShutDown` after a shutdown."""
        self._host.refuse_inside(call)

    def _begin_closing(self) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = self.loop.create_task(self._close())
        return self._closing

    async def _close(self) -> None:
        self._registry.exit_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._registry.emptied.wait()
        await self._tasks.close(SHUTDOWN_SECONDS)
        self._sources.unload_all()
        self._host.close()  # before the inboxes: a thread that begins to wait from now on is refused
        self._dispatcher.clear()
        close_callbacks(self.actorRegistry)
        close_inboxes(self.actorRegistry)
        self._registry.close()
        atexit.unregister(self.shutdown)


class _Identity:
    """Stands for the `ActorSystem` until there is one: it wants its base first, and the base wants it."""

    def __init__(self, capabilities: dict[str, Any]) -> None:
        self.systemAddress = ActorAddress("/ActorSys")
        self.capabilities = capabilities


def start_actor_system(capabilities: dict[str, Any] | None = None) -> ActorSystem:
    """A new `ActorSystem` on a new base: on the running loop if there is one. `system_base_of` gives the base."""
    identity = _Identity({} if capabilities is None else capabilities)
    return ActorSystem(ActorSystemBase(identity), identity.capabilities, logDefs=False, transientUnique=True)


def system_base_of(member: Actor | ActorSystem) -> ActorSystemBase:
    """The base that an actor lives on (not yet in its `__init__`), or that an `ActorSystem` stands on.

    Raises TypeError if that is a base of another kind.
    """
    base = member._systemBase if isinstance(member, ActorSystem) else member._myRef.base
    if not isinstance(base, ActorSystemBase):
        raise TypeError(f"{base!r} is not an ActorSystemBase of ours")
    return base
