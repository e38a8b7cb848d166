"""The run queue: messages in the order they were sent, handled a slice at a time on the loop."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from itertools import islice
from time import perf_counter
from typing import Protocol

from thespian.actors import ActorAddress

from spikes.actors.system_loop import LoopHost
from spikes.actors.system_refs import ActorRef

SLICE_MESSAGES = 100
"""Messages handled before everything else on the loop gets its turn."""

SLICE_SECONDS = 0.005
"""Time spent on messages before everything else on the loop gets its turn."""


class Receiver(Protocol):
    """What can stand behind an address: an actor, a future, a thread that waits, the system itself."""

    @property
    def kind(self) -> str:
        """What it is, in few distinct words: an actor's class name, for instance."""

    def receive(self, message: object, sender: ActorAddress) -> bool:
        """Handle one message; False if it came too late for this receiver and is a dead letter."""


class Instrumentation(Protocol):
    """Told what the actors do, on the loop and between two messages, so it must be quick. Times are in seconds."""

    def message_handled(self, kind: str, queued: float, handled: float) -> None:
        """One message waited `queued` and then took `handled` in a receiver of this kind."""

    def handler_failed(self, kind: str, message: object, problem: Exception) -> None:
        """A handler of this kind raised `problem` over a message."""

    def actor_created(self, kind: str) -> None:
        """An actor of this class began to live."""

    def actor_exited(self, kind: str) -> None:
        """An actor of this class ended."""

    def dead_letter(self, address: str, message: object) -> None:
        """A message had nobody behind its address."""


Undeliverable = Callable[[ActorAddress, object, ActorAddress], None]


class Dispatcher:
    """One queue for all receivers.

    A single queue keeps the order between any two of them with no state per actor, so that an idle actor costs nothing.
    """

    __slots__ = (
        "_host",
        "_queue",
        "_receivers",
        "_scheduled",
        "_undeliverable",
        "_waking",
        "_when_idle",
        "delivered",
        "instrumentation",
    )

    def __init__(self, host: LoopHost, receivers: dict[object, Receiver], undeliverable: Undeliverable) -> None:
        self._host = host
        self._receivers = receivers
        self._undeliverable = undeliverable
        self._queue: deque[tuple[ActorAddress, object, ActorAddress, float]] = deque()
        self._scheduled = False
        self._waking = False
        self._when_idle: list[asyncio.Event] = []
        self.delivered = 0
        """Messages taken from the queue since the start."""
        self.instrumentation: Instrumentation | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def post(self, address: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Queue one message, from any thread."""
        # A thread may append while the loop ends its slice. The slice clears `_scheduled` before it looks at the queue
        # a last time, and we append before we look at `_scheduled`, so one of the two always sees the other.
        self._queue.append((address, message, sender, 0.0 if self.instrumentation is None else perf_counter()))
        if not self._scheduled:
            self._wake()

    def pending(self, address: ActorAddress) -> list[tuple[ActorAddress, object]]:
        """Sender and message of everything that waits for `address`, oldest first. Looks at the whole queue."""
        key = address.addressDetails
        return [(sender, message) for to, message, sender, _ in list(self._queue) if to.addressDetails == key]

    def waiting(self, most: int) -> Counter[object]:
        """Count the messages that wait by address, of the `most` oldest ones."""
        return Counter(address.addressDetails for address, _, _, _ in islice(self._queue.copy(), most))

    def run_slice(self) -> None:
        """Handle messages until the queue is empty or the slice is used up."""
        queue, instrumentation = self._queue, self.instrumentation
        deliver = self._deliver if instrumentation is None else self._deliver_measured
        now, taken = perf_counter(), 0
        until = now + SLICE_SECONDS
        try:
            while queue and taken < SLICE_MESSAGES:
                taken += 1
                receiver, before = deliver(*queue.popleft()), now
                now = perf_counter()
                if isinstance(receiver, ActorRef):
                    receiver.handled += 1
                    receiver.seconds += now - before
                if now > until:
                    break
        finally:
            self._scheduled = False
            self.delivered += taken
            self._after_slice()

    async def idle(self) -> None:
        """Return when nothing waits."""
        if self._queue:
            self._when_idle.append(event := asyncio.Event())
            await event.wait()

    def clear(self) -> None:
        """Forget everything that waits."""
        self._queue.clear()
        self._after_slice()

    def _after_slice(self) -> None:
        if self._queue:
            self._wake()
            return
        idle, self._when_idle = self._when_idle, []
        for event in idle:
            event.set()

    def _deliver(self, address: ActorAddress, message: object, sender: ActorAddress, _posted: float) -> Receiver | None:
        receiver = self._receivers.get(address.addressDetails)
        if receiver is None or not receiver.receive(message, sender):
            self._undeliverable(address, message, sender)
        return receiver

    def _deliver_measured(
        self, address: ActorAddress, message: object, sender: ActorAddress, posted: float
    ) -> Receiver | None:
        receiver = self._receivers.get(address.addressDetails)
        kind = "nobody" if receiver is None else receiver.kind
        started = perf_counter()
        self._deliver(address, message, sender, posted)
        if self.instrumentation is not None:
            self.instrumentation.message_handled(kind, started - (posted or started), perf_counter() - started)
        return receiver

    def _wake(self) -> None:
        if self._host.closed:
            self._queue.clear()
        elif self._host.inside():
            self._scheduled = True
            self._host.loop.call_soon(self.run_slice)
        elif not self._waking:
            self._waking = True
            self._host.loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._waking = False
        if self._queue and not self._scheduled:
            self._wake()
