"""The asyncio side of the system base: how code on the loop talks with actors, and what it may read of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar

from thespian.actors import ActorAddress, PoisonMessage

from spikes.actors.system_callbacks import open_callback
from spikes.actors.system_dispatch import Dispatcher, Instrumentation, Receiver
from spikes.actors.system_errors import Poisoned
from spikes.actors.system_loop import LoopHost
from spikes.actors.system_refs import ActorRef
from spikes.actors.system_registry import Registry
from spikes.actors.system_tasks import Tasks

T = TypeVar("T")


class AsyncioSide:
    """The half of `ActorSystemBase` that is not Thespian's."""

    __slots__ = ("_dispatcher", "_host", "_registry", "_tasks", "actorRegistry")

    _dispatcher: Dispatcher
    _host: LoopHost
    _registry: Registry
    _tasks: Tasks
    actorRegistry: dict[object, Receiver]  # noqa: N815 - Thespian's name
    """Everything that has an address, by address string."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that all actors run on."""
        return self._host.loop

    def post(self, address: ActorAddress, message: object, sender: ActorAddress | None = None) -> None:
        """Send a message, from any thread; never waits, never fails. Answers go to `sender`, by default to nobody."""
        self._dispatcher.post(address, message, self._registry.bad_actor if sender is None else sender)

    async def request(self, address: ActorAddress, message: object, timeout: float | None = None) -> Any:
        """Send a message and await its answer.

        This is `ask` for asyncio; that name is taken by the blocking call that Thespian's `ActorSystem.ask` makes.
        Raises TimeoutError after `timeout` seconds, `Poisoned` if the handler raised, `SystemIsShutDown`.
        """
        callback, future = self.temporary_address(timeout)
        self.post(address, message, callback)
        answer = await future
        if isinstance(answer, PoisonMessage):
            raise Poisoned(answer)
        return answer

    def temporary_address(self, timeout: float | None = None) -> tuple[ActorAddress, asyncio.Future[Any]]:
        """A callback address and the future that its first message finishes; there is no actor behind it.

        The address ends with the future: when it is answered or cancelled, or fails with TimeoutError after `timeout`
        seconds. What comes later is a dead letter. A `PoisonMessage` is given as it is.
        """
        self._host.refuse_closed()
        return open_callback(self.loop, self.actorRegistry, timeout)

    def run_task(
        self,
        work: Awaitable[T],
        deliver_to: ActorAddress,
        succeeded: Callable[[T], object],
        failed: Callable[[BaseException], object],
    ) -> asyncio.Future[T]:
        """Do asynchronous work for an actor: its outcome comes to `deliver_to` as a message from itself.

        `succeeded` makes the message from the result, `failed` from what was raised (by `succeeded` too, and when the
        task is cancelled). The task is held until it ends; a shutdown cancels it and delivers nothing.
        On the loop only.
        """
        return self._tasks.run(work, deliver_to, succeeded, failed)

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call something on the loop, from any thread."""
        self._host.refuse_closed()
        self.loop.call_soon_threadsafe(callback, *arguments)

    # What the console and the metrics read.

    @property
    def live_actors(self) -> int:
        """Actors that were created and have not exited."""
        return self._registry.live

    @property
    def mailbox_depth(self) -> int:
        """Messages that wait, for all actors together."""
        return len(self._dispatcher)

    @property
    def delivered(self) -> int:
        """Messages handled since the start."""
        return self._dispatcher.delivered

    @property
    def dead_letters(self) -> int:
        """Messages that had nobody behind their address, since the start."""
        return self._registry.dead_letters

    @property
    def running_tasks(self) -> int:
        """Tasks of `run_task` that have not ended."""
        return len(self._tasks)

    def queued(self, most: int) -> Mapping[object, int]:
        """How many messages wait for each address, of the `most` oldest ones."""
        return self._dispatcher.waiting(most)

    def primary_actors(self) -> Mapping[str, ActorRef]:
        """The actors without a parent, by address."""
        return self._registry.root.children

    def actors(self) -> Iterator[ActorRef]:
        """Every living actor. Goes through all of them."""
        return (receiver for receiver in list(self.actorRegistry.values()) if isinstance(receiver, ActorRef))

    def instrument(self, instrumentation: Instrumentation | None, *, messages: bool = True) -> None:
        """Report to `instrumentation` from now on. None, as in the beginning, costs nothing.

        Without `messages` it does not hear of each message that was handled, and costs next to nothing.
        """
        self._registry.instrumentation = instrumentation
        self._dispatcher.instrumentation = instrumentation if messages else None
