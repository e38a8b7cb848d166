"""Replicas replaced one after another under load, as a Deployment does it, and clients that try again."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.processes import Running
from tests.storm import Ledger, login, spikes

TRIES = 40
PAUSE = 0.25
"""How often a client asks for the same, and how many seconds it waits before it asks again."""

COME_AGAIN = (409, 429, 502, 503)
"""Answers that say so if they have a Retry-After, or are of a service that is about to end."""


class Endpoints:
    """Where requests may go, in turn: what a Service of Kubernetes knows."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self._turns = itertools.count()

    def next(self) -> str:
        """Return the URL of whose turn it is."""
        return f"http://127.0.0.1:{self.ports[next(self._turns) % len(self.ports)]}"


class Client:
    """Creates and changes notes until stopped; each request has a key, under which it is sent again if need be."""

    _numbers = itertools.count()

    def __init__(self, ledger: Ledger, endpoints: Endpoints, token: str, session: aiohttp.ClientSession) -> None:
        self.failures: list[str] = []
        self.again: Counter[str] = Counter()
        self.slowest = 0.0
        self.stopped = False
        self._ledger = ledger
        self._endpoints = endpoints
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self._mine: list[str] = []

    async def run(self) -> None:
        """Ask for one thing after another."""
        while not self.stopped:
            number = next(self._numbers)
            note: dict[str, Any] = {"title": f"Note {number}", "body": f"marker {number}"}
            if number % 3 and self._mine:
                note |= {"id": self._mine[number % len(self._mine)], "status": "Doing", "access": "Public"}
            began = time.monotonic()
            await self._write("PUT" if "id" in note else "POST", note)
            self.slowest = max(self.slowest, time.monotonic() - began)

    async def _write(self, method: str, note: dict[str, Any]) -> None:
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                self.again[problem] += 1
                await asyncio.sleep(PAUSE)  # as a client does that is told to come again
            status, body = await self._ask(method, note)
            if status in (200, 201):
                self._mine += [body["id"]] if method == "POST" else []
                await self._ledger.note(body)
                return
            problem = f"{status or 'lost'} {body}"
            if status and status not in COME_AGAIN:
                break
        self.failures.append(problem)

    async def _ask(self, method: str, note: dict[str, Any]) -> tuple[int, Any]:
        """Ask once; the status 0 is for an answer that is lost."""
        headers = {**self._headers, "Idempotency-Key": note["body"]}
        try:
            url = f"{self._endpoints.next()}/notes"
            async with self._session.request(method, url, json=note, headers=headers) as answer:
                return answer.status, await answer.json()
        except (aiohttp.ClientError, ConnectionError) as problem:
            return 0, type(problem).__name__


class Rolling:
    """Some replicas, what leads to them, and how they are replaced."""

    def __init__(self, folder: Path, stack: AsyncExitStack, environ: dict[str, str]) -> None:
        self.endpoints = Endpoints()
        self.replicas: list[Running] = []
        self.ends: list[float] = []
        self._folder = folder
        self._stack = stack
        self._environ = environ

    async def start(self) -> None:
        """Start one more; requests go there once it is ready."""
        new = await self._stack.enter_async_context(spikes(self._folder, **self._environ))
        self.replicas.append(new)
        self.endpoints.ports.append(new.port)

    async def end(self) -> None:
        """End the oldest, after no new request goes there; it has to end well."""
        old = self.replicas.pop(0)
        self.endpoints.ports.remove(old.port)
        began = time.monotonic()
        old.signal(signal.SIGTERM)
        assert await old.exit_code() == 0, old.lines[-5:]
        self.ends.append(time.monotonic() - began)

    async def replace_all(self, ledger: Ledger, between: int) -> None:
        """Replace each by a new one, no one missing meanwhile; so many writes are acknowledged after each."""
        for _ in tuple(self.replicas):
            await self.start()
            await self.end()
            await ledger.reaches(ledger.acknowledged + between)


@asynccontextmanager
async def rolling(folder: Path, count: int, **environ: str) -> AsyncIterator[Rolling]:
    """Serve by so many replicas on one journal; all have ended in order afterwards."""
    async with AsyncExitStack() as stack:
        it = Rolling(folder, stack, environ)
        for _ in range(count):
            await it.start()
        yield it
        while it.replicas:
            await it.end()


@asynccontextmanager
async def writing(ledger: Ledger, endpoints: Endpoints, count: int) -> AsyncIterator[list[Client]]:
    """Let so many clients write; they have ended when this block has."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        token = await login(session, endpoints.next())
        clients = [Client(ledger, endpoints, token, session) for _ in range(count)]
        running = [asyncio.create_task(client.run()) for client in clients]
        try:
            yield clients
        finally:
            for client in clients:
                client.stopped = True
            await asyncio.gather(*running)


async def restart_in_turn(folder: Path, writers: int, between: int, **environ: str) -> tuple[Ledger, str]:
    """Replace three replicas under load, of which no request may fail; return what was acknowledged, and figures."""
    ledger, began = Ledger(), time.monotonic()
    async with rolling(folder, 3, **environ) as it:
        async with writing(ledger, it.endpoints, writers) as clients:
            await ledger.reaches(between)
            await it.replace_all(ledger, between)
        assert [failure for client in clients for failure in client.failures] == []
    again = sum((client.again for client in clients), Counter[str]())
    slowest = max(client.slowest for client in clients)
    figures = f"{ledger.acknowledged} writes by {writers} clients in {time.monotonic() - began:.0f} s, 0 failed, "
    return ledger, figures + f"sent again {dict(again)}, slowest {slowest:.2f} s, slowest end {max(it.ends):.2f} s"
