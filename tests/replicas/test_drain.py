"""SIGTERM under load on Cassandra: feeds go on at another replica, which tells them everything at least once (K11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.draining import end_under_load
from tests.replicas.services import verify


@pytest.mark.torture
async def test_two_hundred_feeds_go_on_at_another_replica_without_a_gap(journal: str, tmp_path: Path) -> None:
    print(await end_under_load(tmp_path, listeners=200, writers=16, once=False, SPIKES_JOURNAL=journal))
    assert await verify(tmp_path, journal) == 0
