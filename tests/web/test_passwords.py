"""Password hashing off the loop, and tokens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from spikes.web import tokens
from spikes.web.passwords import PasswordCost, Passwords, TooManyLogins
from tests.abilities import in_memory
from tests.web.conftest import PASSWORD, Api, Person, Start

CHEAP = PasswordCost(1, 8, 1)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(CHEAP)
    yield passwords
    passwords.close()


async def test_knows_a_password_by_its_hash(passwords: Passwords) -> None:
    hashed = await passwords.hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.matches(PASSWORD, hashed)
    assert not await passwords.matches(PASSWORD + "!", hashed)
    assert hashed != await passwords.hash(PASSWORD)


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$$"])
async def test_matches_nothing_without_a_hash(passwords: Passwords, stored: str | None) -> None:
    assert not await passwords.matches(PASSWORD, stored)


def test_costs_what_rfc_9106_recommends() -> None:
    assert PasswordCost() == PasswordCost(passes=3, memory_kib=64 * 1024, lanes=4)


async def test_verifies_nobody_at_the_same_cost() -> None:
    passwords = HeldPasswords(CHEAP)
    passwords.gate.set()
    assert not await passwords.matches(PASSWORD, None)
    assert passwords.verified[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")
    passwords.close()


async def test_refuses_more_than_it_has_places_for() -> None:
    passwords = HeldPasswords(CHEAP, workers=1, places=2)
    waiting = [asyncio.create_task(passwords.matches(PASSWORD, None)) for _ in range(2)]
    await asyncio.to_thread(passwords.started.wait)
    with pytest.raises(TooManyLogins):
        await passwords.hash(PASSWORD)
    passwords.gate.set()
    assert await asyncio.gather(*waiting) == [False, False]
    assert await passwords.hash(PASSWORD)
    passwords.close()


async def test_keeps_a_place_taken_after_the_client_left() -> None:
    passwords = HeldPasswords(CHEAP, workers=1, places=1)
    waiting = asyncio.create_task(passwords.matches(PASSWORD, None))
    await asyncio.to_thread(passwords.started.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(TooManyLogins):
        await passwords.hash(PASSWORD)
    passwords.gate.set()
    passwords.close()


@in_memory
async def test_serves_notes_during_a_flood_of_logins(start: Start) -> None:
    passwords = HeldPasswords(CHEAP, workers=1, places=4)
    passwords.gate.set()
    api = await start(passwords)
    ann = await api.person("Ann")
    passwords.gate.clear()
    flood = [asyncio.create_task(login(api, ann)) for _ in range(12)]
    answers = asyncio.as_completed(flood)
    assert [await next(answers) for _ in range(8)] == [503] * 8
    assert (await api.post("/notes", {"title": "A note", "body": "Text"}, ann)).status == 201
    passwords.gate.set()
    assert [await answer for answer in answers] == [200] * 4


async def login(api: Api, who: Person) -> int:
    answer = await api.post("/users/login", {"email": who.email, "password": PASSWORD})
    assert answer.status == 200 or (answer.code, answer.headers["Retry-After"]) == ("not_stored", "1")
    return answer.status


class HeldPasswords(Passwords):
    """Real passwords whose verification waits for a gate."""

    def __init__(self, cost: PasswordCost, workers: int | None = None, places: int = 24) -> None:
        super().__init__(cost, workers, places)
        self.gate, self.started = threading.Event(), threading.Event()
        self.verified: list[str] = []

    def _verify(self, password_hash: str, password: str) -> bool:
        self.started.set()
        self.gate.wait(10)
        self.verified.append(password_hash)
        return super()._verify(password_hash, password)


# -------------------------------------------------------------------------------------------------------------- tokens


def test_a_token_carries_its_user_and_256_bits() -> None:
    token = tokens.issue("0SAJWHS03CF2T", bytes)
    assert token.text == f"0SAJWHS03CF2T.{'A' * 43}"
    assert tokens.parse(token.text) == token
    assert tokens.parse(token.text.lower().replace("a", "A")).user_id == "0SAJWHS03CF2T"


def test_a_stored_hash_does_not_show_the_token() -> None:
    token = tokens.issue("0SAJWHS03CF2T", bytes)
    assert len(token.hash) == 64
    assert token.text.partition(".")[2] not in token.hash
    assert token.hash != tokens.issue("0SAJWHS03CF2T", lambda size: b"x" * size).hash


@pytest.mark.parametrize("text", ["", ".", "0SAJWHS03CF2T", "0SAJWHS03CF2T.x", f"x.{'A' * 43}", f".{'A' * 43}", "ä.ß"])
def test_other_texts_are_no_tokens(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        tokens.parse(text)
