"""Several processes on one SQLite file: nothing is lost or doubled, and no answer of one is behind another's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.storm import Ledger, compare, spikes, sqlite, storm

ENOUGH = 500


async def test_two_services_on_one_file_agree(tmp_path: Path) -> None:
    ledger = Ledger()
    async with spikes(tmp_path) as one, spikes(tmp_path) as other, storm(ledger, [one.port, other.port]) as writers:
        await ledger.reaches(ENOUGH)
    assert [writer.failures for writer in writers if writer.failures] == []
    assert await compare(ledger, sqlite(tmp_path)) == []


async def test_two_workers_on_one_file_agree(tmp_path: Path) -> None:
    ledger = Ledger()
    async with spikes(tmp_path, "--workers", "2") as service:
        await service.workers(2)
        async with storm(ledger, [service.port]) as writers:
            await ledger.reaches(ENOUGH)
    assert [writer.failures for writer in writers if writer.failures] == []
    assert await compare(ledger, sqlite(tmp_path)) == []


async def test_workers_are_replaced_in_a_storm_and_no_request_fails(tmp_path: Path) -> None:
    ledger = Ledger()
    async with spikes(tmp_path, "--workers", "2") as service:
        before = await service.workers(2)
        async with storm(ledger, [service.port]) as writers:
            await ledger.reaches(ENOUGH)
            service.signal(signal.SIGHUP)
            after = await service.workers(4)
            await ledger.reaches(ledger.acknowledged + ENOUGH)
    assert [writer.failures for writer in writers if writer.failures] == []
    assert not set(before) & set(after[2:])
    assert set(ledger.refused) <= {409}
    assert await compare(ledger, sqlite(tmp_path)) == []


@pytest.mark.torture
async def test_workers_are_killed_and_replaced_in_a_long_storm(tmp_path: Path) -> None:
    ledger, kills = Ledger(), 10
    async with spikes(tmp_path, "--workers", "2") as service:
        alive = await service.workers(2)
        for number in range(kills):
            async with storm(ledger, [service.port]):
                await ledger.reaches(ledger.acknowledged + ENOUGH)
                os.kill(alive.pop(0), signal.SIGKILL)
                alive.append((await service.workers(3 + number))[-1])
                await ledger.reaches(ledger.acknowledged + 10)
    assert await compare(ledger, sqlite(tmp_path)) == []
    print(f"\n{kills} workers killed, {ledger.acknowledged:,} acknowledged writes, none lost, none doubled")
