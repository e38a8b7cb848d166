"""The whole service on real actors and a real journal, asked over a socket; a test decides about time and faults."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Coroutine
from io import BytesIO
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from spikes.actors.system import EntitySystem
from spikes.bootstrap import BEHAVIORS, limits_of
from spikes.domain.times import from_rfc3339
from spikes.domain.tsid import TsidFactory
from spikes.journal.faulty import FaultyJournal
from spikes.journal.measured import measured
from spikes.settings import Settings
from spikes.web.app import make_app
from spikes.web.passwords import PasswordCost, Passwords
from spikes.web.sources import Sources
from spikes.web.state import ServiceState
from tests.cassandra.plugin import PATIENCE, OpenJournal
from tests.journal.plain import PlainJournal

PASSWORD = "Secret-123"

Client = TestClient[web.Request, web.Application]
AiohttpClient = Callable[[web.Application], Coroutine[Any, Any, Client]]


class Clock:
    """The time of everything under test, in milliseconds since the epoch; it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = from_rfc3339("2026-11-23T10:00:00Z")

    def __call__(self) -> int:
        return self.now

    def pass_by(self, *, seconds: int) -> None:
        self.now += seconds * 1000


class Answer(msgspec.Struct, frozen=True):
    """What came back; `content` is the decoded body, None without one."""

    status: int
    headers: Any
    content: Any

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.content["code"])

    @property
    def fields(self) -> list[str]:
        """The names of the wrong fields."""
        return [error["field"] for error in self.content]


class Person(msgspec.Struct, frozen=True):
    """Somebody with an account who is logged in."""

    id: str
    email: str
    token: str


class Api:
    """A client of the service, and what stands behind it."""

    def __init__(
        self, client: Client, entities: EntitySystem, journal: FaultyJournal, state: ServiceState, clock: Clock
    ) -> None:
        self.client = client
        self.entities = entities
        self.feed = entities.feed
        self.journal = journal
        self.state = state
        self.clock = clock

    async def ask(self, method: str, path: str, body: Any = None, who: Person | None = None, **headers: str) -> Answer:
        """Ask over HTTP. A `body` of bytes is sent as it is; `If_Match` is the header If-Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if who is not None:
            sent["Authorization"] = f"Bearer {who.token}"
        data = None if body is None else BytesIO(body if isinstance(body, bytes) else msgspec.json.encode(body))
        async with self.client.request(method, path, data=data, headers=sent, skip_auto_headers=["Content-Type"]) as r:
            text = await r.read()
            json = text and r.content_type == "application/json"
            return Answer(r.status, r.headers, msgspec.json.decode(text) if json else text or None)

    async def get(self, path: str, who: Person | None = None, **headers: str) -> Answer:
        return await self.ask("GET", path, None, who, **headers)

    async def post(self, path: str, body: Any, who: Person | None = None, **headers: str) -> Answer:
        return await self.ask("POST", path, body, who, **headers)

    async def put(self, path: str, body: Any, who: Person | None = None, **headers: str) -> Answer:
        return await self.ask("PUT", path, body, who, **headers)

    async def delete(self, path: str, who: Person | None = None, **headers: str) -> Answer:
        return await self.ask("DELETE", path, None, who, **headers)

    async def person(self, name: str) -> Person:
        """Register somebody and log in."""
        registered = await self.post("/users", account(name))
        assert registered.status == 201
        return await self.login(name)

    async def login(self, name: str, password: str = PASSWORD) -> Person:
        """Open one more session."""
        email = account(name)["email"]
        answer = await self.post("/users/login", {"email": email, "password": password})
        assert answer.status == 200
        return Person(answer.content["id"], email, answer.content["access_token"])

    async def note(self, who: Person, title: str = "A note", **fields: Any) -> dict[str, Any]:
        """Write a note."""
        answer = await self.post("/notes", {"title": title, "body": "Text", **fields}, who)
        assert answer.status == 201
        return dict(answer.content)


def account(name: str) -> dict[str, Any]:
    """Return what somebody registers with."""
    return {"name": name, "email": f"{name.lower()}@example.org", "password": PASSWORD, "born": "1990-05-17"}


Start = Callable[..., Coroutine[Any, Any, Api]]


@pytest.fixture
def url(journal_url: str) -> str:
    """The URL of the journal."""
    return journal_url


@pytest.fixture
async def start(aiohttp_client: AiohttpClient, url: str, open_any: OpenJournal) -> AsyncIterator[Start]:
    """Start the service with given settings; it ends with the test."""
    running: list[tuple[EntitySystem, FaultyJournal]] = []

    async def start(passwords: Passwords | None = None, **settings: Any) -> Api:
        chosen = Settings(journal=url, **{"rate_limits": False, "ask_timeout": PATIENCE, **settings})
        clock, chance, state = Clock(), random.Random(1), ServiceState(recovered=True, version="0.0.1")
        schemas = [behavior.schema for behavior in BEHAVIORS]
        journal = FaultyJournal(PlainJournal(schemas) if url == "plain:" else await open_any(url, schemas))
        timed = measured(journal, url.partition(":")[0])
        entities = EntitySystem.start(timed, BEHAVIORS, limits_of(chosen), now=clock)
        running.append((entities, journal))
        sources = Sources(clock, lambda: clock.now / 1000, chance.randbytes, TsidFactory(clock, chance.getrandbits))
        passwords = passwords or Passwords(PasswordCost(1, 8, 1))
        app = make_app(entities, timed, chosen, state, sources, passwords)
        return Api(await aiohttp_client(app), entities, journal, state, clock)

    yield start
    for entities, journal in running:
        await entities.close()
        await journal.close()


@pytest.fixture
async def api(start: Start) -> Api:
    return await start()


@pytest.fixture
async def ann(api: Api) -> Person:
    return await api.person("Ann")


@pytest.fixture
async def bob(api: Api) -> Person:
    return await api.person("Bob")
