"""Entity tags: reading what one does not have yet, changing only what one has seen."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.web.conditions import etag, is_known, versions
from spikes.web.errors import Problem
from tests.abilities import in_memory
from tests.web.conftest import Api, Person

OLD = '"1-000000000000"'


async def test_tags_a_note_in_every_answer(api: Api, ann: Person) -> None:
    created = await api.post("/notes", {"title": "A note", "body": "Text"}, ann)
    read = await api.get(f"/notes/{created.content['id']}")
    by_slug = await api.get(f"/notes/{created.content['slug']}")
    changed = await api.put("/notes", {**created.content, "title": "Other"}, ann)
    assert created.headers["ETag"] == read.headers["ETag"] == by_slug.headers["ETag"]
    assert read.headers["ETag"] == etag(1, created.content["id"])
    assert changed.headers["ETag"] == etag(2, created.content["id"])
    assert read.headers["Cache-Control"] == "private, no-cache"


async def test_tags_no_users(api: Api, ann: Person) -> None:
    for path in ("/users/me", "/users", f"/users/{ann.id}", "/notes"):
        assert "ETag" not in (await api.get(path, ann)).headers


@pytest.mark.parametrize("known", ["{tag}", "W/{tag}", '"x", {tag}', "*", '"a,b" ,W/{tag}'])
@pytest.mark.parametrize("name", ["id", "slug"])
async def test_repeats_nothing_that_is_known(api: Api, ann: Person, name: str, known: str) -> None:
    note = await api.note(ann)
    tag = (await api.get(f"/notes/{note['id']}")).headers["ETag"]
    answer = await api.get(f"/notes/{note[name]}", If_None_Match=known.format(tag=tag))
    assert (answer.status, answer.content, answer.headers["ETag"]) == (304, None, tag)
    assert "Content-Type" not in answer.headers


async def test_sends_what_has_changed(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    tag = (await api.get(f"/notes/{note['id']}")).headers["ETag"]
    await api.put("/notes", {**note, "title": "Other"}, ann)
    assert (await api.get(f"/notes/{note['id']}", If_None_Match=tag)).status == 200


async def change(api: Api, who: Person, note: dict[str, Any], **headers: str) -> int:
    return (await api.put("/notes", {**note, "title": note["title"] + "!"}, who, **headers)).status


@pytest.mark.parametrize("match", [OLD, '"1-ffffffffffff"', "*", '"7-000000000000", "1-000000000000"', f"{OLD},"])
async def test_changes_the_version_that_was_seen(api: Api, ann: Person, match: str) -> None:
    note = await api.note(ann)
    assert await change(api, ann, note, If_Match=match) == 200
    assert (await api.delete(f"/notes/{note['id']}", ann, If_Match=match.replace('"1-', '"2-'))).status == 200


@pytest.mark.parametrize("match", ['"2-000000000000"', f"W/{OLD}", '"x"', '""', '"2-000000000000", "3-000000000000"'])
async def test_changes_no_other_version(api: Api, ann: Person, match: str) -> None:
    note = await api.note(ann)
    answer = await api.put("/notes", {**note, "title": "Other"}, ann, If_Match=match)
    assert (answer.status, answer.code) == (412, "precondition_failed")
    assert (await api.delete(f"/notes/{note['id']}", ann, If_Match=match)).status == 412
    assert (await api.get(f"/notes/{note['id']}")).content == note


async def test_finds_nothing_rather_than_another_version(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    assert await change(api, ann, {**note, "id": "0SAJWHS03CF2T"}, If_Match=OLD) == 404
    await api.delete(f"/notes/{note['id']}", ann)
    assert await change(api, ann, note, If_Match=OLD) == 404


@in_memory
@pytest.mark.parametrize("header", ["1", OLD + OLD, '"', 'w/"1"', "1-000000000000", '"a" "b"', '"a";"b"'])
async def test_refuses_what_is_no_list_of_tags(api: Api, ann: Person, header: str) -> None:
    note = await api.note(ann)
    answer = await api.put("/notes", note, ann, If_Match=header)
    assert (answer.status, answer.code) == (400, "bad_header")
    assert "If-Match" in answer.content["message"]
    assert (await api.get(f"/notes/{note['id']}", If_None_Match=header)).status == 400


def test_tells_shown_tags_apart() -> None:
    assert etag(3, "note", "tag") != etag(3, "note", "other")
    assert versions(f"{etag(3, 'note', 'tag')}, {etag(4, 'x')}") == [3, 4]
    assert not is_known(etag(3, "note"), etag(4, "note"))


def test_reads_a_long_list_in_one_pass() -> None:
    assert versions(", ".join([OLD] * 1000)) == [1] * 1000
    with pytest.raises(Problem):
        versions(" " * 8000 + "x")
