"""A rolling restart of three replicas that share a file: no request fails, nothing is lost or there twice."""

from __future__ import annotations

from pathlib import Path

from tests.rolling import restart_in_turn
from tests.storm import compare, sqlite


async def test_a_rolling_restart_fails_no_request(tmp_path: Path) -> None:
    ledger, figures = await restart_in_turn(tmp_path, writers=6, between=50)
    print(figures)
    assert ledger.acknowledged >= 200
    assert await compare(ledger, sqlite(tmp_path)) == []
