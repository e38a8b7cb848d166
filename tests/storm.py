"""A storm of writes over HTTP, a ledger of what was acknowledged, and a comparison of that with the journal."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from spikes.bootstrap import BEHAVIORS, open_store
from spikes.domain.note.event import NoteCreated, NoteUpdated
from spikes.domain.user.event import UserRegistered
from spikes.journal.port import Journal, PositionedEvent
from tests.processes import SPIKES, TIMEOUT, Running, running

PASSWORD = "Stormy-1"
BEHAVIOR = {behavior.kind: behavior for behavior in BEHAVIORS}


@asynccontextmanager
async def spikes(folder: Path, *arguments: str, **environ: str) -> AsyncIterator[Running]:
    """Serve for real on a free port, with its data in `folder`."""
    environ = {"SPIKES_DATA_DIR": str(folder), "SPIKES_RATE_LIMITS": "off", **environ}
    environ.setdefault("SPIKES_LOG_FORMAT", "json")
    environ.setdefault("SPIKES_ASK_TIMEOUT", "20")  # a machine with much else to do is no error of the service
    async with running("serve", "--port", "0", *arguments, module=SPIKES, **environ) as it:
        await it.line("ready")
        yield it


async def spikes_command(folder: Path, *arguments: str, timeout: float = TIMEOUT, **environ: str) -> int:
    """Run another command on the same data and return its exit code."""
    environ = {"SPIKES_DATA_DIR": str(folder), "SPIKES_LOG_FORMAT": "json", **environ}
    async with running(*arguments, module=SPIKES, **environ) as it:
        return await it.exit_code(timeout)


class Ledger:
    """What the service has acknowledged: the marker in the body of each version of each note, and who registered."""

    def __init__(self) -> None:
        self.notes: dict[str, dict[int, str]] = {}
        self.emails: Counter[str] = Counter()
        self.acknowledged = 0
        self.refused: Counter[int] = Counter()
        self.problems: list[str] = []
        self._more = asyncio.Condition()

    async def note(self, note: dict[str, Any]) -> None:
        """Write down an acknowledged version of a note."""
        versions = self.notes.setdefault(note["id"], {})
        if note["version"] in versions:
            self.problems.append(f"version {note['version']} of {note['id']} was acknowledged twice")
        versions[note["version"]] = note["body"]
        async with self._more:
            self.acknowledged += 1
            self._more.notify_all()

    async def reaches(self, count: int, timeout: float = 60.0) -> None:
        """Wait until so much was acknowledged."""
        async with asyncio.timeout(timeout), self._more:
            await self._more.wait_for(lambda: self.acknowledged >= count)

    def newest(self, note_id: str) -> int:
        """Return the newest acknowledged version."""
        return max(self.notes.get(note_id, {}), default=0)


class Writer:
    """One client, who writes to any of the given services until told to stop; a lost connection ends it as well."""

    _numbers = itertools.count()

    def __init__(self, ledger: Ledger, urls: Sequence[str], token: str, session: aiohttp.ClientSession) -> None:
        self.ledger = ledger
        self.urls = itertools.cycle(urls)
        self.session = session
        self.headers = {"Authorization": f"Bearer {token}"}
        self.stopped = False
        self.failures: list[str] = []

    async def run(self) -> None:
        """Write until stopped, or until the service is gone."""
        while not self.stopped:
            try:
                await self.step(next(self._numbers))
            except (aiohttp.ClientError, ConnectionError) as problem:
                self.failures.append(repr(problem))
                return

    async def step(self, number: int) -> None:
        """Create a note, or change one; now and then register, often with an e-mail that is in use."""
        if number % 150 == 0:
            await self.register(f"user{number % 600}@example.com")
        elif number % 3 == 0 or not self.ledger.notes:
            await self.write("POST", {"title": f"Note {number // 9}", "body": f"marker {number}"})
        else:
            ids = list(self.ledger.notes)
            await self.change(ids[number * 7919 % len(ids)], f"marker {number}")

    async def change(self, note_id: str, marker: str) -> None:
        """Change a note through one service, then read it through the next: no answer may be behind."""
        note = {"id": note_id, "title": "Changed", "body": marker, "status": "Doing", "access": "Public"}
        await self.write("PUT", note)
        before = self.ledger.newest(note_id)
        async with self.session.get(f"{next(self.urls)}/notes/{note_id}", headers=self.headers) as answer:
            read = (await answer.json())["version"] if answer.status == 200 else None
        if read is None or read < before:
            self.ledger.problems.append(f"{note_id} was read at {read} after {before} was acknowledged")

    async def write(self, method: str, note: dict[str, Any]) -> None:
        """Send a note and write down the answer."""
        async with self.session.request(method, f"{next(self.urls)}/notes", json=note, headers=self.headers) as answer:
            body = await answer.json()
        if answer.status in (200, 201):
            await self.ledger.note(body)
        else:
            self.ledger.refused[answer.status] += 1

    async def register(self, email: str) -> None:
        """Register, and write down whether that was acknowledged."""
        user = {"name": "Storm", "email": email, "password": PASSWORD, "born": "1990-01-01"}
        async with self.session.post(f"{next(self.urls)}/users", json=user) as answer:
            self.ledger.emails[email] += answer.status == 201


async def login(session: aiohttp.ClientSession, url: str, email: str = "writer@example.com") -> str:
    """Return the token of a user, who is registered if need be."""
    user = {"name": "Writer", "email": email, "password": PASSWORD, "born": "1990-01-01"}
    async with session.post(f"{url}/users", json=user) as answer:
        assert answer.status in (201, 409), await answer.text()
    async with session.post(f"{url}/users/login", json={"email": email, "password": PASSWORD}) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["access_token"])


@asynccontextmanager
async def storm(ledger: Ledger, ports: Sequence[int], writers: int = 16) -> AsyncIterator[list[Writer]]:
    """Let writers write to the services on these ports; they are stopped, and have ended, afterwards."""
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        token = await login(session, urls[0])
        crowd = [
            Writer(ledger, [*urls[n % len(urls) :], *urls[: n % len(urls)]], token, session) for n in range(writers)
        ]
        running = [asyncio.create_task(writer.run()) for writer in crowd]
        try:
            yield crowd
        finally:
            for writer in crowd:
                writer.stopped = True
            await asyncio.gather(*running)


def sqlite(folder: Path) -> str:
    """Return the URL of the journal of who serves without naming one."""
    return f"sqlite:///{folder}/spikes.db"


async def compare(ledger: Ledger, url: str) -> list[str]:
    """Return every way in which the journal is not what was acknowledged; nobody may write to it meanwhile."""
    journal = await open_store(url)
    try:
        events = [event async for event in all_events(journal)]
        problems = [*ledger.problems, *await journal.verify()]
    finally:
        await journal.close()
    return [*problems, *_lost_or_doubled(ledger, events), *_accounts(ledger, events), *_taken_twice(events)]


async def all_events(journal: Journal) -> AsyncIterator[PositionedEvent]:
    """Yield the whole journal, one stream after another."""
    after = ("", 0)
    while page := await journal.streams(after):
        for event in page:
            yield event
        after = page[-1].persistence_id, page[-1].event.sequence_nr


def _lost_or_doubled(ledger: Ledger, events: Sequence[PositionedEvent]) -> list[str]:
    stored: dict[tuple[str, int], str] = {}
    times: Counter[str] = Counter()
    for each in events:
        kind, _, entity_id = each.persistence_id.partition("|")
        event = BEHAVIOR[kind].events.decode(each.event)
        if isinstance(event, NoteCreated | NoteUpdated):
            stored[entity_id, each.event.sequence_nr] = str(event.body)
            times[str(event.body)] += 1
    wanted = {(note, version): body for note, versions in ledger.notes.items() for version, body in versions.items()}
    lost = [f"{key} was acknowledged as {body!r}" for key, body in wanted.items() if stored.get(key) != body]
    return lost + [f"{body!r} is stored {count} times" for body, count in times.items() if count > 1]


def _accounts(ledger: Ledger, events: Sequence[PositionedEvent]) -> list[str]:
    """Compare the acknowledged registrations, at most one for each e-mail, with those that are stored."""
    decode = BEHAVIOR["user"].events.decode
    decoded = [decode(each.event) for each in events if each.persistence_id.startswith("user|")]
    stored = {event.email for event in decoded if isinstance(event, UserRegistered)}
    acknowledged = {email: count for email, count in ledger.emails.items() if count}
    twice = [f"{email} was registered {count} times" for email, count in acknowledged.items() if count > 1]
    return twice + [f"the acknowledged account of {email} is lost" for email in acknowledged if email not in stored]


def _taken_twice(events: Sequence[PositionedEvent]) -> list[str]:
    """Fold everything and look for slugs and e-mails that two entities have."""
    streams: dict[str, list[Any]] = {}
    for each in events:
        streams.setdefault(each.persistence_id, []).append(each.event)
    claims: Counter[bytes] = Counter()
    for persistence_id, stream in streams.items():
        behavior = BEHAVIOR[persistence_id.partition("|")[0]]
        state = behavior.fold(behavior.start(), stream).state
        claims.update(claim.digest for claim in behavior.unique(state))
    return [f"a unique value is taken {count} times" for count in claims.values() if count > 1]
