"""A replica is killed in the middle of writes, and another goes on: nothing acknowledged is missing, or there twice."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.cassandra.node import free_ports
from tests.replicas.crowd import Answer, Crowd, crowd
from tests.replicas.services import end, replicas, verify
from tests.storm import spikes

SERVED_BETWEEN = 20
"""Changes that a replica acknowledges before it is killed."""

NOTES = 30
FAILOVER = 12.0
"""Seconds within which each note of a dead replica has to be read and changed: a fraction of one, where nobody else is
busy."""


async def kill_again_and_again(folder: Path, url: str, rounds: int) -> str:
    """Kill a replica and start it again, while clients write to it and to another."""
    port = free_ports(["127.0.0.1"]).native

    def is_done_there(answer: Answer) -> bool:
        return answer.url.endswith(f":{port}") and answer.status == 200

    async with replicas(folder, url, 1) as [survivor]:
        async with crowd([survivor.port, port], clients=6) as them:
            for _ in range(rounds):
                async with spikes(folder, "--port", str(port), SPIKES_JOURNAL=url) as victim:
                    await them.sees(is_done_there, SERVED_BETWEEN)
                    victim.signal(signal.SIGKILL)
                    await victim.exit_code()
            async with spikes(folder, "--port", str(port), SPIKES_JOURNAL=url) as again:
                await them.sees(is_done_there, SERVED_BETWEEN)
                assert await them.problems() == []
                await end(again)
        await end(survivor)
    assert await verify(folder, url) == 0
    return f"{rounds} kills: {them.figures()}"


async def test_what_was_acknowledged_survives_three_kills(journal: str, tmp_path: Path) -> None:
    print(await kill_again_and_again(tmp_path, journal, rounds=3))


@pytest.mark.torture
async def test_what_was_acknowledged_survives_thirty_kills(journal: str, tmp_path: Path) -> None:
    print(await kill_again_and_again(tmp_path, journal, rounds=30))


async def serve_elsewhere(them: Crowd, url: str, note_id: str) -> float:
    """Read and change a note by another replica; return how many seconds that took, with all repeats."""
    start = time.monotonic()
    while (await them.read(url, note_id)).status != 200 or (await them.change(url, note_id, None)).status != 200:
        assert time.monotonic() < start + FAILOVER, f"{note_id} is not served"
    return time.monotonic() - start


async def test_notes_of_a_killed_replica_are_served_at_once(journal: str, tmp_path: Path) -> None:
    async with replicas(tmp_path, journal, 2) as [victim, survivor]:
        async with crowd([victim.port, survivor.port], clients=4, notes=NOTES) as them:
            await them.succeeds(2 * NOTES)
            victim.signal(signal.SIGKILL)
            killed = time.monotonic()
            _, there = them.urls
            waits = [await serve_elsewhere(them, there, note_id) for note_id in them.first]
            all_served = time.monotonic() - killed
            them.urls[:] = [there]
            assert await them.problems() == []
        await end(survivor)
    print(f"{NOTES} notes, one after another: all in {all_served:.2f} s, the slowest took {max(waits):.2f} s")
    assert max(waits) < FAILOVER


async def listed(them: Crowd) -> set[str]:
    """Return the ids of all notes that the survivor lists."""
    answer = await them.ask("GET", them.urls[1], "/notes/mine?limit=200")
    return {note["id"] for note in answer.body} if answer.status == 200 else set()


async def test_change_under_way_in_a_killed_replica_is_settled_by_its_key(journal: str, tmp_path: Path) -> None:
    async with replicas(tmp_path, journal, 2) as [victim, survivor]:
        async with crowd([victim.port, survivor.port], clients=0, notes=1) as them:
            sent = [asyncio.create_task(them.create_for_sure(number)) for number in range(20)]
            await them.succeeds(3)
            victim.signal(signal.SIGKILL)
            ids = await asyncio.gather(*sent)
            async with asyncio.timeout(60):  # a row that the victim left behind is written by the survivor's sweeper
                while await listed(them) != {*ids, *them.first}:
                    pass
        await end(survivor)
    assert len(set(ids)) == 20
    assert await verify(tmp_path, journal) == 0
