"""What lists answer on a journal that can do less: an error that names the parameter, or the nearest useful thing."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from spikes.journal.port import TextTerm
from spikes.web.filters import SORTS
from spikes.web.search_text import parse
from tests.journal.plain import PlainJournal
from tests.web.conftest import Answer, Api, Person


@pytest.fixture
def url() -> str:
    return "plain:"


async def refused(api: Api, query: str, who: Person, path: str = "/notes") -> str:
    answer = await api.get(f"{path}?{query}", who)
    assert (answer.status, answer.code) == (400, "unsupported_by_journal")
    return str(answer.content["message"])


async def titles(api: Api, query: str, who: Person | None = None) -> list[str]:
    answer: Answer = await api.get(f"/notes?{query}", who)
    assert answer.status == 200
    return [note["title"] for note in answer.content]


@pytest.mark.parametrize("path", ["/notes", "/notes/mine", "/notes/trash"])
@pytest.mark.parametrize("sort", [each for each in SORTS if each != "-created"])
async def test_an_order_it_lacks_is_named(api: Api, ann: Person, sort: str, path: str) -> None:
    assert (await refused(api, f"sort={sort}&q=word", ann, path)).endswith(f"sort={sort}, but -created")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("appl*", "q with beginnings of words (word*), but whole words"),
        ("a-pear*", "q with beginnings of words (word*), but whole words"),
        ('"more pears"', 'q with "phrases", but the words of one by themselves'),
    ],
)
async def test_a_search_it_lacks_is_named(api: Api, ann: Person, text: str, said: str) -> None:
    assert (await refused(api, f"q={quote(text)}", ann)).endswith(said)


async def test_all_that_it_lacks_is_named_at_once(api: Api, ann: Person) -> None:
    message = await refused(api, f"sort=title&q={quote('ap* ' + chr(34) + 'a b' + chr(34))}".replace("ap", "app"), ann)
    assert [part in message for part in ("sort=title", "word*", '"phrases"')] == [True] * 3


async def test_an_order_that_it_has_is_offered(api: Api, ann: Person) -> None:
    api.journal.capabilities = frozenset({"sort:due"})
    assert (await refused(api, "sort=title", ann)).endswith("sort=title, but -created or due")
    assert (await api.get("/notes?sort=due", ann)).status == 200


async def test_a_search_is_then_the_newest_first(api: Api, ann: Person) -> None:
    for title, body in (("First", "word word"), ("Second", "word"), ("Third", "words")):
        api.clock.pass_by(seconds=1)
        await api.note(ann, title=title, body=body)
    assert await titles(api, "q=word") == ["Second", "First"]
    assert await titles(api, "q=word&sort=-created") == ["Second", "First"]
    first = await api.get("/notes?q=word&limit=1")
    following = first.headers["Link"].partition("<")[2].partition(">")[0]
    assert [note["title"] for note in (await api.get(following)).content] == ["First"]


@pytest.mark.parametrize("text", ["a-pear", '"pear" a', "pear, a!"])
async def test_words_written_together_are_found_one_by_one(api: Api, ann: Person, text: str) -> None:
    await api.note(ann, title="Basket", body="pear, and a nut")
    (note,) = (await api.get(f"/notes?q={quote(text)}")).content
    assert note["highlights"] == {"body": ["\2pear\3, and \2a\3 nut"]}


def test_words_written_together_are_a_phrase_otherwise() -> None:
    assert parse("a-pear") == (TextTerm(("a", "pear")),)
    assert parse("a-pear", phrases=False) == (TextTerm(("a",)), TextTerm(("pear",)))
    assert parse("a-pear*", phrases=False) == (TextTerm(("a",)), TextTerm(("pear",), prefix=True))


async def test_figures_are_approximate_where_there_are_many(api: Api, ann: Person) -> None:
    assert (await api.get("/info")).content["approximate"] is False
    for number in range(PlainJournal.counted):
        await api.note(ann, title=f"Note {number}")
    assert (await api.get("/info")).content["approximate"] is True


async def test_lists_of_its_own_orders_are_as_ever(api: Api, ann: Person) -> None:
    for title in ("b", "a"):
        await api.post("/tags", {"title": title}, ann)
        note = await api.note(ann, title=title)
        api.clock.pass_by(seconds=1)
        await api.delete(f"/notes/{note['id']}", ann)
    assert [tag["title"] for tag in (await api.get("/tags")).content] == ["a", "b"]
    assert [note["title"] for note in (await api.get("/notes/trash", ann)).content] == ["a", "b"]


@pytest.mark.parametrize(("first", "status"), [(10_000, 200), (10_001, 400)])
async def test_users_are_listed_from_so_far_at_the_farthest(api: Api, first: int, status: int) -> None:
    assert (await api.get(f"/users?start={first}")).status == status
