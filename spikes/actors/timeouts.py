"""The end of waiting, for many at once: every ask waits equally long, so the first to begin is the first to end."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class Timeouts:
    """Fails futures that are not done after `seconds`, with TimeoutError; one timer of the loop serves them all.

    A timer for each would cost more than the ask itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._watched: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, future: asyncio.Future[Any]) -> None:
        """Give a future its time."""
        watched = self._watched
        while watched and watched[0][1].done():
            watched.popleft()
        watched.append((self._loop.time() + self._seconds, future))
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def close(self) -> None:
        """Watch no more."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now, watched = self._loop.time(), self._watched
        while watched and (watched[0][1].done() or watched[0][0] <= now):
            future = watched.popleft()[1]
            if not future.done():
                future.set_exception(TimeoutError(f"no answer within {self._seconds} s"))
        self._timer = self._loop.call_at(watched[0][0], self._look) if watched else None
