"""Cassandra itself fails: replicas say so in time, lose nothing that they acknowledged, and recover by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cassandra.node import CassandraNode
from tests.replicas.crowd import Crowd, crowd
from tests.replicas.services import end, replicas, verify

ASK = 3.25
"""Seconds within which the service has to answer, whatever its store does: the ask timeout and its grace."""

LATE = 1.5
"""Seconds more, for what stands before and behind the ask, and for a busy machine."""

AGAIN = 20.0
"""Seconds within which the service has to serve again once Cassandra does."""


@asynccontextmanager
async def load(folder: Path, url: str) -> AsyncIterator[Crowd]:
    """Write and read by two replicas; judge everything in the end."""
    async with replicas(folder, url, 2) as services:
        async with crowd([service.port for service in services], clients=4) as them:
            await them.succeeds(50)
            yield them
            assert await them.problems() == []
        await end(*services)
    assert await verify(folder, url) == 0
    slowest = max(answer.took for answer in them.answers)
    assert slowest < ASK + LATE, f"an answer took {slowest:.2f} s"


async def recovered(them: Crowd) -> float:
    """Wait until every replica answers without an error; return how many seconds that took."""
    start = time.monotonic()
    served = (them.sees(lambda answer, url=url: answer.url == url and answer.status == 200) for url in them.urls)  # type: ignore[misc]
    await asyncio.gather(*served)
    return time.monotonic() - start


async def test_stopped_cassandra_is_told_and_survived(
    own_cassandra: CassandraNode, own_journal: str, tmp_path: Path
) -> None:
    async with load(tmp_path, own_journal) as them:
        await asyncio.to_thread(own_cassandra.kill)
        killed = time.monotonic()
        await them.sees(lambda answer: answer.returned > killed + 20)
        await asyncio.to_thread(own_cassandra.start)
        took = await recovered(them)
        await them.succeeds(50)
    print(f"Cassandra away for 20 s, served {took:.1f} s after it was back; since the kill {them.figures(killed)}")
    assert took < AGAIN


async def test_cassandra_that_stands_still_is_survived(
    own_cassandra: CassandraNode, own_journal: str, tmp_path: Path
) -> None:
    async with load(tmp_path, own_journal) as them:
        own_cassandra.pause()
        paused = time.monotonic()
        await them.sees(lambda answer: answer.returned > paused + 5)
        own_cassandra.resume()
        took = await recovered(them)
        await them.succeeds(50)
    print(f"Cassandra still for 5 s, served {took:.1f} s after it went on; since then {them.figures(paused)}")
    assert took < AGAIN


@pytest.mark.torture
async def test_restarted_cassandra_is_survived_ten_times(
    own_cassandra: CassandraNode, own_journal: str, tmp_path: Path
) -> None:
    times = []
    async with load(tmp_path, own_journal) as them:
        for _ in range(10):
            await asyncio.to_thread(own_cassandra.stop)
            await asyncio.to_thread(own_cassandra.start)
            times.append(await recovered(them))
            await them.succeeds(20)
    print(f"10 restarts, served again after {max(times):.1f} s at most; {them.figures()}")
    assert max(times) < AGAIN
