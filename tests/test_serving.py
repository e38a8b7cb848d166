"""One serving process: its first word, its end without a failed request, and what stops its start."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spikes.listening import CannotListen, holder, listen
from tests.processes import TIMEOUT, appears, connect, get, serving


async def test_the_first_line_names_data_and_address(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        first = await service.line("starting")
        assert service.lines[0] is first
        assert first["data_directory"] == str(tmp_path)
        assert first["journal"] == f"sqlite:///{tmp_path}/spikes.db"
        assert (await get(service.port)).status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_it_with_code_zero(tmp_path: Path, number: signal.Signals) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        service.signal(number)
        assert await service.exit_code() == 0
        assert (tmp_path / "drained").exists()
        assert (tmp_path / f"closed-{service.process.pid}").exists()


async def test_requests_in_flight_finish_while_readiness_fails(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        async with connect(service.port) as slow, connect(service.port) as gate:
            await slow.send("/slow")
            await gate.get("/")
            await appears(tmp_path / "slow")
            service.signal(signal.SIGTERM)
            await service.line("draining")
            readiness = await get(service.port, "/readiness")
            assert (readiness.status, readiness.closes) == (503, True)
            await gate.get("/gate", "POST")
            reply = await slow.reply()
            assert (reply.status, reply.closes) == (200, True)
            assert await service.exit_code() == 0


async def test_a_connection_kept_alive_is_told_to_close(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        async with connect(service.port) as kept:
            assert not (await kept.get("/")).closes
            service.signal(signal.SIGTERM)
            await service.line("draining")
            assert (await kept.get("/")).closes
            assert await kept.ended()
            assert await service.exit_code() == 0


async def test_an_idle_connection_has_time_for_a_last_request(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        async with connect(service.port) as idle:
            await idle.get("/")
            began = asyncio.get_running_loop().time()
            service.signal(signal.SIGTERM)
            await service.line("draining")
            assert await idle.ended()
            assert asyncio.get_running_loop().time() - began > 1.5


async def test_a_request_without_end_is_cut_off_within_ten_seconds(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        async with connect(service.port) as slow:
            await slow.send("/slow")
            await appears(tmp_path / "slow")
            service.signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await service.exit_code() == 5
            assert (tmp_path / "drained").exists()


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        async with connect(service.port) as slow:
            await slow.send("/slow")
            await appears(tmp_path / "slow")
            service.signal(signal.SIGTERM)
            await service.line("draining")
            service.signal(signal.SIGTERM)
            assert await service.exit_code() == -signal.SIGTERM


async def test_a_signal_ends_a_start_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "told").write_text("hang")
    async with serving(tmp_path) as service:
        await appears(tmp_path / "assembling")
        service.signal(signal.SIGTERM)
        assert await service.exit_code() == 0


async def test_it_goes_on_when_nobody_reads_its_log(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        service.stop_reading()
        await service.silence()
        assert (await get(service.port)).status == 200
        service.signal(signal.SIGTERM)
        assert await service.exit_code() == 0
        assert (tmp_path / f"closed-{service.process.pid}").exists()


async def test_an_unusable_journal_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "told").write_text("refuse")
    async with serving(tmp_path) as service:
        assert await service.exit_code() == 3
        await service.silence()
        assert service.noise == ["spikes: the tiny journal is broken; mend it\n"]


async def test_a_busy_port_names_its_holder(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.line("ready")
        async with serving(tmp_path, "--port", str(service.port)) as second:
            assert await second.exit_code() == 4
            await second.silence()
            name = Path(f"/proc/{service.process.pid}/comm").read_text().strip()
            assert f"is in use by {name} (pid {service.process.pid})" in second.noise[0]
            assert "--port or SPIKES_PORT" in second.noise[0]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_holder_of_a_port_is_seen() -> None:
    (listening,) = listen("127.0.0.1", 0)
    with listening:
        port = listening.getsockname()[1]
        assert f"(pid {os.getpid()})" in holder(port)
    assert holder(port) == "another process, which can't be seen from here"


def test_one_port_is_opened_for_all_addresses() -> None:
    sockets = listen("localhost", 0)
    assert len({opened.getsockname()[1] for opened in sockets}) == 1
    for opened in sockets:
        opened.close()


@pytest.mark.parametrize(
    ("host", "message"),
    [("192.0.2.1", "192.0.2.1 is no address of this machine"), ("no-such-host.invalid", "is no address")],
)
def test_a_foreign_address_is_refused(host: str, message: str) -> None:
    with pytest.raises(CannotListen, match=message):
        listen(host, 0)


def test_a_failed_listen_leaves_no_socket_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListen, match="is in use by"):
        listen("127.0.0.1", taken.getsockname()[1])


COLLECTOR = """
import gc
from spikes import serving
looks = []
serving._spare_the_collector()
gc.callbacks.append(lambda phase, info: looks.append(info["generation"]) if phase == "start" else None)
kept = [[] for _ in range(1_000_000)]
print(len(looks), max(looks))
"""


def test_the_collector_never_looks_at_much_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLLECTOR], capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    looks, oldest = map(int, done.stdout.split())
    assert looks >= 90
    assert oldest == 0
