"""What entities in memory cost: a hundred thousand notes, all of them read once and still there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from tests.performance.populate import START, email, ids, kept
from tests.performance.table import Table
from tests.performance.test_http import resident_mb
from tests.performance.test_lists import MOST, at
from tests.storm import login, spikes

pytestmark = pytest.mark.bench

LIVE = 100_000
WANTED_MB = 500
AT_ONCE = 32


async def read(session: aiohttp.ClientSession, url: str, notes: Iterator[str]) -> int:
    """Read notes one after another; return how many could be seen. Others' private ones are loaded as well."""
    seen = 0
    for note in notes:
        async with session.get(f"{url}/notes/{note}") as answer:
            await answer.read()
            assert answer.status in (200, 404)
            seen += answer.status == 200
    return seen


async def test_a_hundred_thousand_live_notes_fit_into_500_mb() -> None:
    folder = await asyncio.to_thread(kept, max(LIVE, min(MOST, 1_000_000)))
    async with spikes(folder) as service, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {await login(session, at(service), email(0))}"}
        before = resident_mb(service.process.pid)
        notes = iter(ids(START, LIVE))
        async with aiohttp.ClientSession(headers=headers) as reader:
            seen = sum(await asyncio.gather(*(read(reader, at(service), notes) for _ in range(AT_ONCE))))
        after = resident_mb(service.process.pid)
    table = Table(f"{LIVE:,} live notes", "value", "target")
    table.row("resident before, MB", f"{before:.0f}", "")
    table.row("resident with all of them, MB", f"{after:.0f}", f"{WANTED_MB}")
    table.row("of a note, KB", f"{(after - before) * 1024 / LIVE:.1f}", "")
    table.print()
    assert seen > LIVE // 3
    assert after < WANTED_MB
