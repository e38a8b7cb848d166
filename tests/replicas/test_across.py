"""What one replica does holds at the others: sessions, the feed, keys, and values that only one may have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.cassandra.plugin import PATIENCE
from tests.cassandra.shared import Contact
from tests.replicas.crowd import Answer, Crowd, crowd
from tests.replicas.services import migrate, replicas
from tests.storm import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMES = 5
LOGGED_OUT = 1.0
FOREIGN = 12.0
"""Seconds until the end of a session, and a write, are known at all replicas: by design one, and two and a half."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("across")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(cassandra: Contact, _emptied_keyspace: str, folder: Path) -> AsyncIterator[Crowd]:
    """Two replicas, and who asks them."""
    url = cassandra.url(_emptied_keyspace, replication=1, request_timeout=PATIENCE)
    await migrate(folder, url)
    async with replicas(folder, url, 2) as services, crowd([each.port for each in services], 0, 0) as them:
        yield them


async def log_in(pair: Crowd, url: str) -> dict[str, str]:
    user = {"email": "writer@example.com", "password": PASSWORD}
    token = (await pair.ask("POST", url, "/users/login", user)).body["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def at_both(pair: Crowd, method: str, path: str, body: Callable[[int], Any]) -> list[Answer]:
    """Ask both replicas at the same time."""
    return await asyncio.gather(*(pair.ask(method, url, path, body(n)) for n, url in enumerate(pair.urls)))


async def test_login_is_valid_at_the_other_at_once(pair: Crowd) -> None:
    one, other = pair.urls
    for _ in range(TIMES):
        headers = await log_in(pair, one)
        assert (await pair.ask("GET", other, "/users/me", **headers)).status == 200


async def test_logout_is_known_at_the_other_within_a_second(pair: Crowd) -> None:
    one, other = pair.urls
    for _ in range(TIMES):
        headers = await log_in(pair, one)
        assert (await pair.ask("GET", other, "/users/me", **headers)).status == 200
        assert (await pair.ask("POST", one, "/users/logout", **headers)).status == 204
        out = time.monotonic()
        while (answer := await pair.ask("GET", other, "/users/me", **headers)).status != 401:
            assert answer.called < out + LOGGED_OUT


async def told(pair: Crowd, url: str, note_title: str) -> float:
    """Listen at one replica while a note is written at the other; return how many seconds it took to be told."""
    other = next(each for each in pair.urls if each != url)
    async with pair.session.get(f"{url}/feed", headers=pair.headers) as feed, asyncio.timeout(2 * FOREIGN):
        assert feed.status == 200
        await feed.content.readline()  # the stream has begun
        note = await pair.ask("POST", other, "/notes", {"title": note_title, "body": "x"})
        async for line in feed.content:
            if line.startswith(b"data:") and note.body["id"].encode() in line:
                return time.monotonic() - note.returned
    raise AssertionError("the feed ended")


async def test_feed_tells_what_the_other_wrote_in_time(pair: Crowd) -> None:
    waits = [await told(pair, url, f"told {number}") for number, url in enumerate(pair.urls)]
    print(f"told after {max(waits):.2f} s")
    assert max(waits) < FOREIGN


async def test_email_is_given_once(pair: Crowd) -> None:
    for number in range(TIMES):
        user = {"name": "Same", "email": f"same{number}@example.com", "password": PASSWORD, "born": "1990-01-01"}
        answers = await at_both(pair, "POST", "/users", lambda _, user=user: user)  # type: ignore[misc]
        assert sorted(answer.status for answer in answers) == [201, 409]


async def test_slug_is_given_once(pair: Crowd) -> None:
    for number in range(TIMES):
        answers = await at_both(pair, "POST", "/notes", lambda _, n=number: {"title": f"Slug {n}", "body": "x"})  # type: ignore[misc]
        assert sorted(answer.status for answer in answers) == [201, 409]
        made, refused = sorted(answers, key=lambda answer: answer.status)
        assert refused.body["id"] == made.body["id"]


async def test_title_of_a_tag_is_given_once(pair: Crowd) -> None:
    for number in range(TIMES):
        answers = await at_both(pair, "POST", "/tags", lambda n, i=number: {"title": ("tag", "TAG")[n] + str(i)})  # type: ignore[misc]
        made, refused = sorted(answers, key=lambda answer: answer.status)
        assert (made.status, refused.status, refused.body["id"]) == (201, 409, made.body["id"])


async def test_key_is_known_at_the_other_at_once(pair: Crowd) -> None:
    one, other = pair.urls
    for number in range(TIMES):
        note, key = {"title": f"Key {number}", "body": "x"}, f"key {number}"
        first = await pair.ask("POST", one, "/notes", note, Idempotency_Key=key)
        again = await pair.ask("POST", other, "/notes", note, Idempotency_Key=key)
        assert (again.status, again.body) == (201, first.body)
        reused = await pair.ask("POST", other, "/notes", {**note, "body": "y"}, Idempotency_Key=key)
        assert reused.status == 422


async def test_what_the_other_wrote_is_read_at_once(pair: Crowd) -> None:
    await pair.begin(1)
    (note_id,) = pair.first
    for number in range(4 * TIMES):
        await pair.change(pair.urls[number % 2], note_id, None)
        await pair.read(pair.urls[(number + 1) % 2], note_id)
    assert await pair.problems() == []
