"""What the actor runtime can do, beside Thespian's `simpleSystemBase` in the same run: a table, and the targets."""

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import pytest
from thespian.actors import Actor, ActorAddress, ActorExitRequest, ActorSystem, WakeupMessage

from spikes.actors.system_base import ActorSystemBase, start_actor_system, system_base_of

pytestmark = pytest.mark.bench

TIMEOUT = 60.0
WIDTH = 34


class Idle(Actor):
    """Does nothing."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Do nothing."""


class Echo(Actor):
    """Sends everything back."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Answer with the message."""
        self.send(sender, msg)


class Sink(Actor):
    """Counts numbers, and reports when the last has come."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Answer to (who asks); 0 is the last number."""
        if isinstance(msg, ActorAddress):
            self.asker = msg
        elif msg == 0:
            self.send(self.asker, "all")


class Teller(Actor):
    """Tells a sink numbers, as many at a time as fit in memory without being the point of the measurement."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Begin with (count, sink), go on with every message to itself."""
        if isinstance(msg, tuple):
            self.left, self.sink = msg
            self.send(self.sink, sender)
        if not isinstance(msg, ActorExitRequest):
            for _ in range(min(100, self.left)):
                self.left -= 1
                self.send(self.sink, self.left)
            if self.left:
                self.send(self.myAddress, "go on")


class Asker(Actor):
    """Asks an echo, and again when it is answered, `count` times."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Begin with (count, echo)."""
        if isinstance(msg, tuple):
            self.left, self.echo = msg
            self.asker = sender
        if not isinstance(msg, ActorExitRequest):
            self.left -= 1
            self.send(*((self.echo, "again") if self.left else (self.asker, "all")))


class Sleeper(Actor):
    """Sets timers and reports when all of them have rung."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        """Set (count) timers of (period) seconds."""
        if isinstance(msg, tuple):
            self.asker = sender
            self.left, period = msg
            for _ in range(self.left):
                self.wakeupAfter(period)
        elif isinstance(msg, WakeupMessage):
            self.left -= 1
            if not self.left:
                self.send(self.asker, "all")


@contextmanager
def simple_system() -> Iterator[ActorSystem]:
    """Thespian's own base."""
    system = ActorSystem("simpleSystemBase", logDefs=False, transientUnique=True)
    yield system
    system.shutdown()


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


async def timed_request(base: ActorSystemBase, address: ActorAddress, message: object) -> float:
    """Seconds until `message` is answered."""
    began = perf_counter()
    assert await base.request(address, message, TIMEOUT) == "all"
    return perf_counter() - began


async def best_of_three(base: ActorSystemBase, address: ActorAddress, message: object) -> float:
    """As `timed_request`; the best of three, for other work on the machine only ever slows it down."""
    return min([await timed_request(base, address, message) for _ in range(3)])


def row(what: str, ours: float, simple: float, target: str) -> None:
    """One line of the table."""
    print(f"{what:<{WIDTH}}{ours:>14,.1f}{simple:>18,.1f}   {target}")


@pytest.fixture(scope="module", autouse=True)
def table() -> None:
    """The head of the table."""
    print(f"\n{'':<{WIDTH}}{'asyncio base':>14}{'simpleSystemBase':>18}   target")


@pytest.fixture
async def base() -> Any:
    """Our base."""
    base = system_base_of(start_actor_system())
    yield base
    await base.aclose()


async def test_tells_between_actors(base: ActorSystemBase) -> None:
    count, few = 200_000, 20_000
    ours = count / await best_of_three(base, base.newPrimaryActor(Teller), (count, base.newPrimaryActor(Sink)))
    with simple_system() as system:
        teller, sink = system.createActor(Teller), system.createActor(Sink)
        simple = few / timed(lambda: system.ask(teller, (few, sink), TIMEOUT))
    row("tells/s between actors", ours, simple, ">= 60,000")
    assert ours >= 60_000


async def test_asks_between_actors(base: ActorSystemBase) -> None:
    count, few = 100_000, 10_000
    ours = count / await best_of_three(base, base.newPrimaryActor(Asker), (count, base.newPrimaryActor(Echo)))
    with simple_system() as system:
        asker, echo = system.createActor(Asker), system.createActor(Echo)
        simple = few / timed(lambda: system.ask(asker, (few, echo), TIMEOUT))
    row("asks/s between actors", ours, simple, ">= 40,000")
    assert ours >= 40_000


@pytest.mark.parametrize("at_once", [1, 64])
async def test_awaited_asks(base: ActorSystemBase, at_once: int) -> None:
    count, few, echo = 32_000, 10_000, base.newPrimaryActor(Echo)

    async def ask() -> None:
        for _ in range(count // at_once):
            await base.request(echo, "hello", 3.0)

    ours = 0.0
    for _ in range(3):
        began = perf_counter()
        await asyncio.gather(*(ask() for _ in range(at_once)))
        ours = max(ours, count / (perf_counter() - began))
    with simple_system() as system:
        other = system.createActor(Echo)
        simple = few / timed(lambda: [system.ask(other, "hello", 3.0) for _ in range(few)])
    row(f"awaited asks/s, {at_once} at once", ours, simple, ">= 40,000 (simple: blocking)")
    assert ours >= 40_000


async def test_creating_an_actor(base: ActorSystemBase) -> None:
    count = 20_000
    ours = timed(lambda: [base.newPrimaryActor(Idle) for _ in range(count)]) / count * 1e6
    with simple_system() as system:
        simple = timed(lambda: [system.createActor(Idle) for _ in range(count)]) / count * 1e6
    row("creating an actor, us", ours, simple, "< 50")
    assert ours < 50


def bytes_each(create: Callable[[], object], count: int) -> float:
    """Memory that one of `count` creations takes and keeps."""
    gc.collect()
    tracemalloc.start()
    for _ in range(count):
        create()
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    return taken


async def test_memory_of_idle_actors(base: ActorSystemBase) -> None:
    count = 100_000
    ours = bytes_each(lambda: base.newPrimaryActor(Idle), count)
    with simple_system() as system:
        simple = bytes_each(lambda: system.createActor(Idle), count // 10)
    row("bytes per idle actor, of 100,000", ours, simple, "< 5,120 (simple: of 10,000)")
    assert ours < 5 * 1024


async def test_timer_storm(base: ActorSystemBase) -> None:
    count, few, period = 100_000, 1_000, 1.0
    ours = await timed_request(base, base.newPrimaryActor(Sleeper), (count, period)) - period
    with simple_system() as system:
        sleeper = system.createActor(Sleeper)
        simple = timed(lambda: system.ask(sleeper, (few, period), TIMEOUT)) - period
    row("us per timer, 100,000 at once", ours / count * 1e6, simple / few * 1e6, "< 50 (simple: of 1,000)")
    assert ours / count * 1e6 < 50


async def test_memory_over_a_million_cycles(base: ActorSystemBase) -> None:
    await cycles(base, 10_000)
    ours = await cycles(base, 1_000_000)
    with simple_system() as system:
        before, few = blocks(), 2_000
        for _ in range(few):
            system.tell(system.createActor(Idle), ActorExitRequest())
        simple = (blocks() - before) / few * 1e6
    row("blocks kept, 1,000,000 create/exit", ours, simple, "< 1,000 (simple: of 2,000, scaled)")
    assert ours < 1_000
    assert base.live_actors == 0


async def cycles(base: ActorSystemBase, count: int) -> int:
    """Create and end `count` actors; how many blocks of memory are kept."""
    before = blocks()
    for _ in range(count // 1_000):
        for _ in range(1_000):
            base.post(base.newPrimaryActor(Idle), ActorExitRequest())
        callback, handled = base.temporary_address(TIMEOUT)
        base.post(callback, None)
        await handled
    return blocks() - before


def blocks() -> int:
    """Blocks of memory in use."""
    gc.collect()
    return sys.getallocatedblocks()
