"""Where the actors live: the caller's running loop, or a loop in a thread of our own."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from threading import get_ident
from typing import Any, TypeVar

from spikes.actors.system_errors import BlockingCallInLoop, SystemIsShutDown

T = TypeVar("T")

STILL_THERE_SECONDS = 0.5
"""How often a blocked caller looks whether the loop it waits for is still there."""


class LoopHost:
    """The event loop of an actor system, and the ways into it from other threads."""

    __slots__ = ("_calls", "_ident", "_stop", "_thread", "closed", "loop")

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self.closed = False
        self._calls: set[asyncio.Future[object]] = set()
        self._thread: threading.Thread | None = None
        self._ident = get_ident()
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            self._start_thread()

    @property
    def own_thread(self) -> bool:
        """Whether the loop was started by us, in a thread of its own."""
        return self._thread is not None

    def inside(self) -> bool:
        """Whether the calling thread is the one that runs the loop."""
        return get_ident() == self._ident

    def refuse_inside(self, call: str) -> None:
        """Raise `BlockingCallInLoop` where waiting would be waiting for oneself."""
        if self.inside():
            raise BlockingCallInLoop(
                f"{call} blocks, and this is the thread that runs the actors; await request() there"
            )
        self.refuse_closed()

    def refuse_closed(self) -> None:
        """Raise `SystemIsShutDown` when nobody is there to do what is asked."""
        if self.closed:
            raise SystemIsShutDown("the actor system was shut down")

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run `function` on the loop and give its result, from any thread; raises what it raises."""
        if self.inside():
            return function(*arguments)

        async def call() -> T:
            return function(*arguments)

        return self.run(call)

    def run(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function on the loop and wait for its result; never from the loop's own thread."""
        self.refuse_inside("this call")
        outcome = asyncio.run_coroutine_threadsafe(self._counted(function), self.loop)
        while not concurrent.futures.wait([outcome], STILL_THERE_SECONDS).done:
            self.refuse_closed()
        return outcome.result()

    def close(self) -> None:
        """Take no more calls, and let our own loop end. On the loop only."""
        self.closed = True
        if self.own_thread:
            self._stop.set()

    def join(self) -> None:
        """Wait for our own loop, if there is one, to have ended. From another thread only."""
        if self._thread is not None:
            self._thread.join()

    def _start_thread(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live(started)), name="actor-system", daemon=True
        )
        self._thread.start()
        started.wait()

    async def _live(self, started: threading.Event) -> None:
        self._ident = get_ident()
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        started.set()
        await self._stop.wait()
        while self._calls:  # a thread waits for each of them
            await asyncio.wait(self._calls)

    async def _counted(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            return await function()
        finally:
            self._calls.discard(task)
