"""The pages about entities, asked over a socket: what they show, what they mask, and what they refuse."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from spikes.console.masking import mask
from tests.console.conftest import Managed
from tests.console.reading.world import ANN, NOTE, World, event, store

PID = quote(f"note|{NOTE}")
EVIL = "<script>alert(1)</script>\u202etxt.exe\0"


@pytest.fixture
def world(managed: Managed) -> World:
    return World(managed.service.journal, managed.service.entities)


async def shown(managed: Managed, path: str, status: int = 200) -> str:
    response, text = await managed.get(path)
    assert response.status == status, text
    return text


async def data(managed: Managed, path: str) -> Any:
    joint = "&" if "?" in path else "?"
    return msgspec.json.decode(await shown(managed, f"{path}{joint}format=json"))


async def test_an_entity_is_found_and_linked(managed: Managed, world: World) -> None:
    await world.write()
    assert f'<a href="/entity?id={PID}">' in await shown(managed, f"/entities?q={NOTE}")
    assert (await data(managed, f"/entities?q={NOTE}"))["found"][0]["by"] == "id"


async def test_an_entity_page_shows_state_actor_and_events(managed: Managed, world: World) -> None:
    await world.write()
    content = await data(managed, f"/entity?id={PID}")
    assert (content["version"], content["state"]["status"], content["problem"]) == (1, "New", None)
    (actor,) = content["actors"]
    assert (actor["entity"]["sequence_nr"], actor["entity"]["last_command"]) == (1, "CreateNote")
    assert [each["type"] for each in content["latest"]] == ["note-created@1"]
    assert {"name": "owner", "persistence_id": f"user|{ANN}"} in content["links"]


async def test_a_passivated_entity_has_a_page(managed: Managed, world: World) -> None:
    await store(world.journal, "tag|x", event(1))
    content = await data(managed, "/entity?id=tag|x")
    assert (content["actors"], content["version"]) == ([], 0)
    assert "can't be decoded" in content["problem"]


@pytest.mark.parametrize("path", ["/entity", "/entity/history", "/entity/event", "/entity/version"])
async def test_users_texts_are_masked_everywhere(managed: Managed, world: World, path: str) -> None:
    await world.write("Divorce", "My lawyer says")
    await world.change("Divorce!", "My lawyer says no")
    for text in (await shown(managed, f"{path}?id={PID}"), str(await data(managed, f"{path}?id={PID}"))):
        assert "Divorce" not in text
        assert "lawyer" not in text
        assert mask("x" * len("Divorce")) in text


@pytest.mark.parametrize("path", ["/entity", "/entity/history", "/entity/event", "/entity/version", "/entity/check"])
@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?id=", 400), ("?id=note", 400), (f"?id=note|{'x' * 200}", 400), ("?id=tag|none", 404)],
)
async def test_what_is_no_entity_is_refused(managed: Managed, path: str, query: str, status: int) -> None:
    wanted = 200 if path == "/entity/check" and status == 404 else status
    await shown(managed, f"{path}{query}", wanted)


@pytest.mark.parametrize("query", ["before=0", "before=x", "since=yesterday", "until=1"])
async def test_wrong_filters_say_what_would_be_right(managed: Managed, world: World, query: str) -> None:
    await world.write()
    assert "must be" in await shown(managed, f"/entity/history?id={PID}&{query}", 400)


async def test_pages_of_history_keep_the_filter(managed: Managed, world: World) -> None:
    await store(world.journal, f"note|{NOTE}", *(event(number) for number in range(1, 60)))
    text = await shown(managed, f"/entity/history?id={PID}&type=note-created&since=1970-01-01T00:00:00Z")
    since = quote("1970-01-01T00:00:00.000Z")
    assert f'/entity/history?id={PID}&amp;type=note-created&amp;since={since}&amp;before=10"' in text


async def test_time_travel_shows_state_and_difference(managed: Managed, world: World) -> None:
    await world.write()
    await world.change("Another title", status="Doing")
    content = await data(managed, f"/entity/version?id={PID}&version=2")
    changes = {change["path"]: (change["before"], change["after"]) for change in content["changes"]}
    assert changes["status"] == ("New", "Doing")
    assert changes["title"] == (mask("A secret plan"), mask("Another title"))
    assert 'type="range" name="version" min="1" max="2" value="2"' in await shown(managed, f"/entity/version?id={PID}")


async def test_a_healthy_entity_is_shown_green(managed: Managed, world: World) -> None:
    await world.write()
    assert (await data(managed, f"/entity/check?id={PID}"))["consistent"] is True
    assert "<strong>Consistent</strong>" in await shown(managed, f"/entity/check?id={PID}")


async def test_a_broken_entity_is_shown_red(managed: Managed, world: World) -> None:
    await store(world.journal, f"note|{NOTE}", event(1))
    text = await shown(managed, f"/entity/check?id={PID}")
    assert "Inconsistent: the events can't be folded" in text


async def test_some_entities_are_checked_on_demand(managed: Managed, world: World) -> None:
    await store(world.journal, f"note|{NOTE}", event(1))
    assert (await data(managed, "/entities/check"))["result"] is None
    result = (await data(managed, "/entities/check?sample=10"))["result"]
    assert [each["persistence_id"] for each in result["inconsistent"]] == [f"note|{NOTE}"]
    assert "1 of 1 are inconsistent" in await shown(managed, "/entities/check?sample=10")


@pytest.mark.parametrize(
    "path", ["/entities?q=", "/entity?id=tag|", "/entity/history?id=note|", "/entity/check?id=tag|"]
)
async def test_hostile_ids_do_no_harm(managed: Managed, world: World, path: str) -> None:
    await store(world.journal, f"tag|{EVIL}", event(1, EVIL, EVIL.encode()))
    _, text = await managed.get(path + quote(EVIL))
    assert "<script>alert" not in text
    assert "\0" not in text
    assert "\u202e" not in text


async def test_no_page_about_entities_activates_one(managed: Managed, world: World) -> None:
    await store(world.journal, f"note|{NOTE}", event(1))
    before = world.entities.live_actors
    for path in ("/entity", "/entity/history", "/entity/event", "/entity/version", "/entity/check"):
        await shown(managed, f"{path}?id={PID}")
    await shown(managed, f"/entities?q={NOTE}")
    await shown(managed, "/entities/check?sample=5")
    assert world.entities.live_actors == before
