"""Timers of actors: one timer of the loop each, so that nothing is ever scanned."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from thespian.system.timing import timePeriodSeconds

SHORTEST_SECONDS = 0.001
"""What is asked of the loop at least when a timer rang early: loops with a clock of milliseconds round down."""


class Wakeup:
    """A pending `wakeupAfter`. It never rings early, whatever the loop's clock does: `transient` actors count on it."""

    __slots__ = ("_due", "_handle", "_loop", "_ring", "payload", "period")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        period: timedelta | float,
        payload: object,
        ring: Callable[["Wakeup"], None],
    ) -> None:
        seconds = max(timePeriodSeconds(period), 0.0)
        self.period = period
        """As the actor gave it: a timedelta, or seconds."""
        self.payload = payload
        self._loop = loop
        self._ring = ring
        self._due = monotonic() + seconds
        self._handle = loop.call_later(seconds, self._expire)

    @property
    def remaining(self) -> float:
        """Seconds until it rings, at least 0."""
        return max(self._due - monotonic(), 0.0)

    def cancel(self) -> None:
        """Never ring."""
        self._handle.cancel()

    def _expire(self) -> None:
        if remaining := self.remaining:
            self._handle = self._loop.call_later(max(remaining, SHORTEST_SECONDS), self._expire)
        else:
            self._handle.cancel()  # it holds this wakeup, as this holds it
            self._ring(self)
