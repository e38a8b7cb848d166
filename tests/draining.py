"""Clients of a service that is about to end: they write and listen to it, and move on to another when it says so."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.processes import TIMEOUT, Connection, connect
from tests.storm import login, spikes

STREAMS = 20
"""How many feeds one user may have."""

IN_TIME = 10.0
"""Seconds within which a service that is told to has to end."""

ENOUGH = 50
"""Notes that are acknowledged before the signal, and again behind it."""


class Account:
    """One user: a token, the ids of the notes that were acknowledged, and what the user's listeners were told."""

    def __init__(self, token: str, more: asyncio.Event) -> None:
        self.token = token
        self.acknowledged: list[str] = []
        self.listeners: list[Listener] = []
        self._more = more

    def acknowledge(self, note: str) -> None:
        """Write down that a note was."""
        self.acknowledged.append(note)
        self._more.set()

    def gaps(self, once: bool) -> list[str]:
        """Return who was not told of each note; with `once`, who was not told just once, in the order of all others."""
        if not once:
            missed = (set(self.acknowledged).difference(each.told) for each in self.listeners)
            return [f"{note} was not told to all" for note in set().union(*missed)]
        first = self.listeners[0].told
        found = [f"{len(each.told)} events, others {len(first)}" for each in self.listeners if each.told != first]
        return found + [f"{note} was not told once" for note in self.acknowledged if first.count(note) != 1]


class Listener:
    """A feed that is read here until it says `drain`, and then goes on there behind the last event."""

    def __init__(self, session: aiohttp.ClientSession, here: int, there: int) -> None:
        self.told: list[str] = []
        self.drained = asyncio.Event()
        self.listening = asyncio.Event()
        self.problem: str | None = None
        self._session = session
        self._ports = (here, there)
        self._last = ""
        self._more = asyncio.Condition()

    async def run(self, token: str) -> None:
        """Listen to one service after the other."""
        for port in self._ports:
            headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": self._last} if self._last else {})}
            async with self._session.get(f"http://127.0.0.1:{port}/feed", headers=headers) as feed:
                assert feed.status == 200, await feed.text()
                kind = [kind async for kind in self._read(feed)]
            if port == self._ports[0] and kind[-1:] != ["drain"]:
                self.problem = f"the feed ended with {kind[-1:]}, not with drain"
            self.drained.set()

    async def hears(self, condition: Callable[[list[str]], bool]) -> None:
        """Wait until what was told is like that."""
        async with asyncio.timeout(TIMEOUT), self._more:
            await self._more.wait_for(lambda: condition(self.told))

    async def _read(self, feed: aiohttp.ClientResponse) -> AsyncIterator[str]:
        fields: dict[str, str] = {}
        async for raw in feed.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            fields[name] = value
            if name == "id":
                self._last = value
                self.listening.set()
            if raw == b"\n":
                if fields.get("event") == "note-created":
                    await self._tell(json.loads(fields["data"])["id"])
                if "event" in fields:
                    yield fields["event"]
                fields = {}

    async def _tell(self, note: str) -> None:
        async with self._more:
            self.told.append(note)
            self._more.notify_all()


class Writer:
    """One client that creates notes on a connection kept alive; where an answer says `close` it goes on elsewhere."""

    _numbers = itertools.count()

    def __init__(self, account: Account, here: int, there: int) -> None:
        self.failures: list[str] = []
        self.stopped = False
        self.moved = False
        self._account = account
        self._ports = (here, there)

    async def run(self) -> None:
        """Write until stopped; nothing that was sent is sent again."""
        while not self.stopped:
            try:
                async with connect(self._ports[self.moved]) as connection:
                    if not await self._write(connection):
                        self.moved = True
            except ConnectionRefusedError:
                self.moved = True
            except (OSError, EOFError) as problem:
                self.failures.append(repr(problem))
                return

    async def _write(self, connection: Connection) -> bool:
        """Write on one connection; False once the service wants it to end."""
        while not self.stopped:
            note = json.dumps({"title": f"Note {next(self._numbers)}", "body": "x"}).encode()
            bearer = f"Bearer {self._account.token}"
            await connection.send("/notes", "POST", note, Authorization=bearer, Content_Type="application/json")
            reply = await connection.reply()
            if reply.status == 201:
                self._account.acknowledge(reply.json["id"])
            else:
                self.failures.append(f"{reply.status} {reply.body!r}")
            if reply.closes:
                return False
        return True


class Clients:
    """All accounts, with their writers and listeners."""

    def __init__(self, accounts: list[Account], writers: list[Writer], more: asyncio.Event) -> None:
        self.accounts = accounts
        self.writers = writers
        self._more = more
        self._writing: list[asyncio.Task[None]] = []

    def write(self) -> None:
        """Let writers begin."""
        self._writing = [asyncio.create_task(each.run()) for each in self.writers]

    @property
    def listeners(self) -> list[Listener]:
        return [each for account in self.accounts for each in account.listeners]

    @property
    def acknowledged(self) -> int:
        return sum(len(account.acknowledged) for account in self.accounts)

    async def reach(self, number: int) -> None:
        """Wait until so many notes were acknowledged."""
        async with asyncio.timeout(TIMEOUT):
            while self.acknowledged < number:
                self._more.clear()
                await self._more.wait()

    async def stop_writing(self) -> None:
        """Let writers finish."""
        for writer in self.writers:
            writer.stopped = True
        await asyncio.wait(self._writing, timeout=TIMEOUT)

    async def hear(self) -> None:
        """Wait until listeners were told of all that was acknowledged."""
        for account in self.accounts:
            for listener in account.listeners:
                await listener.hears(lambda told, wanted=set(account.acknowledged): wanted <= set(told))  # type: ignore[misc]

    def problems(self, once: bool) -> list[str]:
        """Return every request that failed, feed that ended otherwise, and gap; with `once`, repeats as well."""
        found = [failure for writer in self.writers for failure in writer.failures]
        found += [each.problem for each in self.listeners if each.problem]
        return found + [gap for account in self.accounts for gap in account.gaps(once)]


@asynccontextmanager
async def clients(here: int, there: int, listeners: int, writers: int) -> AsyncIterator[Clients]:
    """Let clients loose on the service at one port, who know of another; they have ended when this block has."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(None)) as session:
        url, users = f"http://127.0.0.1:{here}", -(-listeners // STREAMS)
        more = asyncio.Event()
        accounts = [Account(await login(session, url, f"user{number}@example.com"), more) for number in range(users)]
        for number in range(listeners):
            accounts[number % users].listeners.append(Listener(session, here, there))
        crowd = [Writer(accounts[number % users], here, there) for number in range(writers)]
        it = Clients(accounts, crowd, more)
        listening = [asyncio.create_task(each.run(a.token)) for a in accounts for each in a.listeners]
        for each in it.listeners:
            await asyncio.wait_for(each.listening.wait(), TIMEOUT)
        it.write()
        try:
            yield it
        finally:
            for task in listening:
                task.cancel()
            await asyncio.wait(listening)
            await it.stop_writing()


async def end_under_load(folder: Path, listeners: int, writers: int, once: bool = True, **environ: str) -> str:
    """End one of two replicas while clients write and listen to it; return what was measured."""
    async with (
        spikes(folder, **environ) as here,
        spikes(folder, **environ) as there,
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
        await them.hear()
        assert all(writer.moved for writer in them.writers)
        assert them.problems(once) == []
    return f"{listeners} feeds, {them.acknowledged} notes by {writers} clients, ended in {took:.2f} s"
