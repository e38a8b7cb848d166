"""Waiting for the next event of all, without a task or a timer unless somebody waits."""

from __future__ import annotations

import asyncio


class News:
    """Wakes everybody who waits. Lives on one event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Wake whoever waits now."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            _wake(future)

    async def wait(self, seconds: float | None = None) -> None:
        """Return when somebody tells, or after so many seconds."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.add(future)
        timer = None if seconds is None else loop.call_later(seconds, _wake, future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if timer is not None:
                timer.cancel()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
