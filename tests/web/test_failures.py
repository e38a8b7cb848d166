"""What a client sees when the journal fails: which of three it was, and when to come again."""

from __future__ import annotations

import asyncio

import pytest

from tests.abilities import in_memory
from tests.web.conftest import PASSWORD, Api, Person, Start, account

NOTE = {"title": "A note", "body": "Text"}


async def test_says_what_was_surely_not_stored(api: Api, ann: Person) -> None:
    api.journal.fail("append")
    answer = await api.post("/notes", NOTE, ann)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "not_stored", "1")
    assert (await api.post("/notes", NOTE, ann)).status == 201


@in_memory
async def test_says_when_nobody_answered_in_time(start: Start) -> None:
    api = await start(ask_timeout=0.3)
    ann = await api.person("Ann")
    hold = api.journal.delay("append")
    answer = await api.post("/notes", NOTE, ann)
    hold.release()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.code == "unknown"


@pytest.mark.parametrize("path", ["/notes", "/users"])
async def test_says_that_lists_can_not_be_read_now(api: Api, path: str) -> None:
    api.journal.fail("query")
    answer = await api.get(path)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "not_stored", "1")


async def test_blames_no_token_when_the_journal_fails(start: Start, api: Api) -> None:
    api.journal.fail("load", times=20)
    answer = await api.get("/users/me", Authorization=f"Bearer 0SAJWHS03CF2T.{'A' * 43}")
    assert (answer.status, answer.code) == (503, "not_stored")


async def test_blames_no_password_when_the_journal_fails(api: Api) -> None:
    await api.post("/users", account("Ann"))
    api.journal.fail("holder")
    answer = await api.post("/users/login", {"email": "ann@example.org", "password": PASSWORD})
    assert (answer.status, answer.code) == (503, "not_stored")


async def test_finishes_what_a_gone_client_asked(api: Api, ann: Person) -> None:
    hold = api.journal.delay("append")
    asking = asyncio.create_task(api.post("/notes", NOTE, ann))
    await hold.arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    hold.release()
    await api.note(ann, title="Another")
    assert [note["title"] for note in (await api.get("/notes/mine", ann)).content] == ["Another", "A note"]
