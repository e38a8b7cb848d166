"""Replicas as processes on a Cassandra, and what has to be true of its journal when they have ended."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from spikes.bootstrap import BEHAVIORS, open_store
from spikes.journal.cassandra import CassandraJournal
from spikes.maintenance import sweep_in_background
from tests.processes import Running
from tests.storm import spikes, spikes_command

SLOW = 120.0
"""Seconds that a command may take, which on an idle machine takes five."""

LOOK_AGAIN = 0.5


@asynccontextmanager
async def replicas(folder: Path, url: str, count: int, **environ: str) -> AsyncIterator[list[Running]]:
    """Serve by several processes on one journal, which has been migrated."""
    async with AsyncExitStack() as stack:
        starting = [spikes(folder, SPIKES_JOURNAL=url, **environ) for _ in range(count)]
        yield [await stack.enter_async_context(each) for each in starting]


async def end(*services: Running) -> None:
    """Let services finish and end, as an operator does."""
    for service in services:
        service.signal(signal.SIGTERM)
    for service in services:
        assert await service.exit_code() == 0, service.lines[-5:]


async def migrate(folder: Path, url: str) -> None:
    """Run `spikes migrate`."""
    assert await spikes_command(folder, "migrate", timeout=SLOW, SPIKES_JOURNAL=url) == 0


async def verify(folder: Path, url: str) -> int:
    """Run `spikes verify`, after a sweeper has finished what crashes have left, and return its exit code."""
    await swept(url)
    return await spikes_command(folder, "verify", timeout=SLOW, SPIKES_JOURNAL=url)


async def swept(url: str) -> None:
    """Sweep as a service does, until nothing is left half done."""
    journal = await open_store(url)
    assert isinstance(journal, CassandraJournal)
    sweeping = asyncio.create_task(sweep_in_background(journal, BEHAVIORS))
    try:
        end = time.monotonic() + SLOW
        while await _open_intents(journal):
            assert time.monotonic() < end, "the sweeper does not come to an end"
            await asyncio.sleep(LOOK_AGAIN)  # a sweeper tells nobody what is left; the wait is bounded
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])
        await journal.close()


async def _open_intents(journal: CassandraJournal) -> bool:
    minute = journal.clock.micros() // 60_000_000
    for each in range(minute - 20, minute + 1):
        if (await journal.session.run("intents", each)).rows:
            return True
    return False


@asynccontextmanager
async def frozen(service: Running) -> AsyncIterator[None]:
    """Let a process stand still, as a long pause of its machine does, and go on afterwards."""
    os.kill(service.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.process.pid, signal.SIGCONT)
