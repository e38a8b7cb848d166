"""The supervisor by itself: how long it waits before it starts a worker again, and that it never gives up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from spikes import supervisor
from spikes.listening import Sockets
from spikes.supervisor import FIRST_PAUSE, LONGEST_PAUSE, Supervisor, Worker, pause_after
from tests.processes import appears, connect, serving

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3)] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pause_after(100) == LONGEST_PAUSE


def test_a_night_of_failures_does_not_end_it() -> None:
    assert pause_after(10_000) == LONGEST_PAUSE


async def test_pauses_grow_when_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def no_more(command: list[str], *_: Any) -> Worker:
        raise OSError("no more processes")

    def log_error(event: str, **line: Any) -> None:
        if event == "worker ended":
            pauses.append(line["next_in_seconds"])
            if len(pauses) == 5:
                enough.set()

    worker = await Worker.start(SLEEPER, Sockets([]))
    monkeypatch.setattr(Worker, "start", no_more)
    monkeypatch.setattr(supervisor.log, "error", log_error, raising=False)
    worker.kill()
    await asyncio.wait_for(worker.left.wait(), 20)
    monkeypatch.setattr(supervisor, "SETTLED", worker.age + 0.5)  # shorter than all pauses together
    keeping = asyncio.create_task(Supervisor(SLEEPER, Sockets([]), 1)._keep(supervisor.Slot(worker)))
    await asyncio.wait_for(enough.wait(), 30)
    keeping.cancel()
    assert pauses == [pause_after(failures) for failures in range(1, 6)]


async def test_a_replacement_that_dies_while_the_old_one_drains_is_started_again(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "1") as service:
        await service.workers(1)
        async with connect(service.port) as connection:
            await connection.send("/slow")
            await appears(tmp_path / "slow")
            service.signal(signal.SIGHUP)
            _, new = await service.workers(2)
            await service.line("worker replaced")
            os.kill(new, signal.SIGKILL)
            third = (await service.workers(3))[2]
            assert third != new
