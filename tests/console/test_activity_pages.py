"""The pages of what happens: newest events, the error inbox, and what belongs to one request."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from spikes import telemetry
from spikes.console.activity import CHUNK, LIMIT, LOOKED_THROUGH, merged
from spikes.telemetry import Telemetry
from spikes.telemetry.requests import LineSeen, RequestSeen
from tests.console.conftest import Managed
from tests.console.reading.world import ANN, NOTE, World, event, store


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what other tests left in this process."""
    monkeypatch.setattr(telemetry, "here", Telemetry())


@pytest.fixture
def world(managed: Managed) -> World:
    return World(managed.service.journal, managed.service.entities)


async def data(managed: Managed, path: str, status: int = 200) -> Any:
    response, text = await managed.get(f"{path}{'&' if '?' in path else '?'}format=json")
    assert response.status == status, text
    html, _ = await managed.get(path)
    assert html.status == status
    return msgspec.json.decode(text)


async def events(managed: Managed, query: str = "") -> list[tuple[str, int]]:
    found = (await data(managed, f"/activity?{query}"))["latest"]["events"]
    return [(each["persistence_id"], each["sequence_nr"]) for each in found]


async def test_the_newest_events_come_first(managed: Managed, world: World) -> None:
    await world.register()
    await world.write()
    await world.change("Another")
    assert await events(managed) == [(f"note|{NOTE}", 2), (f"note|{NOTE}", 1), (f"user|{ANN}", 2), (f"user|{ANN}", 1)]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("kind=note", 2),
        ("kind=tag", 0),
        ("type=note-updated", 1),
        ("type=note-updated@1", 1),
        (f"persistence_id=note|{NOTE}", 2),
        (f"principal={ANN}", 2),
        ("request_id=request-1", 2),
        ("request_id=request-1&kind=user", 0),
    ],
)
async def test_filters_let_through_what_fits(managed: Managed, world: World, query: str, number: int) -> None:
    await world.register()
    await world.write()
    await world.change("Another")
    assert len(await events(managed, query)) == number


async def test_only_so_many_of_the_newest_are_looked_through(managed: Managed, world: World) -> None:
    await store(world.journal, "tag|old", event(1))
    await store(world.journal, "note|1", *(event(number) for number in range(1, LOOKED_THROUGH + 1)))
    found = (await data(managed, "/activity?kind=tag"))["latest"]
    assert (found["events"], found["looked_through"]) == ([], LOOKED_THROUGH)
    found = (await data(managed, "/activity"))["latest"]
    assert (len(found["events"]), found["looked_through"]) == (LIMIT, CHUNK)


async def test_without_an_order_of_all_events_requests_tell(
    managed: Managed, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.write()
    await store(world.journal, "tag|1", event(1))
    monkeypatch.setattr(managed.service.journal, "capabilities", frozenset(), raising=False)
    found = (await data(managed, "/activity"))["latest"]
    assert [each["persistence_id"] for each in found["events"]] == [f"note|{NOTE}"]
    assert found["of_all"] is False
    assert await events(managed, "request_id=request-1&kind=note") == [(f"note|{NOTE}", 1)]


@pytest.mark.parametrize("length", [200, 201])
async def test_a_filter_has_a_longest_text(managed: Managed, length: int) -> None:
    await data(managed, f"/activity?type={'x' * length}", 200 if length == 200 else 400)


async def test_errors_are_grouped_with_a_sample(managed: Managed) -> None:
    for entity in ("note|1", "note|2"):
        telemetry.here.errors.record("failed_command", "<b>it broke</b>", persistence_id=entity, request_id="r-1")
    telemetry.here.errors.record("dead_letter", "nobody there")
    groups = (await data(managed, "/errors"))["groups"]
    assert [(each["summary"], each["count"]) for each in groups] == [("nobody there", 1), ("<b>it broke</b>", 2)]
    assert groups[1]["sample"]["persistence_id"] == "note|2"
    _, text = await managed.get("/errors?kind=failed_command")
    assert "&lt;b&gt;it broke" in text
    assert "nobody there" not in text
    await data(managed, "/errors?kind=unknown", 400)


def test_the_errors_of_two_processes_are_added_up() -> None:
    one = {"kind": "conflict", "summary": "raced", "count": 2, "first": 5, "last": 7, "sample": {"n": "old"}}
    other = {**one, "count": 3, "first": 1, "last": 9, "sample": {"n": "new"}}
    (group,) = merged({"7": [one], "8": [other]})
    assert (group.count, group.first, group.last, group.sample) == (5, 1, 9, {"n": "new"})
    assert list(group.processes) == ["7", "8"]


async def test_all_that_belongs_to_a_request_is_shown(managed: Managed, world: World) -> None:
    await world.write()
    telemetry.here.requests.note(RequestSeen("request-1", 1, "POST", "/notes", 201, 3.0, ANN))
    telemetry.here.requests.note(LineSeen("request-1", 2, "info", "request", {"path": "/notes"}))
    found = await data(managed, "/request?id=request-1")
    assert [each["route"] for each in found["requests"]] == ["/notes"]
    assert [each["command"] for each in found["commands"]] == ["CreateNote"]
    assert [each["persistence_id"] for each in found["events"]] == [f"note|{NOTE}"]
    assert [each["event"] for each in found["lines"]] == ["request"]
    assert len(found["stored"]["events"]) == 1


async def test_a_forgotten_request_is_found_by_its_events(managed: Managed, world: World) -> None:
    await world.write()
    telemetry.here.requests = telemetry.RecentRequests()
    found = await data(managed, "/request?id=request-1")
    assert (found["requests"], len(found["stored"]["events"])) == ([], 1)


async def test_a_request_needs_an_id(managed: Managed) -> None:
    await data(managed, "/request", 400)


async def test_the_latest_requests_are_listed(managed: Managed) -> None:
    for number in range(60):
        telemetry.here.requests.note(RequestSeen(f"request-{number}", number, "GET", "/notes", 200, 3.0, None))
    found = (await data(managed, "/requests"))["requests"]
    assert [each["request_id"] for each in found[:2]] == ["request-59", "request-58"]
    assert len(found) == 50


async def test_no_page_of_what_happens_activates_anything(managed: Managed, world: World) -> None:
    await store(world.journal, f"note|{NOTE}", event(1))
    before = world.entities.live_actors
    for path in ("/activity", "/errors", "/requests", "/request?id=request-1"):
        await data(managed, path)
    assert world.entities.live_actors == before
