"""The console while a hundred thousand entities are live and the journal is long: how soon a page is there.

SPIKES_BENCH_NOTES says how long the journal is, see `test_lists.py`; the target is for a million.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from spikes.bootstrap import Service, assemble
from spikes.domain.note.command import GetNote
from spikes.persistence.identity import PersistenceId
from spikes.settings import Settings
from tests.performance.populate import START, ids, kept
from tests.performance.table import Table
from tests.performance.test_lists import MOST

pytestmark = pytest.mark.bench

LIVE = 100_000
WANTED = 0.2
"""Seconds until all of a page is there."""

AT_ONCE = 64
LOOKS = 5


async def bring_to_life(service: Service, notes: list[str]) -> None:
    """Ask each note once; it stays in memory."""
    for start in range(0, len(notes), AT_ONCE):
        some = [PersistenceId.of("note", each) for each in notes[start : start + AT_ONCE]]
        await asyncio.gather(*(service.entities.ask(each, GetNote()) for each in some))


def pages(note: str) -> tuple[str, ...]:
    """Return what operators look at."""
    about = ("", "/history", "/event", "/version", "/check")
    return (
        *("/", "/entities", f"/entities?q={note}", *(f"/entity{each}?id=note%7C{note}" for each in about)),
        *("/activity", "/activity?kind=tag", "/errors", "/requests", "/request?id=unknown-request"),
        *("/actors", "/actors?order=age", "/actors/tree", "/journal", "/system"),
    )


async def measured(folder: Path) -> dict[str, tuple[float, float]]:
    """Return for each page the median and the longest time of some looks, in seconds."""
    service = await assemble(Settings(journal=f"sqlite:///{folder}/spikes.db", rate_limits=False, ask_timeout=60))
    notes, found = ids(START, LIVE), dict[str, tuple[float, float]]()
    try:
        await bring_to_life(service, notes)
        assert await service.entities.active("note") == LIVE
        async with TestClient(TestServer(service.management(None))) as client:
            for path in pages(notes[0]):
                times = []
                for _ in range(LOOKS):
                    started = time.perf_counter()
                    async with client.get(path) as answer:
                        await answer.read()
                        assert answer.status == 200, path
                    times.append(time.perf_counter() - started)
                found[path] = sorted(times)[LOOKS // 2], max(times)
        assert await service.entities.active("note") == LIVE, "looking at pages changed who is live"
    finally:
        await service.drain()
        await service.close()
    return found


async def test_every_page_is_there_within_200_ms() -> None:
    folder = await asyncio.to_thread(kept, max(LIVE, min(MOST, 1_000_000)))
    found = await measured(folder)
    table = Table(
        f"Pages of the console, {LIVE:,} live notes, {max(LIVE, MOST):,} in the journal", "median ms", "longest ms"
    )
    for path, (median, longest) in found.items():
        table.row(f"`{path.partition('?')[0]}`", f"{median * 1000:.0f}", f"{longest * 1000:.0f}")
    table.print()
    assert max(median for median, _ in found.values()) < WANTED
