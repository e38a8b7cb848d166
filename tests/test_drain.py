"""SIGTERM under load: nothing that was accepted fails, and feeds go on at another replica without a gap."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.draining import clients
from tests.processes import TIMEOUT
from tests.storm import spikes

IN_TIME = 10.0
ENOUGH = 50
"""Notes that are acknowledged before the signal, and again behind it."""


async def end_under_load(folder: Path, listeners: int, writers: int) -> str:
    """End one of two replicas while clients write and listen to it; return what was measured."""
    async with (
        spikes(folder) as here,
        spikes(folder) as there,
        clients(here.port, there.port, listeners, writers) as them,
    ):
        await them.reach(ENOUGH)
        here.signal(signal.SIGTERM)
        signalled, before = time.monotonic(), them.acknowledged
        assert await here.exit_code() == 0
        took = time.monotonic() - signalled
        assert took < IN_TIME
        await asyncio.gather(*(asyncio.wait_for(each.drained.wait(), TIMEOUT) for each in them.listeners))
        await them.reach(before + ENOUGH)
        await them.stop_writing()
        assert all(writer.moved for writer in them.writers)
        assert them.problems() == []
    return f"{listeners} feeds, {them.acknowledged} notes by {writers} clients, ended in {took:.2f} s"


async def test_no_accepted_request_fails_and_feeds_go_on(tmp_path: Path) -> None:
    print(await end_under_load(tmp_path, listeners=20, writers=8))


@pytest.mark.torture
async def test_two_hundred_feeds_go_on_elsewhere_without_a_gap(tmp_path: Path) -> None:
    print(await end_under_load(tmp_path, listeners=200, writers=16))
