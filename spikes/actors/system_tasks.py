"""Asynchronous work on behalf of actors; its outcome comes back as an ordinary message."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from thespian.actors import ActorAddress

T = TypeVar("T")
Post = Callable[[ActorAddress, object, ActorAddress], None]


class Tasks:
    """Work in flight. Holds the tasks, for the loop itself keeps only weak references to them."""

    __slots__ = ("_closed", "_loop", "_post", "_running")

    def __init__(self, loop: asyncio.AbstractEventLoop, post: Post) -> None:
        self._loop = loop
        self._post = post
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._running)

    def run(
        self,
        work: Awaitable[T],
        deliver_to: ActorAddress,
        succeeded: Callable[[T], object],
        failed: Callable[[BaseException], object],
    ) -> asyncio.Future[T]:
        """Start `work` and send what `succeeded` or `failed` makes of its outcome to `deliver_to`."""
        future = asyncio.ensure_future(work, loop=self._loop)
        self._running.add(future)
        future.add_done_callback(partial(self._done, deliver_to, succeeded, failed))
        return future

    async def close(self, timeout: float) -> None:
        """Cancel what runs, tell nobody, and wait up to `timeout` seconds for it to end."""
        self.cancel()
        if running := list(self._running):
            await asyncio.wait(running, timeout=timeout)

    def cancel(self) -> None:
        """Cancel what runs and tell nobody."""
        self._closed = True
        for future in list(self._running):
            future.cancel()

    def _done(
        self,
        deliver_to: ActorAddress,
        succeeded: Callable[[T], object],
        failed: Callable[[BaseException], object],
        future: asyncio.Future[T],
    ) -> None:
        self._running.discard(future)
        message = self._message(succeeded, failed, future)
        if not self._closed:
            self._post(deliver_to, message, deliver_to)

    @staticmethod
    def _message(
        succeeded: Callable[[T], object], failed: Callable[[BaseException], object], future: asyncio.Future[T]
    ) -> object:
        try:
            return succeeded(future.result())
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the actor is told of it
            return failed(error)
