"""Undo, redo, restore and the trash, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.abilities import in_memory
from tests.web.conftest import Answer, Api, Person
from tests.web.test_history import change
from tests.web.test_tags import tag

NOBODYS = "0SAJWHS03CF2T"


async def post(
    api: Api, who: Person | None, note: dict[str, Any], action: str, body: Any = None, **more: str
) -> Answer:
    return await api.post(f"/notes/{note['id']}/{action}", body, who, **more)


async def test_takes_changes_back_and_does_them_again(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    changed = await change(api, ann, await change(api, ann, note, title="Other"), body="New", status="Doing")
    for body, title, text in ((None, "Other", "Text"), ({}, "A note", "Text")):
        undone = (await post(api, ann, note, "undo", body)).content
        assert (undone["title"], undone["body"], undone["status"]) == (title, text, "New")
    assert (await post(api, ann, note, "undo")).status == 409
    await post(api, ann, note, "redo")
    redone = await post(api, ann, note, "redo", {})
    assert redone.content == {**changed, "version": 7, "updated": redone.content["updated"]}
    assert (await post(api, ann, note, "redo")).code == "conflict"


async def test_a_new_change_leaves_nothing_to_redo(api: Api, ann: Person) -> None:
    note = await change(api, ann, await api.note(ann), title="Other")
    await post(api, ann, note, "undo")
    await change(api, ann, note, title="Third")
    assert (await post(api, ann, note, "redo")).status == 409


async def test_comments_neither_undo_nor_block(api: Api, ann: Person, bob: Person) -> None:
    note = await change(api, ann, await api.note(ann), title="Other")
    await api.post(f"/notes/{note['id']}/comments", {"title": "Hm", "body": ""}, bob)
    undone = (await post(api, ann, note, "undo")).content
    assert (undone["title"], len(undone["comments"])) == ("A note", 1)


@pytest.mark.parametrize("action", ["undo", "redo", "restore"])
async def test_is_for_the_owner_alone(api: Api, ann: Person, bob: Person, action: str) -> None:
    public, private = await api.note(ann), await api.note(ann, "Private", access="Private")
    for headers in ({}, {"If_Match": '"7-000000000000"'}, {"If_Match": '"1-000000000000", "2-000000000000"'}):
        assert (await post(api, bob, public, action, **headers)).status == 403
        assert (await post(api, bob, private, action, **headers)).status == 404
        assert (await post(api, ann, {"id": NOBODYS}, action, **headers)).status == 404


@in_memory
@pytest.mark.parametrize(("body", "status"), [(b"[]", 400), (b"x", 400), ({"zzz": 1}, 400), (b" ", 400)])
@pytest.mark.parametrize("action", ["undo", "redo", "restore"])
async def test_takes_no_other_body(api: Api, ann: Person, action: str, body: Any, status: int) -> None:
    assert (await post(api, ann, await api.note(ann), action, body)).status == status


async def test_undoes_at_one_version_and_once_under_one_key(api: Api, ann: Person) -> None:
    note = await change(api, ann, await change(api, ann, await api.note(ann), title="Other"), title="Third")
    seen = (await api.get(f"/notes/{note['id']}")).headers["ETag"]
    first = await post(api, ann, note, "undo", If_Match=seen, Idempotency_Key="k")
    again = await post(api, ann, note, "undo", If_Match=seen, Idempotency_Key="k")
    assert first.content["title"] == again.content["title"] == "Other"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await post(api, ann, note, "undo", If_Match=seen)).status == 412


async def test_brings_no_removed_tags_back(api: Api, ann: Person) -> None:
    made = await tag(api, ann)
    note = await change(api, ann, await api.note(ann, tags=[made["id"]]), tags=[], title="Other")
    await api.delete(f"/tags/{made['id']}", ann)
    undone = await post(api, ann, note, "undo")
    assert (undone.content["title"], undone.content["tags"]) == ("A note", [])
    (last, *_) = (await api.get(f"/notes/{note['id']}/history", ann)).content
    assert "tags" not in last["changes"]


async def test_goes_back_to_a_version(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    await change(api, ann, note, title="Other", body="New")
    answer = await post(api, ann, note, "restore", {"version": 1})
    assert (answer.status, answer.content["version"]) == (200, 3)
    assert answer.content == {**note, "version": 3, "updated": answer.content["updated"]}
    assert (await post(api, ann, note, "undo")).content["title"] == "Other"


@pytest.mark.parametrize(("wanted", "status"), [(1, 200), (2, 404), (0, 400), ("1", 400), (2**60, 404)])
async def test_goes_back_only_to_versions_that_were(api: Api, ann: Person, wanted: Any, status: int) -> None:
    assert (await post(api, ann, await api.note(ann), "restore", {"version": wanted})).status == status


async def test_restores_out_of_the_trash(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    trashed = await api.delete(f"/notes/{note['id']}", ann)
    assert (await post(api, bob, note, "restore")).status == 404
    assert (await post(api, ann, note, "restore", {"version": 1})).status == 404
    assert (await post(api, ann, note, "restore", If_Match='"1-000000000000"')).status == 412
    answer = await post(api, ann, note, "restore", {}, If_Match=trashed.headers["ETag"])
    assert (answer.status, answer.content) == (200, {**note, "version": 3})
    assert (await api.get(f"/notes/{note['id']}")).content == answer.content
    assert (await post(api, ann, note, "restore")).status == 409


async def test_hides_the_trash_of_others_whatever_version_they_guess(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    await api.delete(f"/notes/{note['id']}", ann)
    for match in ('"2-000000000000"', '"7-000000000000"', '"1-000000000000", "2-000000000000"'):
        assert (await post(api, bob, note, "restore", If_Match=match)).status == 404


async def test_lists_the_trash(api: Api, ann: Person, bob: Person) -> None:
    notes = [await api.note(ann, f"{number}") for number in range(3)]
    await api.note(ann, "Not trashed")
    for note in notes:
        api.clock.pass_by(seconds=1)
        await api.delete(f"/notes/{note['id']}", ann)
    seen, following = [], "/notes/trash?limit=2"
    while following:
        answer = await api.get(following, ann)
        seen += [(each["title"], each["trashed"]) for each in answer.content]
        following = answer.headers.get("Link", "")[1:].partition(">")[0]
    assert [title for title, _ in seen] == ["2", "1", "0"]
    assert seen[0][1] == "2026-11-23T10:00:03.000Z"
    assert (await api.get("/notes/trash", bob)).content == []
    assert (await api.get("/notes/trash?limit=201", ann)).code == "bad_query"
