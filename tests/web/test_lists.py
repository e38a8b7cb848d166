"""Lists of notes over HTTP: what they hold, and how they are paged."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.journal.port import Append, Cursor, EntityRow, IndexPart, Metadata, StoredEvent
from spikes.web.errors import Problem
from spikes.web.paging import read_cursor, write_cursor
from tests.abilities import in_memory
from tests.web.conftest import Answer, Api, Person

DAYS = 24 * 60 * 60
ITEM = [
    *("id", "owner", "title", "body", "slug", "due", "status", "access", "tags", "commentCount"),
    *("created", "updated", "version", "trashed"),
]


by_title, by_due = pytest.mark.needs("sort:title"), pytest.mark.needs("sort:due")
ORDERS = [
    "-created",
    pytest.param("-updated", marks=pytest.mark.needs("sort:updated")),
    pytest.param("due", marks=by_due),
    pytest.param("title", marks=by_title),
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


async def pages(api: Api, path: str, who: Person | None) -> list[str]:
    """Return the titles of all pages, from the first on."""
    seen, following = [], path
    while following:
        answer = await api.get(following, who)
        seen += titles(answer)
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        following = link.partition("<")[2].partition(">")[0]
    return seen


@pytest.mark.parametrize("path", ["/notes", "/notes/mine"])
async def test_leads_through_all_pages(api: Api, ann: Person, path: str) -> None:
    await write(api, ann, 5)
    assert await pages(api, f"{path}?limit=2", ann) == ["4", "3", "2", "1", "0"]


@pytest.fixture
async def over_a_year(api: Api, ann: Person) -> Person:
    """Ann, who wrote ten notes, two each two months."""
    who = ann
    for number in range(10):
        api.clock.pass_by(seconds=60 * DAYS if number % 2 == 0 else DAYS // 3)
        who = await api.login("Ann")
        status, access = ("Doing", "Public") if number % 3 else ("New", "Private")
        await api.note(who, title=f"{number}", body=f"word{number % 4}", status=status, access=access)
    return who


@pytest.mark.parametrize("partitions", [100, 2])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("/notes/mine?limit=3", "9876543210"),
        ("/notes?limit=1", "9876543210"),
        ("/notes/mine?limit=2&status=New", "9630"),
        ("/notes?limit=2&access=Public", "875421"),
        ("/notes/mine?limit=1&q=word1", "951"),
        ("/notes?limit=1&q=word1&status=Doing", "51"),
    ],
)
async def test_leads_through_notes_written_months_apart(
    api: Api, over_a_year: Person, query: str, expected: str, partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikes.journal.cassandra_query.MOST_PARTITIONS", partitions)
    assert "".join(await pages(api, query, over_a_year)) == expected


async def test_keeps_its_place_while_notes_are_written(api: Api, ann: Person) -> None:
    await write(api, ann, 4)
    link = (await api.get("/notes/mine?limit=2", ann)).headers["Link"]
    await api.note(ann, title="Newer")
    assert titles(await api.get(link[1:].partition(">")[0], ann)) == ["1", "0"]


async def test_lists_fifty_unless_told(api: Api, ann: Person) -> None:
    await write(api, ann, 51)
    assert len(titles(await api.get("/notes/mine", ann))) == 50
    assert len(titles(await api.get("/notes/mine?limit=200", ann))) == 51


@in_memory
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=-1", "limit=1.5", "limit=", "limit=²", "q2=x"])
@pytest.mark.parametrize("path", ["/notes", "/notes/mine"])
async def test_names_bad_parameters(api: Api, ann: Person, path: str, query: str) -> None:
    answer = await api.get(f"{path}?{query}", ann)
    assert (answer.status, answer.code) == (400, "bad_query")
    assert query.partition("=")[0] in answer.content["message"]


@in_memory
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


@in_memory
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


DAY = "2026-12-{:02}T00:00:00.000Z"


@pytest.fixture
async def various(api: Api, ann: Person, bob: Person) -> list[str]:
    """Notes that differ in everything; the ids of two tags."""
    tags = ["0SAJWHS03CF2T", "0SAJWHS03CF2V"]
    for tag in tags:
        event = StoredEvent(1, "tag-created@1", b"{}", Metadata(1, tag))
        row = EntityRow(f"tag|{tag}", 1, 1, IndexPart({}, b"{}"), None)
        await api.journal.append(Append(f"tag|{tag}", 0, (event,), row))
    notes: dict[str, dict[str, Any]] = {
        "C": {"status": "Doing", "due": DAY.format(3), "tags": tags},
        "a": {"status": "Doing", "due": DAY.format(1), "tags": tags[:1], "access": "Private"},
        "B": {"status": "New", "due": DAY.format(2)},
        "d": {"status": "New"},
    }
    for title, fields in notes.items():
        api.clock.pass_by(seconds=1)
        await api.note(ann, title=title, **fields)
    await api.note(bob, title="Bob's", status="Doing", tags=tags[1:])
    return tags


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Bob's", "d", "B", "a", "C"]),
        ("sort=-created", ["Bob's", "d", "B", "a", "C"]),
        pytest.param("sort=title", ["a", "B", "Bob's", "C", "d"], marks=by_title),
        pytest.param("sort=due", ["a", "B", "C", "d", "Bob's"], marks=by_due),
        ("status=Doing", ["Bob's", "a", "C"]),
        pytest.param("status=Doing&sort=title", ["a", "Bob's", "C"], marks=by_title),
        ("access=Private", ["a"]),
        ("access=Public", ["Bob's", "d", "B", "C"]),
        ("due_before=2026-12-02T00:00:00Z", ["a"]),
        ("due_before=2026-12-02T00:00:00.001Z", ["B", "a"]),
        ("due_after=2026-12-02T00:00:00Z", ["C"]),
        ("due_after=2026-12-01&due_before=2026-12-03", None),
        ("due_after=2026-12-01T00:00:00Z&due_before=2026-12-03T00:00:00Z", ["B"]),
        ("status=Blank", []),
    ],
)
@pytest.mark.usefixtures("various")
async def test_filters_and_sorts(api: Api, ann: Person, query: str, expected: list[str] | None) -> None:
    answer = await api.get(f"/notes?{query}", ann)
    assert answer.status == 400 if expected is None else titles(answer) == expected


async def test_filters_by_tags_and_owner(api: Api, ann: Person, bob: Person, various: list[str]) -> None:
    red, blue = various
    assert titles(await api.get(f"/notes?tag={red}", ann)) == ["a", "C"]
    assert titles(await api.get(f"/notes?tag={red}&tag={blue.lower()}", ann)) == ["C"]
    assert titles(await api.get(f"/notes?tag={red}")) == ["C"]
    assert titles(await api.get(f"/notes?owner={bob.id.lower()}", ann)) == ["Bob's"]
    assert titles(await api.get(f"/notes?owner={ann.id}", bob)) == ["d", "B", "C"]
    assert titles(await api.get(f"/notes/mine?owner={ann.id}", bob)) == []


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("path", ["/notes", "/notes/mine"])
@pytest.mark.usefixtures("various")
async def test_every_order_has_all_pages(api: Api, ann: Person, path: str, sort: str) -> None:
    whole = titles(await api.get(f"{path}?sort={sort}", ann))
    assert await pages(api, f"{path}?limit=1&sort={sort}", ann) == whole


@in_memory
@pytest.mark.parametrize(
    "query",
    [
        *("status=new", "status=", "access=public", "tag=x", "tag=", "owner=me", "due_before=soon", "due_after="),
        *("due_before=2026-12-01", "sort=created", "sort=", "due_after=10000-01-01T00:00:00Z", "sort=relevance"),
    ],
)
@pytest.mark.parametrize("path", ["/notes", "/notes/mine"])
async def test_names_a_bad_filter(api: Api, ann: Person, path: str, query: str) -> None:
    answer = await api.get(f"{path}?{query}", ann)
    assert (answer.status, answer.code) == (400, "bad_query")
    assert answer.content["message"].startswith(query.partition("=")[0])


@in_memory
async def test_takes_twenty_tags_at_most(api: Api) -> None:
    tags = "&".join(["tag=0SAJWHS03CF2T"] * 20)
    assert titles(await api.get(f"/notes?{tags}")) == []
    answer = await api.get(f"/notes?{tags}&tag=0SAJWHS03CF2T")
    assert answer.content["message"] == "tag must be given at most 20 times, not 21 times"


async def test_a_cursor_fits_no_other_query(api: Api, ann: Person) -> None:
    await write(api, ann, 4)
    link = (await api.get("/notes/mine?limit=1&status=New", ann)).headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    assert (await api.get(f"/notes/mine?status=New&cursor={cursor}", ann)).status == 200
    for other in (
        "/notes/mine?",
        "/notes/mine?status=Doing&",
        "/notes?status=New&",
        "/notes/mine?status=New&sort=due&",
    ):
        assert (await api.get(f"{other}cursor={cursor}", ann)).status == 400


async def test_the_trash_is_a_list_like_others(api: Api, ann: Person, bob: Person) -> None:
    await fill_trash(api, ann)
    assert titles(await api.get("/notes/trash", ann)) == ["C", "B", "A"]
    assert titles(await api.get("/notes/trash?status=Doing", ann)) == ["C", "B"]
    assert sorted(titles(await api.get("/notes/trash?q=word", ann))) == ["A", "B", "C"]
    assert titles(await api.get("/notes/trash", bob)) == []


@by_title
async def test_the_trash_is_sorted_like_others(api: Api, ann: Person) -> None:
    await fill_trash(api, ann)
    assert titles(await api.get("/notes/trash?status=Doing&sort=title", ann)) == ["B", "C"]


async def fill_trash(api: Api, who: Person) -> None:
    """Throw three notes away, and keep one."""
    for title, status in {"A": "New", "B": "Doing", "C": "Doing"}.items():
        note = await api.note(who, title=title, body="word", status=status)
        api.clock.pass_by(seconds=1)
        await api.delete(f"/notes/{note['id']}", who)
    await api.note(who, title="Kept", body="word")
