"""The classic double writer: a replica stands still, another goes on, and the first wakes with all it remembers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.processes import Running
from tests.replicas.crowd import crowd
from tests.replicas.services import end, frozen, replicas, verify

PAUSE = 15.0
"""Seconds: longer than any deadline, and than intents wait for the sweeper."""


async def test_paused_replica_wakes_without_harm(journal: str, tmp_path: Path) -> None:
    async with replicas(tmp_path, journal, 2, SPIKES_ASK_TIMEOUT="3") as [sleeper, other]:
        async with crowd([sleeper.port, other.port], clients=6) as them:
            await them.succeeds(100)
            async with frozen(sleeper):
                await them.keep_changing(them.urls[1], PAUSE)
            await them.succeeds(100)
            assert await them.problems() == []
        await end(sleeper, other)
    print(f"a replica stood still for {PAUSE:.0f} s: {them.figures()}")
    assert await verify(tmp_path, journal) == 0


async def write_twice(sleeper: Running, other: Running) -> None:
    """Let a replica sleep that knows a note, change the note by the other, then by the sleeper as it wakes."""
    async with crowd([sleeper.port, other.port], clients=0, notes=1) as them:
        (note_id,) = them.first
        asleep, awake = them.urls
        async with frozen(sleeper):
            newer = await them.change(awake, note_id, None)
            waiting = [asyncio.create_task(them.change(asleep, note_id, expected)) for expected in (None, 1)]
            waiting.append(asyncio.create_task(them.read(asleep, note_id)))
            newest = await them.change(awake, note_id, None)
        blind, careful, shown = await asyncio.gather(*waiting)
        assert (newer.body["version"], newest.body["version"]) == (2, 3)
        assert (blind.status, blind.body["version"]) == (200, 4)
        assert careful.status == 412
        assert shown.body["version"] in (3, 4)
        assert await them.problems() == []


async def test_sleeper_writes_on_what_it_did_not_know(journal: str, tmp_path: Path) -> None:
    async with replicas(tmp_path, journal, 2) as services:
        for _ in range(5):
            await write_twice(*services)
        await end(*services)
    assert await verify(tmp_path, journal) == 0
