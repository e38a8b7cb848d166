"""Clients that change and read the same few notes by any replica, and write down all they saw."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from tests.replicas.linearizable import NEVER, Operation, Read, Refusal, Register, Write, contradiction
from tests.storm import login

PATIENCE = 30.0
"""Seconds after which a client takes an answer for lost."""

REPEATS = 20
REPEAT_PAUSE = 0.25
"""How often, and after how many seconds, a change is sent again under its key when its outcome was not told."""

GONE = 0
"""The status of a request whose connection was lost."""


_crowds = itertools.count()


class Answer(msgspec.Struct, frozen=True):
    """One answer, as its client saw it; `code` is that of an error."""

    url: str
    called: float
    returned: float
    status: int
    body: Any

    @property
    def took(self) -> float:
        return self.returned - self.called

    @property
    def code(self) -> str:
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""

    @property
    def is_unknown(self) -> bool:
        """Whether what was asked may have been done, or may be done yet."""
        return self.status == GONE or (self.status == 503 and self.code == "unknown")


class Crowd:
    """What all clients saw: each note's history, and every answer."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], token: str) -> None:
        self.session = session
        self.urls = list(urls)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.first: dict[str, Register] = {}
        self.histories: dict[str, list[Operation]] = defaultdict(list)
        self.answers: list[Answer] = []
        self.surprises: list[str] = []
        self._name = f"crowd {next(_crowds)}"
        self._numbers = itertools.count()
        self.stopped = False
        self.running: list[asyncio.Task[None]] = []
        self._more = asyncio.Condition()

    async def ask(self, method: str, url: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask once; an answer that is lost has the status GONE."""
        called = time.monotonic()
        status, content = GONE, None
        try:
            sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
            async with self.session.request(method, url + path, json=body, headers=sent) as answer:
                content = await answer.json() if answer.content_type == "application/json" else None
                status = answer.status
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            status, content = GONE, None
        given = Answer(url, called, time.monotonic(), status, content)
        async with self._more:
            self.answers.append(given)
            self._more.notify_all()
        return given

    async def sees(self, condition: Callable[[Answer], bool], number: int = 1, timeout: float = 60.0) -> None:
        """Wait until so many more answers are like that."""
        start = len(self.answers)
        async with asyncio.timeout(timeout), self._more:
            await self._more.wait_for(lambda: sum(map(condition, self.answers[start:])) >= number)

    async def succeeds(self, number: int, timeout: float = 120.0) -> None:
        """Wait for so many more answers without an error."""
        await self.sees(lambda answer: 200 <= answer.status < 300, number, timeout)

    async def begin(self, notes: int) -> None:
        """Create the notes that all will change."""
        for _ in range(notes):
            text = self._text()
            note = await self.ask("POST", self.urls[0], "/notes", {"title": text, "body": text})
            assert note.status == 201, note
            self.first[note.body["id"]] = Register(note.body["version"], text)

    async def client(self, seed: int) -> None:
        """Change and read until stopped, now here, now there."""
        choose = random.Random(seed)
        while not self.stopped:
            note_id, url = choose.choice(list(self.first)), choose.choice(self.urls)
            match choose.randrange(4):
                case 0:
                    await self.read(url, note_id)
                case 1:
                    await self.change(url, note_id, expected=self._newest(note_id))
                case 2:
                    await self.change(url, note_id, expected=None)
                case _:
                    await self.change_for_sure(choose, note_id)
            if not self.answers[-1].status or self.answers[-1].status == 503:
                await asyncio.sleep(REPEAT_PAUSE)  # as a client does that is told to come again

    def _newest(self, note_id: str) -> int:
        """Return the newest version that was seen, or a somewhat older one."""
        seen = (each.version for each in self.histories[note_id][-5:] if not isinstance(each, Refusal))
        return max((version for version in seen if version), default=self.first[note_id].version)

    async def read(self, url: str, note_id: str) -> Answer:
        """Read a note and write down what was shown."""
        answer = await self.ask("GET", url, f"/notes/{note_id}")
        if answer.status == 200:
            note = answer.body
            self._add(note_id, Read(answer.called, answer.returned, note["version"], note["body"]))
        elif answer.status not in (GONE, 503):
            self.surprises.append(f"reading was answered with {answer.status} {answer.body}")
        return answer

    async def change(self, url: str, note_id: str, expected: int | None) -> Answer:
        """Change a note, once, and write down what became of it."""
        text = self._text()
        answer = await self._put(url, note_id, text, expected)
        self._conclude(note_id, text, expected, answer.called, answer)
        return answer

    async def change_for_sure(self, choose: random.Random, note_id: str) -> None:
        """Change a note under a key; send it again, anywhere, until it is known what became of it."""
        text, called, unknown = self._text(), time.monotonic(), False
        for _ in range(REPEATS):
            answer = await self._put(choose.choice(self.urls), note_id, text, None, Idempotency_Key=text)
            unknown = unknown or answer.is_unknown
            if not unknown or answer.status == 200:
                self._conclude(note_id, text, None, called, answer)
                return
            await asyncio.sleep(REPEAT_PAUSE)
        self._add(note_id, Write(called, NEVER, text))

    async def keep_changing(self, url: str, seconds: float) -> None:
        """Change notes by one replica for so long."""
        end = time.monotonic() + seconds
        for note_id in itertools.cycle(self.first):
            await self.change(url, note_id, None)
            if time.monotonic() > end:
                return

    async def create_for_sure(self, number: int) -> str:
        """Create a note under a key, at the next replica each time its outcome was not told; return its id."""
        text = self._text()
        for url in itertools.islice(itertools.cycle(self.urls), number % 2, REPEATS):
            answer = await self.ask("POST", url, "/notes", {"title": text, "body": text}, Idempotency_Key=text)
            if answer.status == 201:
                return str(answer.body["id"])
            await asyncio.sleep(REPEAT_PAUSE)
        raise AssertionError(f"{text} could not be created")

    def _text(self) -> str:
        return f"marker {next(self._numbers)} of {self._name}"

    async def _put(self, url: str, note_id: str, text: str, expected: int | None, **headers: str) -> Answer:
        note = {"id": note_id, "title": "Changed", "body": text, "status": "Doing", "access": "Public"}
        if expected is not None:
            headers["If_Match"] = f'"{expected}-000000000000"'  # the number alone is compared
        return await self.ask("PUT", url, "/notes", note, **headers)

    def _conclude(self, note_id: str, text: str, expected: int | None, called: float, answer: Answer) -> None:
        match answer.status:
            case 200:
                self._add(note_id, Write(called, answer.returned, text, answer.body["version"], expected))
            case 412 if expected is not None:
                self._add(note_id, Refusal(called, answer.returned, expected))
            case _ if answer.is_unknown:
                self._add(note_id, Write(called, NEVER, text, None, expected))
            case 503 | 409:
                pass  # "not stored", or too many at once: it never was, and never will be
            case _:
                self.surprises.append(f"a change was answered with {answer.status} {answer.body}")

    def _add(self, note_id: str, operation: Operation) -> None:
        self.histories[note_id].append(operation)

    async def end(self) -> None:
        """Let the clients finish what they are at."""
        self.stopped = True
        await asyncio.gather(*self.running)

    async def problems(self) -> list[str]:
        """End all clients, read all notes by all replicas, and judge everything."""
        await self.end()
        problems = list(self.surprises)
        for note_id in self.first:
            shown = [await self._surely_read(url, note_id) for url in self.urls]
            if len({(answer.status, str(answer.body)) for answer in shown}) != 1 or shown[0].status != 200:
                problems.append(f"the replicas differ about {note_id}: {[answer.body for answer in shown]}")
        found = [contradiction(first, self.histories[note_id]) for note_id, first in self.first.items()]
        return problems + [each for each in found if each is not None]

    async def _surely_read(self, url: str, note_id: str) -> Answer:
        """Read a note, again if it could not be read right now."""
        for _ in range(REPEATS):
            answer = await self.read(url, note_id)
            if answer.status not in (GONE, 503):
                break
            await asyncio.sleep(REPEAT_PAUSE)
        return answer

    def figures(self, since: float = 0.0) -> str:
        """Say how many answers there were of which kind, and how long the slowest took."""
        answers = [answer for answer in self.answers if answer.called >= since]
        kinds = Counter(f"{answer.status or 'lost'} {answer.code}".strip() for answer in answers)
        slowest = max(answers, key=lambda answer: answer.took)
        unknown = sum(each.returned == NEVER for history in self.histories.values() for each in history)
        return f"{dict(kinds)}, slowest {slowest.took:.2f} s ({slowest.status}), {unknown} of unknown outcome for good"


@asynccontextmanager
async def crowd(ports: Sequence[int], clients: int = 4, notes: int = 3) -> AsyncIterator[Crowd]:
    """Let clients loose on the services at these ports; they have ended when this block has."""
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(PATIENCE)) as session:
        it = Crowd(session, urls, await login(session, urls[0]))
        await it.begin(notes)
        it.running += [asyncio.create_task(it.client(seed)) for seed in range(clients)]
        try:
            yield it
        finally:
            await it.end()
