"""`serve --workers`: workers that die are started again, and are replaced with no failed request."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.processes import Running, appears, connect, get, serving


class Load:
    """Clients that ask without pause, half of them on connections kept alive, until told to stop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: Counter[int] = Counter()
        self.failures: list[str] = []
        self.stopped = False

    async def ask(self, most: int) -> None:
        """Ask up to `most` times on each connection, again and again; a server may end a connection by its answer."""
        while not self.stopped:
            try:
                async with connect(self.port) as connection:
                    for _ in range(most):
                        reply = await connection.get("/")
                        self.answers[reply.json["pid"]] += 1
                        if reply.closes or self.stopped:
                            break
            except (OSError, EOFError) as problem:
                self.failures.append(repr(problem))


@asynccontextmanager
async def load(port: int, clients: int = 16) -> AsyncIterator[Load]:
    it = Load(port)
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(it.ask(1 if number % 2 else 1_000_000))
        yield it
        it.stopped = True


def at(line: dict[str, Any]) -> float:
    """Return when a log line was written, in seconds."""
    return datetime.fromisoformat(line["time"]).timestamp()


async def answering(service: Running, expected: set[int]) -> set[int]:
    """Return which processes answer requests on fresh connections, asking until all the expected ones have."""
    found: set[int] = set()
    for _ in range(20):
        replies = await asyncio.gather(*(get(service.port) for _ in range(32)))
        found |= {reply.json["pid"] for reply in replies}
        if found >= expected:
            break
    return found


async def test_all_workers_answer_on_one_port(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        workers = await service.workers(2)
        assert await answering(service, set(workers)) == set(workers)
        assert service.lines[0]["workers"] == 2


async def test_a_worker_that_dies_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        first, other = await service.workers(2)
        os.kill(first, signal.SIGKILL)
        second = (await service.workers(3))[2]
        os.kill(second, signal.SIGKILL)
        third = (await service.workers(4))[3]
        assert await answering(service, {other, third}) == {other, third}
        ended, started = service.all("worker ended"), service.all("worker started")
        assert [(line["worker"], line["next_in_seconds"]) for line in ended] == [(first, 0.1), (second, 0.2)]
        pauses = [at(again) - at(before) for before, again in zip(ended, started, strict=True)]
        assert all(pause >= line["next_in_seconds"] for pause, line in zip(pauses, ended, strict=True))


async def test_while_a_worker_is_gone_the_other_answers(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        first, other = await service.workers(2)
        (tmp_path / "told").write_text("refuse")
        os.kill(first, signal.SIGKILL)
        ended = await service.line("worker ended", 2)
        assert ended["reason"] == "the tiny journal is broken; mend it"
        assert await answering(service, {other}) == {other}


async def test_a_hangup_replaces_all_workers_with_no_failed_request(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        old = await service.workers(2)
        async with load(service.port) as clients:
            service.signal(signal.SIGHUP)
            await service.line("workers replaced")
            service.signal(signal.SIGHUP)
            await service.line("workers replaced", 2)
        new = (await service.workers(6))[4:]
        assert clients.failures == []
        assert await answering(service, set(new)) == set(new)
        assert set(clients.answers) <= {*await service.workers(6)}
        assert all((tmp_path / f"closed-{worker}").exists() for worker in old)


async def test_replaced_workers_have_new_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("# how long a login lasts\nSPIKES_TOKEN_TTL='100'\n")
    async with serving(tmp_path, "--workers", "1", "--env-file", str(file)) as service:
        await service.workers(1)
        assert (await get(service.port)).json["token_ttl"] == 100
        file.write_text("export SPIKES_TOKEN_TTL=200")
        service.signal(signal.SIGHUP)
        await service.line("workers replaced")
        assert (await get(service.port)).json["token_ttl"] == 200


async def test_a_replacement_that_fails_leaves_the_old_ones(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        old = await service.workers(2)
        (tmp_path / "told").write_text("refuse")
        service.signal(signal.SIGHUP)
        failed = await service.line("replacement failed")
        assert failed["reason"] == "the tiny journal is broken; mend it"
        assert await answering(service, set(old)) == set(old)


async def test_a_wrong_new_setting_leaves_the_old_workers(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("SPIKES_TOKEN_TTL=100")
    async with serving(tmp_path, "--workers", "1", "--env-file", str(file)) as service:
        old = await service.workers(1)
        file.write_text("SPIKES_TOKEN_TTL=long")
        service.signal(signal.SIGHUP)
        failed = await service.line("replacement failed")
        assert failed["reason"].startswith("SPIKES_TOKEN_TTL='long' is wrong")
        assert await answering(service, set(old)) == set(old)


async def test_a_replacement_that_dies_leaves_the_old_ones(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "1") as service:
        old = await service.workers(1)
        (tmp_path / "told").write_text("die")
        service.signal(signal.SIGHUP)
        assert (await service.line("replacement failed"))["reason"] == "it ended without saying why"
        assert await answering(service, set(old)) == set(old)


async def test_no_worker_that_can_serve_ends_the_supervisor(tmp_path: Path) -> None:
    (tmp_path / "told").write_text("refuse")
    async with serving(tmp_path, "--workers", "2") as service:
        assert await service.exit_code() == 3
        assert (await service.line("no worker can serve"))["reason"] == "the tiny journal is broken; mend it"


async def test_the_end_of_all_lets_requests_finish(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        workers = await service.workers(2)
        async with connect(service.port) as slow:
            await slow.send("/slow?long")
            await appears(tmp_path / "slow")
            service.signal(signal.SIGTERM)
            assert (await slow.reply()).status == 200
        assert await service.exit_code() == 0
        assert all((tmp_path / f"closed-{worker}").exists() for worker in workers)


async def test_a_signal_to_the_whole_group_lets_requests_finish(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "1") as service:
        (worker,) = await service.workers(1)
        async with connect(service.port) as slow, connect(service.port) as gate:
            await slow.send("/slow")
            await gate.get("/")
            await appears(tmp_path / "slow")
            os.killpg(service.process.pid, signal.SIGTERM)
            await service.line("draining", 2)
            os.kill(worker, signal.SIGTERM)
            await gate.get("/gate", "POST")
            assert (await slow.reply()).status == 200
        assert await service.exit_code() == 0


async def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        workers = await service.workers(2)
        async with connect(service.port) as slow:
            await slow.send("/slow")
            await appears(tmp_path / "slow")
            service.signal(signal.SIGTERM)
            await service.line("draining", 3)
            service.signal(signal.SIGTERM)
            assert await service.exit_code() == -signal.SIGTERM
            await service.silence()
        assert not all((tmp_path / f"closed-{worker}").exists() for worker in workers)


async def test_workers_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        workers = await service.workers(2)
        service.signal(signal.SIGKILL)
        await service.silence()
        assert {line["reason"] for line in service.all("draining")} == {"the supervisor is gone"}
        assert all((tmp_path / f"closed-{worker}").exists() for worker in workers)


async def test_a_worker_told_to_end_by_hand_is_replaced(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "1") as service:
        (old,) = await service.workers(1)
        os.kill(old, signal.SIGTERM)
        _, new = await service.workers(2)
        assert (await service.line("worker ended"))["exit_code"] == 0
        assert await answering(service, {new}) == {new}


async def test_an_interrupt_at_the_terminal_drains_once(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as service:
        await service.workers(2)
        os.killpg(service.process.pid, signal.SIGINT)
        assert await service.exit_code() == 0
