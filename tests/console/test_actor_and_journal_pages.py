"""The pages about actors and the journal, and that users' texts are revealed to operators only, who are noted."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from spikes.domain.audit.behavior import audit_of
from spikes.domain.audit.event import AUDIT_EVENTS
from tests.console.conftest import TOKEN, VIEWER_TOKEN, Managed
from tests.console.reading.world import NOTE, World, event, store

PID = f"note|{NOTE}"
REVEALING = ("/entity", "/entity/history", "/entity/event", "/entity/version")


async def data(managed: Managed, path: str, token: str | None = None) -> Any:
    response, text = await managed.get(f"{path}{'&' if '?' in path else '?'}format=json", token)
    assert response.status == 200, text
    html, page = await managed.get(path, token)
    assert html.status == 200, page
    return msgspec.json.decode(text)


def world_of(managed: Managed) -> World:
    return World(managed.service.journal, managed.service.entities)


async def test_actors_are_named_with_what_is_new(managed: Managed) -> None:
    world = world_of(managed)
    await world.write()
    first = await data(managed, "/actors?order=messages")
    await world.change("Another")
    again = await data(managed, f"/actors?{urlencode({'order': 'messages', 'was': first['was']})}")
    row = next(row for row in again["top"] if row["figures"]["persistence_id"] == PID)
    assert row["new_messages"] > 0
    assert again["new_delivered"] > 0
    assert all(row["new_messages"] is None for row in first["top"])


@pytest.mark.parametrize("query", ["order=size", "was=<script>", "was=1,2", "start=-1"])
async def test_wrong_questions_about_actors_are_refused(managed: Managed, query: str) -> None:
    path = "/actors/tree" if query.startswith("start") else "/actors"
    response, text = await managed.get(f"{path}?{query}")
    assert (response.status, "is wrong" in text) == (400, True)


async def test_the_tree_leads_from_the_system_to_an_entity(managed: Managed) -> None:
    await world_of(managed).write()
    top = await data(managed, "/actors/tree")
    region = next(each for each in top["branch"]["children"] if each["kind"] == "Region" and each["children"])
    branch = (await data(managed, f"/actors/tree?{urlencode({'address': region['address']})}"))["branch"]
    assert [each["persistence_id"] for each in branch["children"]] == [PID]
    response, _ = await managed.get("/actors/tree?address=/A~0")
    assert response.status == 404


async def test_the_journal_is_counted_on_demand_only(managed: Managed) -> None:
    await world_of(managed).write()
    await store(managed.service.journal, "tag|1", event(1))
    short = await data(managed, "/journal")
    assert (short["head"], short["survey"], short["statistics"]) == (2, None, None)
    counted = await data(managed, "/journal?count=1")
    assert [each["type"] for each in counted["survey"]["types"]] == ["note-created@1", "note-created@9"]
    assert counted["survey"]["longest"][0][1] == 1
    assert counted["statistics"]["events"] == 2


async def test_a_journal_in_a_file_tells_of_its_log(manage: Any, tmp_path: Any) -> None:
    managed: Managed = await manage(journal=f"sqlite:///{tmp_path}/spikes.db")
    await world_of(managed).write()
    (store_,) = (await data(managed, "/journal"))["processes"].values()
    assert store_["status"]["plugin"] == "sqlite"
    assert store_["status"]["log_bytes"] > 0
    assert sum(each["groups"] for each in store_["group_sizes"]) >= 1


async def test_no_page_here_activates_anything(managed: Managed) -> None:
    await store(managed.service.journal, PID, event(1))
    before = managed.service.entities.live_actors
    for path in ("/actors", "/actors?order=age", "/actors/tree", "/journal", "/journal?count=1"):
        await data(managed, path)
    assert managed.service.entities.live_actors == before


# ------------------------------------------------------------------------------------------------------------ revealing


async def reveal(managed: Managed, path: str, reason: str = "a support case", token: str = TOKEN) -> tuple[int, str]:
    response, text = await managed.post(f"{path}?{urlencode({'id': PID})}", token, reason=reason)
    return response.status, text


async def noted(managed: Managed) -> list[tuple[str, str, str]]:
    stored = await managed.service.journal.events(f"audit|{audit_of(time.time_ns() // 1_000_000)}")
    acted = [AUDIT_EVENTS.decode(each) for each in stored]
    return [(each.action, each.subject, each.reason) for each in acted]


@pytest.mark.parametrize("path", REVEALING)
async def test_an_operator_reveals_texts_and_is_noted(operated: Managed, path: str) -> None:
    await world_of(operated).write("Divorce")
    status, text = await reveal(operated, path)
    assert (status, "Divorce" in text) == (200, True)
    assert await noted(operated) == [("reveal", PID, "a support case")]
    _, masked = await operated.get(f"{path}?{urlencode({'id': PID})}", TOKEN)
    assert "Divorce" not in masked


@pytest.mark.parametrize("path", REVEALING)
@pytest.mark.parametrize(("reason", "token", "status"), [("", TOKEN, 400), ("a support case", VIEWER_TOKEN, 403)])
async def test_nothing_is_revealed_without_reason_and_role(
    operated: Managed, path: str, reason: str, token: str, status: int
) -> None:
    await world_of(operated).write("Divorce")
    refused, text = await reveal(operated, path, reason, token)
    assert (refused, "Divorce" in text) == (status, False)
    assert await noted(operated) == []


async def test_secrets_stay_secret_when_revealed(operated: Managed) -> None:
    user = await world_of(operated).register()
    response, text = await operated.post(f"/entity?{urlencode({'id': user})}", TOKEN, reason="a support case")
    assert (response.status, "Ann@Example.org" in text) == (200, True)
    assert "hash-1" not in text
    assert "token-of-" not in text
