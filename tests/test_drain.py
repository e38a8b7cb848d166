"""SIGTERM under load: nothing that was accepted fails, and feeds go on at another replica without a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.draining import end_under_load


async def test_no_accepted_request_fails_and_feeds_go_on(tmp_path: Path) -> None:
    print(await end_under_load(tmp_path, listeners=20, writers=8))


@pytest.mark.torture
async def test_two_hundred_feeds_go_on_elsewhere_without_a_gap(tmp_path: Path) -> None:
    print(await end_under_load(tmp_path, listeners=200, writers=16))
