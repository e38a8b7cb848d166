"""The management listener of real processes: where it listens, how it ends, and that any worker speaks for all."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from spikes.exits import Exit
from tests.processes import SPIKES, TIMEOUT, Running, appears, running, serving
from tests.storm import PASSWORD, spikes

HERE = "127.0.0.1"


async def ask(service: Running, path: str, **headers: str) -> tuple[int, str]:
    """Ask the management listener, on a connection of its own, so that any worker may answer."""
    url = f"{service.lines[0]['admin_address']}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text()


async def register(service: Running) -> str:
    """Let somebody register, with whichever worker; return their id."""
    account = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD, "born": "1990-12-31"}
    url = f"http://{HERE}:{service.port}/users"
    async with aiohttp.ClientSession() as session, session.post(url, json=account) as response:
        assert response.status == 201
        return str((await response.json())["id"])


async def until(service: Running, path: str, *words: str) -> str:
    """Ask until all words are in the answer; no signal comes from another process, and the wait is bounded."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            _, text = await ask(service, path)
            if all(word in text for word in words):
                return text
            await asyncio.sleep(0.05)


async def test_one_process_serves_console_and_probes(tmp_path: Path) -> None:
    async with spikes(tmp_path, SPIKES_ADMIN_PORT="0") as service:
        assert await ask(service, "/readyz") == (200, "ok\n")
        assert (await ask(service, "/"))[0] == 200
        assert (await ask(service, "/metrics"))[0] == 200
        service.signal(signal.SIGTERM)
        assert await service.exit_code() == Exit.OK


async def test_any_worker_tells_of_all_and_of_no_dead_one(tmp_path: Path) -> None:
    async with spikes(tmp_path, "--workers", "2", SPIKES_ADMIN_PORT="0") as service:
        first, second = await service.workers(2)
        text = await until(service, "/metrics", f'worker="{first}"', f'worker="{second}"')
        assert text.count("# TYPE spikes_entities_active gauge") == 1
        os.kill(first, signal.SIGKILL)
        third = (await service.workers(3))[2]
        text = await until(service, "/metrics", f'worker="{second}"', f'worker="{third}"')
        assert f'worker="{first}"' not in text
        await until(service, "/?format=json", '"workers": 2')


async def test_any_worker_shows_an_entity_in_another_one(tmp_path: Path) -> None:
    async with spikes(tmp_path, "--workers", "2", SPIKES_ADMIN_PORT="0") as service:
        workers = {str(each) for each in await service.workers(2)}
        await until(service, "/metrics", *(f'worker="{each}"' for each in workers))
        user = await register(service)
        pages = [await ask(service, f"/entity?id=user%7C{user}&format=json") for _ in range(10)]
        assert {status for status, _ in pages} == {200}
        assert all(any(f"actor in process {each}" in text for each in workers) for _, text in pages)
        _, actors = await ask(service, "/actors?format=json")
        assert f'"user|{user}"' in actors


async def test_a_worker_that_hangs_is_named_by_the_other(tmp_path: Path) -> None:
    async with spikes(tmp_path, "--workers", "2", SPIKES_ADMIN_PORT="0") as service:
        first, second = await service.workers(2)
        await until(service, "/metrics", f'worker="{first}"', f'worker="{second}"')
        os.kill(first, signal.SIGSTOP)
        try:
            text = await _by_the_other(service, f"worker {first} does not answer")
        finally:
            os.kill(first, signal.SIGCONT)
        assert "DEGRADED" in text


async def _by_the_other(service: Running, words: str) -> str:
    """Ask until the worker that runs answers; a connection that the stopped one has taken is given up."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                async with asyncio.timeout(20):
                    return await until(service, "/", words)
            except TimeoutError:
                continue


async def test_replacing_workers_fails_no_probe(tmp_path: Path) -> None:
    async with spikes(tmp_path, "--workers", "1", SPIKES_ADMIN_PORT="0") as service:
        await service.workers(1)
        service.signal(signal.SIGHUP)
        replaced = asyncio.create_task(service.line("workers replaced"))
        statuses = set()
        while not replaced.done():
            statuses.add((await ask(service, "/readyz"))[0])
            await asyncio.sleep(0.01)
        assert statuses == {200}


async def test_the_directory_of_the_workers_goes_with_the_supervisor(tmp_path: Path) -> None:
    async with spikes(tmp_path / "data", "--workers", "1", SPIKES_ADMIN_PORT="0", TMPDIR=str(tmp_path)) as service:
        (directory,) = tmp_path.glob("spikes-*")
        assert directory.stat().st_mode & 0o777 == 0o700
        service.signal(signal.SIGTERM)
        assert await service.exit_code() == Exit.OK
        assert not directory.exists()


@pytest.mark.parametrize("arguments", [(), ("--workers", "1")], ids=["one process", "a worker"])
async def test_while_it_starts_it_is_alive_but_not_started(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = tmp_path / "told"
    told.write_text("hang")
    environ = {"TINY": str(told), "SPIKES_DATA_DIR": str(tmp_path), "SPIKES_ADMIN_PORT": "0"}
    async with running("serve", "--port", "0", *arguments, **environ) as service:
        await appears(tmp_path / "assembling")
        assert await ask(service, "/livez") == (200, "ok\n")
        status, text = await ask(service, "/startupz")
        assert (status, text) == (503, "[-]started: the journal is not open yet\nstartupz check failed\n")
        assert (await ask(service, "/readyz"))[0] == 503
        service.signal(signal.SIGTERM)
        assert await service.exit_code() == Exit.OK


async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        assert (await service.line("starting"))["admin_address"] == "off"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "spikes.example.com"])
async def test_other_addresses_need_a_token(tmp_path: Path, host: str) -> None:
    environ = {"SPIKES_DATA_DIR": str(tmp_path), "SPIKES_ADMIN_HOST": host, "SPIKES_ADMIN_PORT": "0"}
    async with running("serve", "--port", "0", module=SPIKES, **environ) as service:
        assert await service.exit_code() == Exit.USAGE
        await service.silence()
        assert f"SPIKES_ADMIN_HOST={host!r} without SPIKES_ADMIN_TOKEN is wrong" in service.noise[0]


async def test_with_a_token_it_listens_everywhere_and_asks_for_it(tmp_path: Path) -> None:
    environ = {"SPIKES_ADMIN_HOST": "0.0.0.0", "SPIKES_ADMIN_PORT": "0", "SPIKES_ADMIN_TOKEN": "secret"}
    async with spikes(tmp_path, **environ) as service:
        assert (await ask(service, "/", Host="10.0.0.7"))[0] == 401
        assert (await ask(service, "/metrics", Host="10.0.0.7"))[0] == 401
        assert (await ask(service, "/metrics", Host="10.0.0.7", Authorization="Bearer secret"))[0] == 200
        assert (await ask(service, "/readyz", Host="10.0.0.7"))[0] == 200


async def test_a_port_that_is_taken_says_how_to_choose_another(tmp_path: Path) -> None:
    with socket.create_server((HERE, 0)) as taken:
        environ = {"SPIKES_DATA_DIR": str(tmp_path), "SPIKES_ADMIN_PORT": str(taken.getsockname()[1])}
        async with running("serve", "--port", "0", module=SPIKES, **environ) as service:
            assert await service.exit_code() == Exit.ADDRESS
            await service.silence()
            assert service.noise[0].endswith("stop that, or choose another port by SPIKES_ADMIN_PORT\n")
