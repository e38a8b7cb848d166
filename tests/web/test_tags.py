"""Tags over HTTP, on their own and on notes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.abilities import in_memory
from tests.web.conftest import Api, Person

NOBODYS = "0SAJWHS03CF2T"


async def tag(api: Api, who: Person, title: str = "Urgent", **fields: str) -> dict[str, Any]:
    """Make a tag."""
    answer = await api.post("/tags", {"title": title, **fields}, who)
    assert answer.status == 201
    return dict(answer.content)


async def test_makes_a_tag(api: Api, ann: Person) -> None:
    answer = await api.post("/tags", {"title": "Urgent", "color": "FF8800"}, ann)
    made = {"id": answer.content["id"], "owner": ann.id, "title": "Urgent", "color": "FF8800"}
    now = "2026-11-23T10:00:00.000Z"
    assert (answer.status, answer.content) == (201, {**made, "created": now, "updated": now, "version": 1})
    assert answer.headers["Location"] == f"/tags/{made['id']}"
    assert (await api.get(f"/tags/{made['id'].lower()}")).content == answer.content


async def test_is_black_unless_told(api: Api, ann: Person) -> None:
    assert (await tag(api, ann))["color"] == "000000"


async def test_says_whose_id_has_the_title(api: Api, ann: Person, bob: Person) -> None:
    first = await tag(api, ann)
    answer = await api.post("/tags", {"title": "URGENT"}, bob)
    assert (answer.status, answer.code, answer.content["id"]) == (409, "conflict", first["id"])
    second = await tag(api, bob, "Later")
    assert (await api.put(f"/tags/{second['id']}", {"title": "urgent"}, bob)).content["id"] == first["id"]


@in_memory
async def test_names_every_bad_field(api: Api, ann: Person) -> None:
    answer = await api.post("/tags", {"title": "t" * 51, "color": "red", "zzz": 1}, ann)
    assert set(answer.fields) == {"Tag.title", "Tag.color", "Tag.zzz"}
    assert (await api.post("/tags", {"title": "t" * 50}, ann)).status == 201


async def test_lists_tags_by_title_in_pages(api: Api, ann: Person) -> None:
    for title in ("b", "C", "a"):
        await tag(api, ann, title)
    seen, following = [], "/tags?limit=2"
    while following:
        answer = await api.get(following)
        seen += [each["title"] for each in answer.content]
        following = answer.headers.get("Link", "")[1:].partition(">")[0]
    assert seen == ["a", "b", "C"]


@pytest.mark.parametrize("named", ["body", "path"])
async def test_lets_its_creator_change_a_tag(api: Api, ann: Person, bob: Person, named: str) -> None:
    made = await tag(api, ann)
    path, changed = "/tags" + (f"/{made['id']}" if named == "path" else ""), {**made, "title": "Soon"}
    api.clock.pass_by(seconds=1)
    answer = await api.put(path, changed, ann)
    updated = "2026-11-23T10:00:01.000Z"
    assert (answer.status, answer.content) == (200, {**changed, "version": 2, "updated": updated})
    assert (await api.put(path, changed, bob)).status == 403


@in_memory
async def test_wants_one_id(api: Api, ann: Person) -> None:
    made = await tag(api, ann)
    assert (await api.put("/tags", {"title": "Soon"}, ann)).content == [{"field": "Tag.id", "error": "missing"}]
    assert (await api.put(f"/tags/{made['id']}", {"title": "Soon", "id": NOBODYS}, ann)).fields == ["Tag.id"]
    assert (await api.put("/tags", {"title": "Soon", "id": NOBODYS}, ann)).status == 404


async def test_removes_a_tag(api: Api, ann: Person, bob: Person) -> None:
    made = await tag(api, ann)
    assert (await api.delete(f"/tags/{made['id']}", bob)).status == 403
    answer = await api.delete(f"/tags/{made['id']}", ann)
    assert (answer.status, answer.content["title"]) == (200, "Urgent")
    assert (await api.get(f"/tags/{made['id']}")).status == 404
    assert (await api.get("/tags")).content == []
    assert (await api.delete(f"/tags/{made['id']}", ann)).status == 404
    assert (await tag(api, bob))["id"] != made["id"]


async def test_makes_one_tag_under_one_key(api: Api, ann: Person) -> None:
    first, again = [await api.post("/tags", {"title": "Urgent"}, ann, Idempotency_Key="k") for _ in range(2)]
    assert (again.status, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_puts_tags_on_notes(api: Api, ann: Person, bob: Person) -> None:
    one, two = await tag(api, ann), await tag(api, bob, "Later")
    note = await api.note(ann, tags=[one["id"].lower(), one["id"]])
    assert note["tags"] == [one["id"]]
    answer = await api.put(f"/notes/{note['id']}/tags/{two['id'].lower()}", None, ann)
    assert (answer.status, answer.content["tags"]) == (200, [one["id"], two["id"]])
    answer = await api.delete(f"/notes/{note['id']}/tags/{one['id']}", ann)
    assert (answer.status, answer.content["tags"]) == (200, [two["id"]])
    assert (await api.delete(f"/notes/{note['id']}/tags/{one['id']}", ann)).status == 404


async def test_puts_only_tags_on_notes_that_exist(api: Api, ann: Person, bob: Person) -> None:
    note, made = await api.note(ann), await tag(api, ann)
    answer = await api.put(f"/notes/{note['id']}/tags/{NOBODYS}", None, ann)
    assert (answer.status, answer.content["message"]) == (404, "tag not found")
    assert (await api.put(f"/notes/{note['id']}/tags/{made['id']}", None, bob)).status == 403
    assert (await api.put(f"/notes/{NOBODYS}/tags/{made['id']}", None, bob)).status == 404
    assert (await api.post("/notes", {"title": "T", "body": "", "tags": [NOBODYS]}, ann)).fields == ["Note.tags"]


async def test_takes_a_removed_tag_off_what_is_shown(api: Api, ann: Person) -> None:
    gone, kept = await tag(api, ann), await tag(api, ann, "Kept")
    note = await api.note(ann, tags=[gone["id"], kept["id"]])
    seen = (await api.get(f"/notes/{note['id']}")).headers["ETag"]
    await api.delete(f"/tags/{gone['id']}", ann)
    answer = await api.get(f"/notes/{note['id']}", If_None_Match=seen)
    assert (answer.status, answer.content) == (200, {**note, "tags": [kept["id"]]})
    assert (await api.get("/notes")).content[0]["tags"] == [kept["id"]]
    assert (await api.get("/notes/mine", ann)).content[0]["tags"] == [kept["id"]]


async def test_a_removed_tag_finds_no_notes(api: Api, ann: Person) -> None:
    gone, kept = await tag(api, ann), await tag(api, ann, "Kept")
    await api.note(ann, tags=[gone["id"], kept["id"]])
    await api.delete(f"/tags/{gone['id']}", ann)
    for path in ("/notes", "/notes/mine"):
        assert len((await api.get(f"{path}?tag={kept['id']}", ann)).content) == 1
        answer = await api.get(f"{path}?tag={kept['id']}&tag={gone['id']}", ann)
        assert (answer.status, answer.content) == (200, [])
        assert (await api.get(f"{path}?tag={gone['id']}&cursor=x", ann)).code == "bad_query"


async def test_drops_a_removed_tag_at_the_next_write(api: Api, ann: Person) -> None:
    gone = await tag(api, ann)
    note = await api.note(ann, tags=[gone["id"]])
    await api.delete(f"/tags/{gone['id']}", ann)
    shown = (await api.get(f"/notes/{note['id']}")).content
    assert (await api.put("/notes", shown, ann)).content["version"] == 1
    assert (await api.put("/notes", {**shown, "body": "Changed"}, ann)).content["version"] == 2
    last = (await api.get(f"/notes/{note['id']}/history", ann)).content[0]
    assert last["changes"] == {"body": ["Text", "Changed"], "tags": [[gone["id"]], []]}


async def test_repeats_a_first_answer_though_its_tag_is_gone(api: Api, ann: Person) -> None:
    made = await tag(api, ann)
    wanted = {"title": "T", "body": "", "tags": [made["id"]]}
    first = await api.post("/notes", wanted, ann, Idempotency_Key="k")
    note, path = await api.note(ann), f"/tags/{made['id']}"
    await api.put(f"/notes/{note['id']}{path}", None, ann, Idempotency_Key="k")
    await api.delete(path, ann)
    again = await api.post("/notes", wanted, ann, Idempotency_Key="k")
    assert (again.status, again.content) == (201, {**first.content, "tags": []})
    assert (await api.post("/notes", wanted, ann, Idempotency_Key="k2")).fields == ["Note.tags"]
    put = await api.put(f"/notes/{note['id']}{path}", None, ann, Idempotency_Key="k")
    assert (put.status, put.headers["Idempotency-Replayed"]) == (200, "true")
    assert (await api.put(f"/notes/{note['id']}{path}", None, ann, Idempotency_Key="k2")).status == 404


async def test_fifty_tags_are_enough(api: Api, ann: Person) -> None:
    made = [(await tag(api, ann, f"{number}"))["id"] for number in range(51)]
    note = await api.note(ann, tags=made[:49])
    assert (await api.put(f"/notes/{note['id']}/tags/{made[49]}", None, ann)).status == 200
    assert (await api.put(f"/notes/{note['id']}/tags/{made[50]}", None, ann)).status == 409
    await api.delete(f"/tags/{made[0]}", ann)
    assert (await api.put(f"/notes/{note['id']}/tags/{made[50]}", None, ann)).status == 200
