"""Cassandra itself fails: replicas say so in time, lose nothing that they acknowledged, and recover by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cassandra.cluster import settle
from tests.cassandra.node import CassandraNode
from tests.cassandra.plugin import StartCluster
from tests.replicas.crowd import Crowd, crowd
from tests.replicas.services import end, migrate, replicas, verify

ASK = 3
IN_TIME = 2 * (ASK + 0.25) + 3
"""Seconds within which the service has to answer, whatever its store does: a request asks two entities one after the
other, the caller and the note, and each ask ends with its timeout and the grace. Timers of a busy machine are late."""

AGAIN = 20.0
"""Seconds within which the service has to serve again once Cassandra does."""


@asynccontextmanager
async def load(folder: Path, url: str) -> AsyncIterator[Crowd]:
    """Write and read by two replicas; judge everything in the end."""
    async with replicas(folder, url, 2, SPIKES_ASK_TIMEOUT=str(ASK)) as services:
        async with crowd([service.port for service in services], clients=4) as them:
            await them.succeeds(50)
            yield them
            assert await them.problems() == []
        await end(*services)
    assert await verify(folder, url) == 0
    slowest = max(them.answers, key=lambda answer: answer.took)
    assert slowest.took < IN_TIME, slowest


async def recovered(them: Crowd) -> float:
    """Wait until every replica answers without an error; return how many seconds that took."""
    start = time.monotonic()
    served = (them.sees(lambda answer, url=url: answer.url == url and answer.status == 200) for url in them.urls)  # type: ignore[misc]
    await asyncio.gather(*served)
    return time.monotonic() - start


@pytest.mark.torture
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


@pytest.mark.torture
async def test_one_node_of_three_is_killed_and_service_goes_on(start_cluster: StartCluster, tmp_path: Path) -> None:
    nodes = await asyncio.to_thread(start_cluster)
    *others, victim = nodes
    url = f"cassandra://{','.join(f'{node.host}:{node.port}' for node in nodes)}/spikes?replication=3"
    await migrate(tmp_path, url)
    async with load(tmp_path, url) as them:
        await asyncio.to_thread(victim.kill)
        killed = time.monotonic()
        took = await recovered(them)
        await them.succeeds(200)
        without = them.figures(killed)
        last = max((each.returned for each in them.answers if each.status == 503), default=killed) - killed
        await asyncio.to_thread(victim.start)
        await asyncio.to_thread(settle, nodes)
        back = time.monotonic()
        await them.succeeds(200)
    print(
        f"\n{len(others)} of 3 nodes: each replica served again after {took:.2f} s, the last error came at {last:.2f} s"
    )
    print(f"while one was away {without}\nand since it is back {them.figures(back)}")
    assert took < AGAIN
