"""The store's clock, as this process knows it: asked for now and then, and told by the own monotonic clock between.

The difference of two clocks over a network is known best from the quickest of several answers, at the middle of its
round trip (Cristian, "Probabilistic clock synchronization", 1989).
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from spikes.journal.cassandra_session import Session
from spikes.journal.errors import JournalUnavailable

EVERY = 30.0
"""Seconds between two estimates."""

SAMPLES = 7
QUICKEST = 3
"""How often the store is asked for one estimate, and how many of the quickest answers count: the one in the middle, so
that one host whose clock is wrong does not decide."""

HALF_MILLISECOND = 500
"""The store tells whole milliseconds; on average it is half of one later."""

log = structlog.get_logger(__name__)


class Sample(NamedTuple):
    """One answer: how long it took in seconds, and how far the store's clock is ahead of ours, in microseconds."""

    round_trip: float
    ahead: int


class Clock:
    """Tells the store's time. Made by `Clock.start`; lives on one event loop."""

    def __init__(self, session: Session, monotonic: Callable[[], int], wall: Callable[[], int]) -> None:
        self._session = session
        self._monotonic = monotonic
        self._wall = wall
        self._ahead = 0
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        session: Session,
        monotonic: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> Clock:
        """Ask the store, and go on asking. Raises JournalUnavailable."""
        clock = cls(session, monotonic, wall)
        await clock.estimate()
        clock._task = asyncio.create_task(clock._keep())
        return clock

    def micros(self) -> int:
        """Return the store's time in microseconds since the Unix epoch."""
        return self._monotonic() // 1000 + self._ahead

    def millis(self) -> int:
        """Return the store's time in milliseconds since the Unix epoch."""
        return self.micros() // 1000

    @property
    def difference(self) -> float:
        """By how many seconds the store's clock is ahead of this machine's (rule K11)."""
        return self.micros() / 1_000_000 - self._wall() / 1_000_000_000

    async def estimate(self) -> None:
        """Find out what time it is in the store. Raises JournalUnavailable."""
        samples = [await self._ask() for _ in range(SAMPLES)]
        self._ahead = statistics.median_low(sample.ahead for sample in sorted(samples)[:QUICKEST])

    async def close(self) -> None:
        """Ask no more. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _ask(self) -> Sample:
        sent = self._monotonic()
        ((milliseconds,),) = (await self._session.run("clock")).rows
        received = self._monotonic()
        there = milliseconds * 1000 + HALF_MILLISECOND
        return Sample((received - sent) / 1e9, there - (sent + received) // 2000)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.estimate()
            except JournalUnavailable as problem:
                log.warning("store_does_not_tell_the_time", problem=str(problem))
