"""`spikes serve --workers 2` on Cassandra: replicas on one port, which are replaced without a failed request."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.replicas.services import end, verify
from tests.storm import Ledger, compare, spikes, storm

ENOUGH = 50


async def test_workers_are_replaced_in_a_storm_and_no_request_fails(journal: str, tmp_path: Path) -> None:
    ledger = Ledger()
    async with spikes(tmp_path, "--workers", "2", SPIKES_JOURNAL=journal) as service:
        before = await service.workers(2)
        async with storm(ledger, [service.port], writers=4) as writers:
            await ledger.reaches(ENOUGH)
            service.signal(signal.SIGHUP)
            after = await service.workers(4)
            await ledger.reaches(ledger.acknowledged + ENOUGH)
        await end(service)
    assert [writer.failures for writer in writers if writer.failures] == []
    assert not set(before) & set(after[2:])
    assert set(ledger.refused) <= {409}
    assert await compare(ledger, journal) == []
    assert await verify(tmp_path, journal) == 0
