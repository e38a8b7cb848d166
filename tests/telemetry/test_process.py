"""What a process tells of itself as a whole: its loop, whether it is about to end, and its samples."""

from __future__ import annotations

import asyncio
import time

import pytest

from spikes import log
from spikes.bootstrap import assemble
from spikes.settings import Settings
from spikes.telemetry import History, Telemetry, history, lines, metrics
from tests.telemetry.conftest import Grown


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples a hundred times as often."""
    monkeypatch.setattr(history, "INTERVAL", 0.05)
    monkeypatch.setattr(history, "PROBES", 2)


class Watched(History):
    """Tells of each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: asyncio.Queue[None] = asyncio.Queue()

    def sample(self) -> None:
        super().sample()
        self.taken.put_nowait(None)


async def test_samples_are_taken_for_ever(quick: None, grown: Grown) -> None:
    samples = Watched()
    grown("spikes_loop_lag_seconds_count")
    observing = asyncio.create_task(history.observe(samples))
    for _ in range(2):
        await asyncio.wait_for(samples.taken.get(), 10)
    observing.cancel()
    assert grown("spikes_loop_lag_seconds_count") >= 4
    assert samples.series()["loop_lag_seconds"][0] is not None


async def test_a_loop_that_is_held_up_is_late(quick: None) -> None:
    samples = Watched()
    observing = asyncio.create_task(history.observe(samples))
    await asyncio.sleep(0)
    held_until = time.monotonic() + 0.2
    while time.monotonic() < held_until:
        pass
    await asyncio.wait_for(samples.taken.get(), 10)
    observing.cancel()
    assert samples.samples[0].loop_lag_seconds is not None
    assert samples.samples[0].loop_lag_seconds > 0.1


async def test_a_service_tells_that_it_drains(here: Telemetry) -> None:
    service = await assemble(Settings(journal="memory:"))
    assert metrics.sample("spikes_draining") == 0
    service.state.draining = True
    assert metrics.sample("spikes_draining") == 1
    await service.drain()
    await service.close()
    assert metrics.sample("spikes_draining") is None


async def test_a_service_watches_its_log_lines(here: Telemetry) -> None:
    service = await assemble(Settings(journal="memory:"))
    await service.drain()
    await service.close()
    assert log._watchers.count(lines.notice) == 1
