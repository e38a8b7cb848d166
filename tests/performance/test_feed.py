"""The live feed with many listeners: how long after a request its event reaches everybody."""

from __future__ import annotations

import asyncio
import re
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.performance.table import Table
from tests.performance.test_http import resident_mb
from tests.storm import login, spikes

pytestmark = [pytest.mark.bench]

USERS, WINDOWS = 50, 20
RATE = 200
SECONDS = 10
_sent = re.compile(rb'"title":"At (\d+)"')


class Ear(asyncio.Protocol):
    """A listener: notes how long each event took since its request was sent, in seconds."""

    def __init__(self, token: str, delays: list[float]) -> None:
        self._token = token
        self._delays = delays
        self._text = b""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(f"GET /feed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._text += data
        if not self.begun.done() and b"retry:" in self._text:
            self.begun.set_result(None)
        end = 0
        for found in _sent.finditer(self._text):
            self._delays.append((time.monotonic_ns() - int(found[1])) / 1e9)
            end = found.end()
        self._text = self._text[end:]


@asynccontextmanager
async def listeners(port: int, tokens: list[str], delays: list[float]) -> AsyncIterator[None]:
    """Let everybody listen in many windows."""
    loop = asyncio.get_running_loop()
    transports = []
    try:
        for token in tokens:
            for _ in range(WINDOWS):
                transport, ear = await loop.create_connection(partial(Ear, token, delays), "127.0.0.1", port)
                transports.append(transport)
                await asyncio.wait_for(ear.begun, 30)
        yield
    finally:
        for transport in transports:
            transport.abort()


async def write(session: aiohttp.ClientSession, url: str, tokens: list[str]) -> int:
    """Write notes at an even rate; return how many."""
    began, writing = time.monotonic(), []
    for number in range(RATE * SECONDS):
        await asyncio.sleep(began + number / RATE - time.monotonic())
        writing.append(asyncio.create_task(write_one(session, url, tokens[number % len(tokens)])))
    return sum(await asyncio.gather(*writing))


async def write_one(session: aiohttp.ClientSession, url: str, token: str) -> bool:
    note = {"title": f"At {time.monotonic_ns()}", "body": "A body. " * 25}
    async with session.post(f"{url}/notes", json=note, headers={"Authorization": f"Bearer {token}"}) as answer:
        return answer.status == 201


async def arrived(delays: list[float], count: int) -> None:
    """Wait until so many events have arrived."""
    for _ in range(3000):
        if len(delays) >= count:
            return
        await asyncio.sleep(0.01)  # counting is cheaper than a signal for each; the wait is bounded


def percentile(values: list[float], part: float) -> float:
    """Return a percentile in milliseconds."""
    return sorted(values)[int(len(values) * part)] * 1000


async def test_a_thousand_listeners_hear_in_time(tmp_path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    delays: list[float] = []
    async with spikes(tmp_path) as service, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{service.port}"
        tokens = [await login(session, url, f"user{number}@example.com") for number in range(USERS)]
        async with listeners(service.port, tokens, delays):
            written = await write(session, url, tokens)
            await arrived(delays, written * WINDOWS)
            resident = resident_mb(service.process.pid)
    table = Table(f"Live feed, {USERS * WINDOWS:,} listeners, {RATE} events/s", "p50 ms", "p99 ms", "deliveries", "MB")
    row = (f"{percentile(delays, 0.5):.0f}", f"{percentile(delays, 0.99):.0f}", f"{len(delays):,}", f"{resident:.0f}")
    table.row(f"from the request; {USERS} users of {WINDOWS} windows", *row)
    table.print()
    assert (written, len(delays)) == (RATE * SECONDS, RATE * SECONDS * WINDOWS)
    assert percentile(delays, 0.99) < 250
