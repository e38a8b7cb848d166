"""What clients that were offline bring: ids of their own, and changes of single fields."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from spikes.domain.tsid import TsidFactory
from tests.abilities import in_memory
from tests.web.conftest import Answer, Api, Person

OWN_ID = TsidFactory(lambda: 1_800_000_000_000, lambda bits: 7).next()
PATH = f"/notes/{OWN_ID}"
NOTE = {"title": "Offline", "body": "Text", "status": "Doing", "access": "Private"}
NEW = {"If_None_Match": "*"}
KEY = {"Idempotency_Key": "key-1"}


async def patch(api: Api, note_id: str, fields: Any, who: Person | None, **headers: str) -> Answer:
    headers.setdefault("Content_Type", "application/merge-patch+json")
    return await api.ask("PATCH", f"/notes/{note_id}", fields, who, **headers)


# ------------------------------------------------------------------------------------------------------ ids of clients


async def test_writes_a_note_under_the_clients_id(api: Api, ann: Person) -> None:
    made = await api.put(f"/notes/{OWN_ID.lower()}", NOTE, ann, **NEW)
    assert (made.status, made.content["id"], made.content["version"]) == (201, OWN_ID, 1)
    assert made.headers["Location"] == f"/notes/{made.content['slug']}"
    read = await api.get(PATH, ann)
    assert (read.content, read.headers["ETag"]) == (made.content, made.headers["ETag"])


async def test_writes_it_with_the_defaults_of_a_new_note(api: Api, ann: Person) -> None:
    made = (await api.put(PATH, {"title": "Offline", "body": ""}, ann, **NEW)).content
    assert (made["status"], made["access"], made["tags"], made["due"]) == ("New", "Public", [], None)


@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_refuses_an_id_that_is_taken(api: Api, ann: Person, bob: Person, who: str) -> None:
    await api.put(PATH, NOTE, ann, **NEW)
    answer = await api.put(PATH, {**NOTE, "title": "Other"}, {"ann": ann, "bob": bob}[who], **NEW)
    assert (answer.status, answer.code, answer.content["id"]) == (412, "id_taken", OWN_ID)
    assert (await api.get(PATH, ann)).content["title"] == "Offline"


async def test_refuses_the_id_of_a_note_in_the_trash(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    await api.delete(f"/notes/{note['id']}", ann)
    assert (await api.put(f"/notes/{note['id']}", NOTE, ann, **NEW)).status == 412


async def test_writes_it_once_under_one_key(api: Api, ann: Person) -> None:
    first = await api.put(PATH, NOTE, ann, **NEW, **KEY)
    await api.put(PATH, {**NOTE, "title": "Other"}, ann)
    again = await api.put(PATH, NOTE, ann, **NEW, **KEY)
    assert (again.status, again.content, again.headers["Idempotency-Replayed"]) == (201, first.content, "true")
    assert (await api.put(PATH, NOTE, ann, **KEY)).status == 422
    assert (await api.put("/notes/0SAJWHS03CF2T", NOTE, ann, **NEW, **KEY)).status == 422


@pytest.mark.parametrize(
    "headers", [{"If_None_Match": '"1-000000000000"'}, {"If_None_Match": "*", "If_Match": '"1-000000000000"'}]
)
async def test_refuses_other_conditions_for_new_notes(api: Api, ann: Person, headers: dict[str, str]) -> None:
    answer = await api.put(PATH, NOTE, ann, **headers)
    assert (answer.status, answer.code) == (400, "bad_header")


@in_memory
@pytest.mark.parametrize("headers", [{}, NEW])
async def test_the_id_in_the_body_must_be_the_one_in_the_path(api: Api, ann: Person, headers: dict[str, str]) -> None:
    note = await api.note(ann)
    answer = await api.put(f"/notes/{note['id']}", {**NOTE, "id": OWN_ID}, ann, **headers)
    assert (answer.status, answer.fields) == (400, ["Note.id"])


async def test_writes_no_note_for_somebody_else(api: Api, ann: Person, bob: Person) -> None:
    assert (await api.put(PATH, {**NOTE, "owner": bob.id}, ann, **NEW)).status == 403
    assert (await api.put(PATH, {**NOTE, "owner": ann.id}, ann, **NEW)).status == 201


@in_memory
async def test_names_what_is_wrong_with_a_new_note(api: Api, ann: Person) -> None:
    wrong = {"title": "", "body": "x", "status": "Done", "due": "2020-01-01T00:00:00Z", "tags": [OWN_ID]}
    assert (await api.put(PATH, wrong, ann, **NEW)).fields == ["Note.title", "Note.status", "Note.due"]
    assert (await api.put(PATH, {**NOTE, "tags": [OWN_ID]}, ann, **NEW)).fields == ["Note.tags"]


# -------------------------------------------------------------------------------------------------------- whole changes


async def test_changes_the_note_in_the_path(api: Api, ann: Person) -> None:
    note = await api.note(ann, due="2100-01-01T00:00:00Z")
    del note["due"]
    changed = await api.put(f"/notes/{note['id']}", {**note, "title": "Other"}, ann)
    assert (changed.status, changed.content["title"], changed.content["due"]) == (200, "Other", None)
    assert (await api.put(f"/notes/{note['id']}", NOTE, ann, If_Match='"1-000000000000"')).status == 412


async def test_changes_no_note_that_is_not_there(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(bob)
    assert (await api.put(PATH, NOTE, ann)).status == 404
    assert (await api.put(f"/notes/{note['id']}", NOTE, ann)).status == 403


async def test_needs_all_of_a_note_to_change_it(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    answer = await api.put(f"/notes/{note['id']}", {"title": "Other", "body": ""}, ann)
    assert (answer.status, answer.fields) == (400, ["Note.status", "Note.access"])


# ------------------------------------------------------------------------------------------------------------- patches


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", "Other"), ("body", ""), ("due", "2101-01-01T00:00:00.000Z"), ("due", None), ("status", "Review")],
)
async def test_merges_a_field(api: Api, ann: Person, field: str, value: str | None) -> None:
    note = await api.note(ann, due="2100-01-01T00:00:00.000Z", access="Private")
    answer = await patch(api, note["id"], {field: value}, ann)
    assert (answer.status, answer.content) == (200, {**note, field: value, "version": 2})


async def test_merges_tags_and_takes_them_off(api: Api, ann: Person) -> None:
    tag = (await api.post("/tags", {"title": "A tag"}, ann)).content["id"]
    note = await api.note(ann)
    assert (await patch(api, note["id"], {"tags": [tag]}, ann)).content["tags"] == [tag]
    assert (await patch(api, note["id"], {"access": "Private"}, ann)).content["tags"] == [tag]
    assert (await patch(api, note["id"], {"tags": None}, ann)).content["tags"] == []


async def test_merging_nothing_changes_nothing(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    assert (await patch(api, note["id"], {}, ann)).content == note


@in_memory
@pytest.mark.parametrize("field", ["title", "body", "status", "access"])
async def test_what_every_note_has_is_not_removed(api: Api, ann: Person, field: str) -> None:
    note = await api.note(ann)
    answer = await patch(api, note["id"], {field: None}, ann)
    assert (answer.status, answer.fields) == (400, [f"Note.{field}"])


@in_memory
async def test_names_all_that_is_wrong_with_a_patch(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    wrong = {"title": "x" * 256, "due": "tomorrow", "tags": ["x"], "slug": "mine"}
    assert (await patch(api, note["id"], wrong, ann)).fields == ["Note.title", "Note.due", "Note.tags", "Note.slug"]
    assert (await patch(api, note["id"], {"title": "x" * 255}, ann)).status == 200
    assert (await patch(api, note["id"], {"due": "2020-01-01T00:00:00Z"}, ann)).fields == ["Note.due"]
    assert (await patch(api, note["id"], {"tags": [OWN_ID]}, ann)).fields == ["Note.tags"]
    assert (await patch(api, note["id"], ["title"], ann)).code == "not_json"


@in_memory
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/merge-patch+json; charset=utf-8", 200),
        ("application/json", 415),
        ("application/json-patch+json", 415),
        ("application/merge-patch+json; charset=latin-1", 415),
    ],
)
async def test_takes_merge_patches_only(api: Api, ann: Person, content_type: str, status: int) -> None:
    note = await api.note(ann)
    assert (await patch(api, note["id"], {"title": "Other"}, ann, Content_Type=content_type)).status == status


@in_memory
async def test_no_other_route_takes_merge_patches(api: Api, ann: Person) -> None:
    assert (await api.post("/notes", NOTE, ann, Content_Type="application/merge-patch+json")).status == 415


@pytest.mark.parametrize(
    ("match", "status"),
    [('"1-000000000000"', 200), ('"9-000000000000", "1-000000000000"', 200), ('"2-000000000000"', 412), ("*", 200)],
)
async def test_patches_the_version_that_was_seen(api: Api, ann: Person, match: str, status: int) -> None:
    note = await api.note(ann)
    assert (await patch(api, note["id"], {"title": "Other"}, ann, If_Match=match)).status == status


async def test_tells_nobody_the_version_of_what_is_not_theirs(api: Api, ann: Person, bob: Person) -> None:
    public, private = await api.note(ann), await api.note(ann, "Private", access="Private")
    for note, status in ((public, 403), (private, 404)):
        answer = await patch(api, note["id"], {"title": "Other"}, bob, If_Match='"9-000000000000"')
        assert answer.status == status


async def test_patches_once_under_one_key(api: Api, ann: Person) -> None:
    note, another = await api.note(ann), await api.note(ann, "Another")
    first = await patch(api, note["id"], {"title": "Other"}, ann, If_Match='"1-000000000000"', **KEY)
    await patch(api, note["id"], {"title": "Third"}, ann)
    again = await patch(api, note["id"], {"title": "Other"}, ann, If_Match='"1-000000000000"', **KEY)
    assert (again.status, again.content, again.headers["Idempotency-Replayed"]) == (200, first.content, "true")
    assert (await patch(api, note["id"], {"title": "Fourth"}, ann, **KEY)).status == 422
    assert (await patch(api, another["id"], {"title": "Other"}, ann, **KEY)).status == 422


async def test_merges_patches_that_meet_into_one_note(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    fields = {"title": "Other", "body": "Other", "status": "Doing", "access": "Private"}
    answers = await asyncio.gather(*(patch(api, note["id"], {name: fields[name]}, ann) for name in fields))
    assert [answer.status for answer in answers] == [200] * 4
    present = (await api.get(f"/notes/{note['id']}", ann)).content
    assert (present, present["version"]) == ({**present, **fields}, 5)


async def test_of_patches_of_one_version_one_wins(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    titles = ("One", "Two", "Three")
    answers = await asyncio.gather(
        *(patch(api, note["id"], {"title": title}, ann, If_Match='"1-000000000000"') for title in titles)
    )
    assert sorted(answer.status for answer in answers) == [200, 412, 412]
