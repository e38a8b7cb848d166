"""Notes over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.abilities import in_memory
from tests.web.conftest import Api, Person

NOTE = [
    *("id", "owner", "title", "body", "slug", "due", "status", "access", "tags", "comments"),
    *("created", "updated", "version", "trashed"),
]
FULL = {"title": "A note", "body": "Text", "status": "New", "access": "Public"}


async def test_writes_a_note(api: Api, ann: Person) -> None:
    due = "2026-12-24T18:00:00+01:00"
    answer = await api.post("/notes", {"title": "Crème brûlée!", "body": "<b>", "due": due, "status": "ToDo"}, ann)
    assert answer.status == 201
    assert answer.headers["Location"] == "/notes/20261123-creme-brulee"
    assert list(answer.content) == NOTE
    assert answer.content | {"id": 0} == {
        "id": 0,
        "owner": ann.id,
        "title": "Crème brûlée!",
        "body": "<b>",
        "slug": "20261123-creme-brulee",
        "due": "2026-12-24T17:00:00.000Z",
        "status": "ToDo",
        "access": "Public",
        "tags": [],
        "comments": [],
        "created": "2026-11-23T10:00:00.000Z",
        "updated": "2026-11-23T10:00:00.000Z",
        "version": 1,
        "trashed": None,
    }


async def test_reads_back_what_was_written(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    for name in (note["id"], note["id"].lower(), note["slug"]):
        answer = await api.get(f"/notes/{name}")
        assert (answer.status, answer.content) == (200, note)
        assert answer.headers["Vary"] == "Authorization"


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("title", "t" * 255, "t" * 256),
        ("title", "t", ""),
        ("body", "ä" * 32768, "ä" * 32768 + "b"),
        ("due", "2026-11-23T10:00:00.001Z", "2026-11-23T10:00:00.000Z"),
        ("due", "2026-11-23T10:01", "tomorrow"),
        ("status", "Completed", "Done"),
        ("access", "Private", "Secret"),
        ("tags", [], ["x"]),
        ("tags", None, ["0SAJWHS03CF2T"]),
    ],
)
async def test_holds_the_limits(api: Api, ann: Person, field: str, good: Any, bad: Any) -> None:
    note = {"title": "A note", "body": "Text"}
    assert (await api.post("/notes", {**note, field: bad}, ann)).fields == [f"Note.{field}"]
    assert (await api.post("/notes", {**note, field: good}, ann)).status == 201


@in_memory
async def test_reads_a_time_without_a_zone_as_utc(api: Api, ann: Person) -> None:
    assert (await api.note(ann, due="2026-11-23T10:01"))["due"] == "2026-11-23T10:01:00.000Z"


@pytest.mark.parametrize(("count", "what"), [(50, "ids of tags that exist"), (51, "at most 50 TSIDs")])
async def test_takes_no_more_than_fifty_tags(api: Api, ann: Person, count: int, what: str) -> None:
    answer = await api.post("/notes", {**FULL, "tags": [f"0SAJWHS0300{n:02}" for n in range(count)]}, ann)
    assert answer.fields == ["Note.tags"]
    assert answer.content[0]["error"].endswith(what)


async def test_names_every_unknown_tag_in_one_entry(api: Api, ann: Person) -> None:
    answer = await api.post("/notes", {**FULL, "tags": ["0sajwhs03cf2t", "0SAJWHS03CF2W"]}, ann)
    assert answer.content == [
        {"field": "Note.tags", "error": "invalid: 0SAJWHS03CF2T, 0SAJWHS03CF2W; right is ids of tags that exist"}
    ]


async def test_refuses_a_slug_that_the_owner_has(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    answer = await api.post("/notes", {**FULL, "title": "A NOTE"}, ann)
    assert (answer.status, answer.code) == (409, "conflict")
    assert answer.content.get("id") in (None, note["id"])


async def test_sets_equal_public_slugs_of_two_owners_apart(api: Api, ann: Person, bob: Person) -> None:
    anns, bobs = await api.note(ann), await api.note(bob)
    assert bobs["slug"] == f"{anns['slug']}-{bobs['id'][-4:].lower()}"


async def test_prefers_the_callers_own_note_by_slug(api: Api, ann: Person, bob: Person) -> None:
    public, private = await api.note(ann), await api.note(bob, access="Private")
    assert public["slug"] == private["slug"]
    assert (await api.get(f"/notes/{public['slug']}")).content == public
    assert (await api.get(f"/notes/{public['slug']}", ann)).content == public
    assert (await api.get(f"/notes/{public['slug']}", bob)).content == private


async def test_finds_the_public_note_behind_the_own_trashed_one(api: Api, ann: Person, bob: Person) -> None:
    public, private = await api.note(ann), await api.note(bob, access="Private")
    await api.delete(f"/notes/{private['id']}", bob)
    assert (await api.get(f"/notes/{public['slug']}", bob)).content == public


@in_memory
@pytest.mark.parametrize(
    "name",
    ["0SAJWHS03CF2T", "UUUUUUUUUUUUU", "20261123-nothing", "20261123--x", "x", "", "%00", "mine2", "a/b", "20261123-"],
)
async def test_finds_nothing_where_nothing_is(api: Api, ann: Person, name: str) -> None:
    answer = await api.get(f"/notes/{name}", ann)
    assert (answer.status, answer.code) == (404, "not_found")


async def test_changes_a_note(api: Api, ann: Person) -> None:
    note = await api.note(ann, due="2026-12-24T18:00:00Z")
    api.clock.pass_by(seconds=1)
    answer = await api.put("/notes", {**FULL, "id": note["id"].lower(), "title": "Other"}, ann)
    assert answer.status == 200
    assert answer.content == {
        **note,
        "title": "Other",
        "due": None,
        "version": 2,
        "updated": "2026-11-23T10:00:01.000Z",
    }


async def test_takes_back_what_was_read(api: Api, ann: Person) -> None:
    note = await api.note(ann, due="2026-11-23T10:00:01Z")
    api.clock.pass_by(seconds=2)
    (item,) = (await api.get("/notes/mine", ann)).content
    assert (await api.put("/notes", note, ann)).content == note
    assert (await api.put("/notes", {**item, "title": "New"}, ann)).content["title"] == "New"


async def test_refuses_a_changed_due_in_the_past(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    answer = await api.put("/notes", {**note, "due": "2026-11-23T09:59:59Z"}, ann)
    assert answer.status == 400
    assert answer.fields == ["Note.due"]


@in_memory
async def test_names_every_bad_field_of_a_change(api: Api, ann: Person) -> None:
    answer = await api.put("/notes", {"id": "x", "title": "", "status": 1, "owner": "y", "color": "z"}, ann)
    assert answer.status == 400
    assert set(answer.fields) == {f"Note.{f}" for f in ("id", "title", "body", "status", "access", "owner", "color")}


async def test_gives_no_note_away(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    answer = await api.put("/notes", {**note, "owner": bob.id}, ann)
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_moves_a_note_to_the_trash(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    answer = await api.delete(f"/notes/{note['id'].lower()}", ann)
    assert answer.status == 200
    assert answer.content == {**note, "version": 2, "trashed": "2026-11-23T10:00:00.000Z"}


async def test_finds_nothing_in_the_trash(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    await api.delete(f"/notes/{note['id']}", ann)
    assert (await api.get(f"/notes/{note['id']}", ann)).status == 404
    assert (await api.get(f"/notes/{note['slug']}", ann)).status == 404
    assert (await api.put("/notes", note, ann)).status == 404
    assert (await api.delete(f"/notes/{note['id']}", ann)).status == 404
    assert (await api.get("/notes/mine", ann)).content == []
    assert (await api.get("/users/me", ann)).content["notes"] == 0


async def test_hides_anothers_private_note_from_every_method(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann, access="Private")
    missing = {"message": "note not found", "code": "not_found"}
    for who in (None, bob):
        for name in (note["id"], note["slug"]):
            answer = await api.get(f"/notes/{name}", who, X_Request_ID="request-1")
            assert (answer.status, answer.content) == (404, {**missing, "request_id": "request-1"})
    for headers in ({}, {"If_Match": '"7-000000000000"'}, {"If_Match": '"1-000000000000", "2-000000000000"'}):
        assert (await api.put("/notes", note, bob, **headers)).status == 404
        assert (await api.put("/notes", {**FULL, "id": note["id"]}, bob, **headers)).status == 404
        assert (await api.delete(f"/notes/{note['id']}", bob, **headers)).status == 404
    assert (await api.get(f"/notes/{note['id']}", ann)).content == note


async def test_lets_nobody_else_change_a_public_note(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    for headers in ({}, {"If_Match": '"7-000000000000"'}):
        assert (await api.put("/notes", note, bob, **headers)).status == 403
        assert (await api.put("/notes", {**FULL, "id": note["id"]}, bob, **headers)).status == 403
        assert (await api.delete(f"/notes/{note['id']}", bob, **headers)).status == 403
    assert (await api.get(f"/notes/{note['id']}", bob)).content == note


async def test_hides_what_became_private(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    await api.put("/notes", {**note, "access": "Private"}, ann)
    assert (await api.get(f"/notes/{note['id']}")).status == 404
    assert (await api.get(f"/notes/{note['slug']}")).status == 404
    assert (await api.get("/notes")).content == []
