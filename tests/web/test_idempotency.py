"""Idempotency keys: asked twice, done once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from spikes.journal.errors import OutcomeUnknown
from tests.abilities import in_memory
from tests.web.conftest import PASSWORD, Api, Person, account

NOTE = {"title": "A note", "body": "Text"}
KEY = {"Idempotency_Key": "key-1"}


async def test_repeats_the_first_answer(api: Api, ann: Person) -> None:
    first = await api.post("/notes", NOTE, ann, **KEY)
    again = await api.post("/notes", NOTE, ann, **KEY)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status, again.content) == (first.status, first.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert len((await api.get("/notes/mine", ann)).content) == 1


async def test_repeats_the_answer_as_it_was_then(api: Api, ann: Person) -> None:
    first = await api.post("/notes", NOTE, ann, **KEY)
    await api.put("/notes", {**first.content, "title": "Other"}, ann)
    assert (await api.post("/notes", NOTE, ann, **KEY)).content == first.content


async def test_repeats_a_change_whatever_has_come_since(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    match = '"1-000000000000"'
    first = await api.put("/notes", {**note, "title": "Other"}, ann, If_Match=match, **KEY)
    await api.put("/notes", {**note, "title": "Third"}, ann)
    again = await api.put("/notes", {**note, "title": "Other"}, ann, If_Match=match, **KEY)
    assert (again.status, again.content, again.headers["Idempotency-Replayed"]) == (200, first.content, "true")


async def test_tells_requests_apart_by_what_they_ask(api: Api, ann: Person) -> None:
    await api.post("/notes", NOTE, ann, **KEY)
    answer = await api.post("/notes", {**NOTE, "body": "Other"}, ann, **KEY)
    assert (answer.status, answer.code) == (422, "key_reused")


async def test_takes_the_same_request_in_other_words(api: Api, ann: Person) -> None:
    await api.post("/notes", NOTE, ann, **KEY)
    answer = await api.post("/notes", b'{"body": "\\u0054ext", "status": "New", "title": "A note"}', ann, **KEY)
    assert answer.headers["Idempotency-Replayed"] == "true"


async def test_keeps_keys_of_callers_and_routes_apart(api: Api, ann: Person, bob: Person) -> None:
    note = (await api.post("/notes", NOTE, ann, **KEY)).content
    assert "Idempotency-Replayed" not in (await api.post("/notes", NOTE, bob, **KEY)).headers
    answer = await api.put("/notes", {**note, "title": "Other"}, ann, **KEY)
    assert (answer.status, "Idempotency-Replayed" in answer.headers) == (200, False)
    assert (await api.put("/users", {"bio": "New"}, ann, **KEY)).status == 200


async def test_forgets_a_key_after_a_day(api: Api, ann: Person) -> None:
    await api.post("/notes", NOTE, ann, **KEY)
    api.clock.pass_by(seconds=24 * 60 * 60 - 1)
    ann = await api.login("Ann")
    assert (await api.post("/notes", NOTE, ann, **KEY)).headers["Idempotency-Replayed"] == "true"
    api.clock.pass_by(seconds=2)
    assert (await api.post("/notes", NOTE, ann, **KEY)).headers.get("Idempotency-Replayed") is None


async def test_remembers_successes_only(api: Api, ann: Person) -> None:
    taken = await api.note(ann)
    assert (await api.post("/notes", NOTE, ann, **KEY)).status == 409
    assert (await api.post("/notes", {**NOTE, "title": ""}, ann, **KEY)).status == 400
    await api.put("/notes", {**taken, "title": "Other"}, ann)
    assert (await api.post("/notes", {**NOTE, "title": "Another"}, ann, **KEY)).status == 201


async def test_refuses_a_second_one_while_the_first_runs(api: Api, ann: Person) -> None:
    hold = api.journal.delay("append")
    first = asyncio.create_task(api.post("/notes", NOTE, ann, **KEY))
    await hold.arrived.wait()
    second = await api.post("/notes", NOTE, ann, **KEY)
    other = await api.post("/notes", {**NOTE, "title": "Other"}, ann, Idempotency_Key="key-2")
    hold.release()
    assert (second.status, second.code, second.headers["Retry-After"]) == (409, "in_progress", "1")
    assert ((await first).status, other.status) == (201, 201)
    assert (await api.post("/notes", NOTE, ann, **KEY)).headers["Idempotency-Replayed"] == "true"


async def test_does_once_what_was_stored_with_the_answer_lost(api: Api, ann: Person) -> None:
    api.journal.lose("append")
    first = await api.post("/notes", NOTE, ann, **KEY)
    again = await api.post("/notes", NOTE, ann, **KEY)
    assert (first.status, again.status) in [(503, 201), (201, 201)]
    assert len((await api.get("/notes/mine", ann)).content) == 1


async def test_does_once_what_was_not_stored_at_first(api: Api, ann: Person) -> None:
    api.journal.reject("append", OutcomeUnknown("who knows"))
    assert (await api.post("/notes", NOTE, ann, **KEY)).status == 503
    assert (await api.post("/notes", NOTE, ann, **KEY)).status == 201
    assert len((await api.get("/notes/mine", ann)).content) == 1


async def test_registers_once(api: Api) -> None:
    first = await api.post("/users", account("Ann"), None, **KEY)
    again = await api.post("/users", account("Ann"), None, **KEY)
    assert (again.status, again.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_leaves_the_password_out_of_what_was_asked(api: Api) -> None:
    await api.post("/users", account("Ann"), None, **KEY)
    again = await api.post("/users", {**account("Ann"), "password": "Another-1"}, None, **KEY)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await api.post("/users", {**account("Ann"), "name": "Anna"}, None, **KEY)).status == 422


async def test_keeps_registrations_apart_by_email(api: Api) -> None:
    await api.post("/users", account("Ann"), None, **KEY)
    answer = await api.post("/users", account("Bob"), None, **KEY)
    assert (answer.status, "Idempotency-Replayed" in answer.headers) == (201, False)


async def test_repeats_a_password_change_with_the_old_one(api: Api, ann: Person) -> None:
    change = {"password": "Another-1", "currentPassword": PASSWORD}
    first = await api.put("/users", change, ann, **KEY)
    again = await api.put("/users", change, ann, **KEY)
    assert (first.status, again.status) == (200, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await api.put("/users", change, ann)).status == 400


async def test_logs_in_anew_whatever_the_key(api: Api, ann: Person) -> None:
    login = {"email": ann.email, "password": PASSWORD}
    first = await api.post("/users/login", login, Idempotency_Key="k" * 129)
    again = await api.post("/users/login", login, Idempotency_Key="k" * 129)
    assert (first.status, again.status) == (200, 200)
    assert first.content["access_token"] != again.content["access_token"]


@in_memory
@pytest.mark.parametrize(("key", "status"), [("k", 201), ("k" * 128, 201), ("", 400), ("k" * 129, 400), ("kä", 400)])
async def test_holds_the_limits_of_a_key(api: Api, ann: Person, key: str, status: int) -> None:
    answer = await api.post("/notes", NOTE, ann, Idempotency_Key=key)
    assert answer.status == status
    assert status == 201 or "Idempotency-Key" in answer.content["message"]


@pytest.mark.parametrize("body", [{"bio": "New"}, {"bio": "New", "name": "Anna"}])
async def test_repeats_a_change_of_the_account(api: Api, ann: Person, body: dict[str, Any]) -> None:
    first = await api.put("/users", body, ann, **KEY)
    again = await api.put("/users", body, ann, **KEY)
    assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true")
