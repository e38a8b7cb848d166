"""Health over HTTP."""

from __future__ import annotations

import pytest

from tests.abilities import in_memory
from tests.web.conftest import Api, Person, Start


async def test_tells_how_much_there_is(api: Api, ann: Person, bob: Person) -> None:
    await api.note(ann, access="Private")
    await api.login("Ann")
    answer = await api.get("/info")
    assert (answer.status, answer.content) == (
        200,
        {
            "recovered": True,
            "users": 2,
            "notes": 1,
            "sessions": 3,
            "tags": 0,
            "removals": 0,
            "version": "0.0.1",
            "built": None,
            "persid": api.journal.identity,
            "approximate": False,
        },
    )


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/liveness", {"status": "UP"}),
        ("/readiness", {"status": "UP"}),
        ("/check", {"result": "OK"}),
        ("/stati", ["Blank", "New", "Ready", "ToDo", "Doing", "Review", "Completed"]),
    ],
)
async def test_is_well(api: Api, path: str, content: object) -> None:
    answer = await api.get(path)
    assert (answer.status, answer.content) == (200, content)


@in_memory
async def test_is_alive_without_asking_the_journal(api: Api) -> None:
    before = dict(api.journal.calls)
    assert (await api.get("/liveness")).status == 200
    assert dict(api.journal.calls) == before


@in_memory
@pytest.mark.parametrize("path", ["/readiness", "/check"])
async def test_is_not_ready_while_the_journal_fails(api: Api, path: str) -> None:
    api.journal.fail("ping")
    answer = await api.get(path)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "not_stored", "1")
    assert (await api.get(path)).status == 200


@in_memory
@pytest.mark.parametrize("path", ["/readiness", "/check"])
async def test_is_not_ready_while_the_journal_hangs(start: Start, path: str) -> None:
    api = await start(ask_timeout=0.01)
    api.journal.delay("ping")
    answer = await api.get(path)
    assert (answer.status, answer.code) == (503, "not_ready")


@in_memory
async def test_is_not_ready_before_the_journal_is_open(api: Api) -> None:
    api.state.recovered = False
    answer = await api.get("/readiness")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "not_ready", "1")


@in_memory
async def test_drains_before_it_stops(api: Api) -> None:
    assert "Connection" not in (await api.get("/liveness")).headers
    api.state.draining = True
    assert (await api.get("/readiness")).status == 503
    answer = await api.get("/liveness")
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
