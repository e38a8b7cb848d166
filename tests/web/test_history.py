"""What a note was, over HTTP: its history, and its versions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.abilities import in_memory
from tests.web.conftest import Answer, Api, Person

NOW, LATER = "2026-11-23T10:00:00.000Z", "2026-11-23T10:00:01.000Z"


async def change(api: Api, who: Person, note: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Change a note, a second later."""
    api.clock.pass_by(seconds=1)
    answer = await api.put("/notes", {**note, **fields}, who)
    assert answer.status == 200
    return dict(answer.content)


async def history(api: Api, note: dict[str, Any], who: Person | None = None, query: str = "") -> Answer:
    return await api.get(f"/notes/{note['id']}/history{query}", who)


async def version(api: Api, note: dict[str, Any], query: str, who: Person | None = None) -> Answer:
    return await api.get(f"/notes/{note['id']}?{query}", who)


async def test_tells_what_was_changed_newest_first(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    await change(api, ann, note, title="Other", due=None)
    newest, oldest = (await history(api, note)).content
    changes = {"title": ["A note", "Other"]}
    entry = {"version": 2, "type": "note-updated", "time": LATER, "who": ann.id, "changes": changes}
    assert newest == entry
    assert (oldest["version"], oldest["type"], oldest["time"]) == (1, "note-created", NOW)
    assert oldest["changes"]["title"] == [None, "A note"]


async def test_tells_of_comments_and_relations(api: Api, ann: Person, bob: Person) -> None:
    note, other = await api.note(ann), await api.note(ann, "Other")
    said = await api.post(f"/notes/{note['id']}/comments", {"title": "Hm", "body": ""}, bob)
    await api.put(f"/notes/{note['id']}/relations/{other['id']}", {"title": "blocks"}, ann)
    related, commented, _ = (await history(api, note, ann)).content
    comment = said.content["comments"][0]
    assert commented["who"] == bob.id
    assert commented["changes"] == {f"comments.{comment['id']}": [None, comment]}
    assert related["changes"] == {f"relations.{other['id']}": [None, "blocks"]}


async def test_leads_through_all_pages(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    for number in range(4):
        await change(api, ann, note, title=f"{number}")
    seen, following, pages = [], f"/notes/{note['id']}/history?limit=2", 0
    while following:
        answer = await api.get(following)
        seen += [each["version"] for each in answer.content]
        following, pages = answer.headers.get("Link", "")[1:].partition(">")[0], pages + 1
    assert (seen, pages) == ([5, 4, 3, 2, 1], 3)


async def test_ends_a_last_page_that_is_full(api: Api, ann: Person) -> None:
    note = await change(api, ann, await api.note(ann), title="Other")
    assert "Link" not in (await history(api, note, query="?limit=2")).headers


@in_memory
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=x", "version=1", "zzz=1"])
async def test_names_bad_parameters(api: Api, ann: Person, query: str) -> None:
    answer = await history(api, await api.note(ann), query=f"?{query}")
    assert (answer.status, answer.code) == (400, "bad_query")


async def test_is_as_private_as_the_note(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann, body="Secret", access="Private")
    for who in (None, bob):
        assert (await history(api, note, who)).status == 404
        assert (await version(api, note, "version=1", who)).status == 404
    await change(api, ann, note, body="Open", access="Public")
    for who in (None, bob):
        (only,) = (await history(api, note, who)).content
        assert (only["version"], only["changes"]["body"]) == (2, [None, "Open"])
        assert (await version(api, note, "version=1", who)).status == 404
        assert (await version(api, note, f"as_of={NOW}", who)).status == 404
        assert (await version(api, note, "version=2", who)).content["body"] == "Open"
    assert len((await history(api, note, ann)).content) == 2
    assert (await version(api, note, "version=1", ann)).content == note


async def test_tells_nothing_of_what_is_in_the_trash(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    await api.delete(f"/notes/{note['id']}", ann)
    assert (await history(api, note, ann)).status == 404
    assert (await version(api, note, "version=1", ann)).status == 404


async def test_shows_a_removed_comment_to_its_writer_alone(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann)
    said = (await api.post(f"/notes/{note['id']}/comments", {"title": "Hm", "body": "Oops"}, bob)).content
    await api.delete(f"/notes/{note['id']}/comments/{said['comments'][0]['id']}", bob)
    for who, body in ((bob, "Oops"), (ann, None), (None, None)):
        assert (await version(api, note, "version=2", who)).content["comments"][0]["body"] == body
        assert ("Oops" in str((await history(api, note, who)).content)) == (body is not None)


async def test_shows_every_version(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    changed = await change(api, ann, note, title="Other")
    assert (await version(api, note, "version=1")).content == note
    assert (await version(api, note, "version=2")).content == changed
    assert (await api.get(f"/notes/{note['slug']}?version=1")).content == note
    assert (await version(api, note, "version=3")).status == 404


async def test_shows_the_note_as_of_a_time(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    changed = await change(api, ann, note, title="Other")
    assert (await version(api, note, f"as_of={NOW}")).content == note
    assert (await version(api, note, "as_of=2026-11-23T10:00:00.999Z")).content == note
    assert (await version(api, note, f"as_of={LATER}")).content == changed
    assert (await version(api, note, "as_of=2027-01-01T00:00")).content == changed
    assert (await version(api, note, "as_of=2026-11-23T09:59:59.999Z")).status == 404


@in_memory
@pytest.mark.parametrize(
    "query", ["version=0", "version=x", "version=-1", "as_of=yesterday", "as_of=", f"version=1&as_of={NOW}", "zzz=1"]
)
async def test_names_bad_versions_and_times(api: Api, ann: Person, query: str) -> None:
    answer = await version(api, await api.note(ann), query)
    assert (answer.status, answer.code) == (400, "bad_query")
    assert query.partition("=")[0] in answer.content["message"]


async def test_knows_a_version_that_was_shown_until_a_comment_goes(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    said = (await api.post(f"/notes/{note['id']}/comments", {"title": "Hm", "body": ""}, ann)).content
    seen = (await version(api, note, "version=2")).headers["ETag"]
    path = f"/notes/{note['id']}?version=2"
    assert (await api.get(path, If_None_Match=seen)).status == 304
    await api.delete(f"/notes/{note['id']}/comments/{said['comments'][0]['id']}", ann)
    assert (await api.get(path, If_None_Match=seen)).status == 200
