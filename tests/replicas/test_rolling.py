"""A rolling restart of three replicas on Cassandra under load: no request of a client that tries again fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replicas.services import verify
from tests.rolling import restart_in_turn
from tests.storm import compare


@pytest.mark.torture
async def test_a_rolling_restart_on_cassandra_fails_no_request(journal: str, tmp_path: Path) -> None:
    ledger, figures = await restart_in_turn(tmp_path, writers=8, between=100, SPIKES_JOURNAL=journal)
    print(figures)
    assert await compare(ledger, journal) == []
    assert await verify(tmp_path, journal) == 0
