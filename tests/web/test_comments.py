"""Comments over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.abilities import in_memory
from tests.web.conftest import Answer, Api, Person

COMMENT = {"title": "Hm", "body": "Well"}
NOBODYS = "0SAJWHS03CF2T"


async def comment(api: Api, who: Person, note: dict[str, Any], **fields: Any) -> Answer:
    """Comment on a note."""
    return await api.post(f"/notes/{note['id']}/comments", {**COMMENT, **fields}, who)


async def test_answers_with_the_note_and_its_comments(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    api.clock.pass_by(seconds=1)
    answer = await comment(api, bob, note, color="ff8800", stars=5)
    (said,) = answer.content["comments"]
    assert answer.status == 201
    assert answer.content == {**note, "version": 2, "comments": [said]}
    assert said == {
        "id": said["id"],
        "writer": bob.id,
        "noteId": note["id"],
        "parent": None,
        "title": "Hm",
        "body": "Well",
        "color": "ff8800",
        "stars": 5,
        "created": "2026-11-23T10:00:01.000Z",
        "removed": False,
    }
    assert (await api.get(f"/notes/{note['id']}")).content == answer.content


async def test_answers_a_comment(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    first = (await comment(api, bob, note)).content["comments"][0]
    answer = await comment(api, ann, note, parent=first["id"].lower(), noteId=note["id"].lower())
    assert [each["parent"] for each in answer.content["comments"]] == [None, first["id"]]


async def test_refuses_a_parent_of_another_note(api: Api, ann: Person) -> None:
    note, other = await api.note(ann), await api.note(ann, "Other")
    first = (await comment(api, ann, other)).content["comments"][0]
    assert (await comment(api, ann, note, parent=first["id"])).fields == ["Comment.parent"]


async def test_refuses_a_comment_for_another_note(api: Api, ann: Person) -> None:
    note, other = await api.note(ann), await api.note(ann, "Other")
    answer = await comment(api, ann, note, noteId=other["id"])
    assert answer.content == [
        {"field": "Comment.noteId", "error": f"invalid: {other['id']}; right is the id of the note in the path"}
    ]


@in_memory
async def test_names_every_bad_field(api: Api, ann: Person) -> None:
    bad = {"title": "", "body": 1, "color": "#fff", "stars": 6, "parent": "x", "noteId": "y", "zzz": 1}
    answer = await api.post(f"/notes/{(await api.note(ann))['id']}/comments", bad, ann)
    assert set(answer.fields) == {f"Comment.{field}" for field in bad}


@pytest.mark.parametrize("named", ["body", "path"])
async def test_changes_the_own_comment(api: Api, ann: Person, bob: Person, named: str) -> None:
    note = await api.note(ann)
    said = (await comment(api, bob, note)).content["comments"][0]
    path = f"/notes/{note['id']}/comments" + (f"/{said['id'].lower()}" if named == "path" else "")
    answer = await api.put(path, {**said, "title": "Changed", "stars": 3}, bob)
    assert (answer.status, answer.content["comments"]) == (200, [{**said, "title": "Changed", "stars": 3}])


async def test_lets_the_path_alone_name_the_comment(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    said = (await comment(api, ann, note)).content["comments"][0]
    path = f"/notes/{note['id']}/comments/{said['id']}"
    assert (await api.put(path, {"title": "T", "body": ""}, ann)).status == 200
    assert (await api.put(path, {"title": "T", "body": "", "id": NOBODYS}, ann)).fields == ["Comment.id"]
    assert (await api.put(path, {"title": "T", "body": "", "noteId": NOBODYS}, ann)).fields == ["Comment.noteId"]
    without = await api.put(f"/notes/{note['id']}/comments", {"title": "T", "body": ""}, ann)
    assert without.content == [{"field": "Comment.id", "error": "missing"}]


async def test_lets_only_the_writer_change_a_comment(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    said = (await comment(api, bob, note)).content["comments"][0]
    for who, status in ((ann, 403), (None, 401)):
        assert (await api.put(f"/notes/{note['id']}/comments", said, who)).status == status
    assert (await api.put(f"/notes/{note['id']}/comments/{NOBODYS}", COMMENT, bob)).status == 404


async def test_lets_writer_and_owner_remove_a_comment(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    await comment(api, bob, note)
    ids = [each["id"] for each in (await comment(api, bob, note)).content["comments"]]
    cid = await api.person("Cid")
    path = f"/notes/{note['id']}/comments"
    assert (await api.delete(f"{path}/{ids[0]}", cid)).status == 403
    assert (await api.delete(f"{path}/{ids[0]}", ann)).status == 200
    answer = await api.delete(f"{path}/{ids[1]}", bob)
    assert (answer.status, answer.content["comments"]) == (200, [])
    assert (await api.delete(f"{path}/{ids[1]}", bob)).status == 404


async def test_leaves_a_place_holder_above_answers(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    first = (await comment(api, bob, note, color="ff8800", stars=1)).content["comments"][0]
    await comment(api, ann, note, parent=first["id"])
    answer = await api.delete(f"/notes/{note['id']}/comments/{first['id']}", bob)
    gone = {"removed": True, "writer": None, "title": None, "body": None, "color": None, "stars": 0}
    assert answer.content["comments"][0] == {**first, **gone}
    assert (await api.get("/notes")).content[0]["commentCount"] == 1


async def test_hides_anothers_private_note(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann, access="Private")
    said = (await comment(api, ann, note)).content["comments"][0]
    path = f"/notes/{note['id']}/comments"
    for headers in ({}, {"If_Match": '"7-000000000000"'}, {"If_Match": '"1-000000000000", "2-000000000000"'}):
        assert (await api.post(path, COMMENT, bob, **headers)).status == 404
        assert (await api.put(path, said, bob, **headers)).status == 404
        assert (await api.delete(f"{path}/{said['id']}", bob, **headers)).status == 404


async def test_finds_no_comments_in_the_trash(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    await api.delete(f"/notes/{note['id']}", ann)
    assert (await comment(api, ann, note)).status == 404


async def test_comments_only_on_the_version_that_was_seen(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    path, seen = f"/notes/{note['id']}/comments", (await api.get(f"/notes/{note['id']}")).headers["ETag"]
    said = await api.post(path, COMMENT, bob, If_Match=seen)
    assert said.status == 201
    assert (await api.post(path, COMMENT, bob, If_Match=seen)).status == 412
    assert (await api.post(path, COMMENT, bob, If_Match=said.headers["ETag"])).status == 201


async def test_says_something_once_under_one_key(api: Api, ann: Person, bob: Person) -> None:
    note, other = await api.note(ann), await api.note(ann, "Other")
    path = f"/notes/{note['id']}/comments"
    first = await api.post(path, COMMENT, bob, Idempotency_Key="k")
    again = await api.post(path, COMMENT, bob, Idempotency_Key="k")
    assert (again.status, again.content, again.headers["Idempotency-Replayed"]) == (201, first.content, "true")
    elsewhere = await api.post(f"/notes/{other['id']}/comments", COMMENT, bob, Idempotency_Key="k")
    assert (elsewhere.status, elsewhere.code) == (422, "key_reused")
