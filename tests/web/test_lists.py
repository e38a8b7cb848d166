"""Lists of notes over HTTP: what they hold, and how they are paged."""

from __future__ import annotations

import pytest

from spikes.journal.port import Cursor
from spikes.web.errors import Problem
from spikes.web.paging import read_cursor, write_cursor
from tests.web.conftest import Answer, Api, Person

ITEM = [
    *("id", "owner", "title", "body", "slug", "due", "status", "access", "tags", "commentCount"),
    *("created", "updated", "version", "trashed"),
]


def titles(answer: Answer) -> list[str]:
    assert answer.status == 200
    return [note["title"] for note in answer.content]


async def write(api: Api, who: Person, count: int) -> None:
    for number in range(count):
        api.clock.pass_by(seconds=1)
        await api.note(who, title=f"{number}", access="Private" if number % 2 else "Public")


async def test_lists_the_own_notes_newest_first(api: Api, ann: Person, bob: Person) -> None:
    await write(api, ann, 3)
    await api.note(bob, title="Bob's")
    answer = await api.get("/notes/mine", ann)
    assert titles(answer) == ["2", "1", "0"]
    assert [list(note) for note in answer.content] == [ITEM] * 3
    assert "Link" not in answer.headers


async def test_lists_public_notes_and_the_own_ones(api: Api, ann: Person, bob: Person) -> None:
    await write(api, ann, 3)
    await api.note(bob, title="Bob's", access="Private")
    assert titles(await api.get("/notes")) == ["2", "0"]
    assert titles(await api.get("/notes", ann)) == ["2", "1", "0"]
    assert titles(await api.get("/notes", bob)) == ["Bob's", "2", "0"]


@pytest.mark.parametrize("path", ["/notes", "/notes/mine"])
async def test_leads_through_all_pages(api: Api, ann: Person, path: str) -> None:
    await write(api, ann, 5)
    seen, following = [], f"{path}?limit=2"
    while following:
        answer = await api.get(following, ann)
        seen += titles(answer)
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        following = link.partition("<")[2].partition(">")[0]
    assert seen == ["4", "3", "2", "1", "0"]


async def test_keeps_its_place_while_notes_are_written(api: Api, ann: Person) -> None:
    await write(api, ann, 4)
    link = (await api.get("/notes/mine?limit=2", ann)).headers["Link"]
    await api.note(ann, title="Newer")
    assert titles(await api.get(link[1:].partition(">")[0], ann)) == ["1", "0"]


async def test_lists_fifty_unless_told(api: Api, ann: Person) -> None:
    await write(api, ann, 51)
    assert len(titles(await api.get("/notes/mine", ann))) == 50
    assert len(titles(await api.get("/notes/mine?limit=200", ann))) == 51


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=-1", "limit=1.5", "limit=", "limit=²", "q2=x"])
@pytest.mark.parametrize("path", ["/notes", "/notes/mine"])
async def test_names_bad_parameters(api: Api, ann: Person, path: str, query: str) -> None:
    answer = await api.get(f"{path}?{query}", ann)
    assert (answer.status, answer.code) == (400, "bad_query")
    assert query.partition("=")[0] in answer.content["message"]


async def test_names_all_bad_parameters_at_once(api: Api) -> None:
    answer = await api.get("/notes?limit=0&zzz=1&cursor=a&cursor=b")
    assert answer.content["message"] == (
        "limit must be a whole number from 1 to 200, not '0'; "
        "unknown query parameter 'zzz'; cursor must be given once, not 2 times"
    )


@pytest.mark.parametrize(("low", "high"), [(1, 200)])
async def test_takes_limits_within_bounds(api: Api, low: int, high: int) -> None:
    assert (await api.get(f"/notes?limit={low}")).status == 200
    assert (await api.get(f"/notes?limit={high}")).status == 200


async def test_refuses_a_changed_cursor(api: Api, ann: Person) -> None:
    await write(api, ann, 2)
    link = (await api.get("/notes/mine?limit=1", ann)).headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    assert (await api.get(f"/notes/mine?cursor={cursor}", ann)).status == 200
    for changed in ("", "x", cursor + "A", cursor[:-1], "A" + cursor[1:], "ä", cursor[:20]):
        answer = await api.get(f"/notes/mine?cursor={changed}", ann)
        assert (answer.status, answer.code) == (400, "bad_query")
        assert "cursor" in answer.content["message"]


@pytest.mark.parametrize("value", [0, -1, 2**62, "text", None])
def test_reads_the_cursor_it_wrote(value: str | int | None) -> None:
    cursor = Cursor(value, "note|0SAJWHS03CF2T")
    assert read_cursor("/notes", write_cursor("/notes", cursor)) == cursor


def test_takes_no_cursor_of_another_list() -> None:
    with pytest.raises(Problem):
        read_cursor("/notes/mine", write_cursor("/notes", Cursor(1, "note|0SAJWHS03CF2T")))
