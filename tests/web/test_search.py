"""Search over HTTP: what is found, in which order, and what is shown of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from spikes.journal.port import RANKED, TextTerm
from spikes.web.search_text import parse
from tests.abilities import in_memory
from tests.web.conftest import Answer, Api, Person

prefix, phrase, ranking = (pytest.mark.needs(ability) for ability in ("prefix", "phrase", "ranking"))


async def search(api: Api, text: str, who: Person | None = None, more: str = "", path: str = "/notes") -> Answer:
    answer = await api.get(f"{path}?q={quote(text)}{more}", who)
    assert answer.status == 200
    return answer


async def found(api: Api, text: str, who: Person | None = None, more: str = "") -> list[str]:
    return [note["title"] for note in (await search(api, text, who, more)).content]


@pytest.fixture
async def fruit(api: Api, ann: Person) -> dict[str, dict[str, Any]]:
    """Three notes about fruit."""
    texts = {
        "Äpfel": "Aus Zürich, rot und süß",
        "Pears": "Pears, pears! Sweeter than apples.",
        "Basket": "An apple, a pear; more pears",
    }
    notes = {}
    for title, body in texts.items():
        api.clock.pass_by(seconds=1)
        notes[title] = await api.note(ann, title=title, body=body)
    return notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apfel", {"Äpfel"}),
        ("ZURICH", {"Äpfel"}),
        ("äPFEL zurich", {"Äpfel"}),
        ("apfel pears", set()),
        pytest.param("appl*", {"Pears", "Basket"}, marks=prefix),
        pytest.param("app*", {"Pears", "Basket"}, marks=prefix),
        pytest.param('"more pears"', {"Basket"}, marks=phrase),
        pytest.param('"pears more"', set(), marks=phrase),
        pytest.param('"more pea"*', {"Basket"}, marks=[phrase, prefix]),
        ("pear", {"Basket"}),
        ("a-pear", {"Basket"}),
        ('"apple', {"Basket"}),
    ],
)
@pytest.mark.usefixtures("fruit")
async def test_finds_words_beginnings_and_phrases(api: Api, text: str, expected: set[str]) -> None:
    assert set(await found(api, text)) == expected


@ranking
@pytest.mark.usefixtures("fruit")
async def test_ranks_the_best_first(api: Api) -> None:
    assert await found(api, "pears") == ["Pears", "Basket"]
    assert await found(api, "pears", more="&sort=relevance") == ["Pears", "Basket"]
    assert await found(api, "pears", more="&sort=-created") == ["Basket", "Pears"]
    assert await found(api, "pears", more="&sort=title") == ["Basket", "Pears"]


async def test_of_equals_the_newest_is_first(api: Api, ann: Person) -> None:
    for number in range(3):
        api.clock.pass_by(seconds=1)
        await api.note(ann, title=f"Same {number}", body="word")
    assert await found(api, "word") == ["Same 2", "Same 1", "Same 0"]


@pytest.mark.parametrize(
    "sort", ["", *(pytest.param(f"&sort={order}", marks=ranking) for order in ("title", "-updated", "due"))]
)
async def test_leads_through_all_pages(api: Api, ann: Person, sort: str) -> None:
    for number in range(5):
        await api.note(ann, title=f"Word {number}", body="word " * (number % 3 + 1), tags=[])
    whole, following, seen = await found(api, "word", more=sort), f"/notes?q=word&limit=2{sort}", []
    while following:
        answer = await api.get(following)
        seen += [note["title"] for note in answer.content]
        following = answer.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert seen == whole
    assert len(whole) == 5


@pytest.mark.usefixtures("fruit")
async def test_shows_where_the_words_stand(api: Api) -> None:
    notes = {note["title"]: note["highlights"] for note in (await search(api, "pears")).content}
    assert notes["Pears"]["title"] == ["\2Pears\3"]
    assert notes["Pears"]["body"] == ["\2Pears\3, \2pears\3! Sweeter than apples."]
    assert notes["Basket"] == {"body": ["An apple, a pear; more \2pears\3"]}


@prefix
@pytest.mark.usefixtures("fruit")
async def test_shows_where_the_beginnings_stand(api: Api) -> None:
    notes = {note["title"]: note["highlights"] for note in (await search(api, "app* pears")).content}
    assert notes["Pears"]["body"] == ["\2Pears\3, \2pears\3! Sweeter than \2apples\3."]
    assert notes["Basket"] == {"body": ["An \2apple\3, a pear; more \2pears\3"]}


@pytest.mark.usefixtures("fruit")
async def test_shows_accents_as_they_were_written(api: Api) -> None:
    (note,) = (await search(api, "zurich apfel")).content
    assert note["highlights"] == {"title": ["\2Äpfel\3"], "body": ["Aus \2Zürich\3, rot und süß"]}


@pytest.mark.usefixtures("fruit")
async def test_has_highlights_only_with_a_text(api: Api) -> None:
    assert all("highlights" not in note for note in (await api.get("/notes")).content)


async def test_private_notes_are_found_by_their_owner_alone(api: Api, ann: Person, bob: Person) -> None:
    await api.note(ann, title="Secret", body="word", access="Private")
    await api.note(bob, title="Bob's", body="word")
    assert await found(api, "word") == ["Bob's"]
    assert await found(api, "word", bob) == ["Bob's"]
    assert set(await found(api, "word", ann)) == {"Secret", "Bob's"}
    mine = await search(api, "word", ann, path="/notes/mine")
    assert [note["title"] for note in mine.content] == ["Secret"]


async def test_what_became_private_is_lost_at_once(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann, title="Open", body="word")
    assert await found(api, "word", bob) == ["Open"]
    await api.put("/notes", {**note, "access": "Private"}, ann)
    assert await found(api, "word", bob) == []
    assert await found(api, "word", ann) == ["Open"]


async def test_forgets_notes_in_the_trash(api: Api, ann: Person) -> None:
    note = await api.note(ann, body="word")
    await api.delete(f"/notes/{note['id']}", ann)
    assert await found(api, "word", ann) == []


@pytest.mark.usefixtures("fruit")
async def test_filters_narrow_what_is_found(api: Api, ann: Person, bob: Person) -> None:
    await api.note(bob, title="Bob's", body="pears", status="Doing")
    assert await found(api, "pears", more="&status=Doing") == ["Bob's"]
    assert await found(api, "pears", more=f"&owner={bob.id}") == ["Bob's"]
    assert len(await found(api, "pears", more=f"&owner={ann.id}")) == 2


@in_memory
@pytest.mark.parametrize("text", ["", "   ", "!", "&*", "ab*", "a b*", '"ab"*', "é*", '""', "x" * 501])
async def test_refuses_what_asks_for_nothing_or_too_much(api: Api, text: str) -> None:
    answer = await api.get(f"/notes?q={quote(text)}")
    assert (answer.status, answer.code) == (400, "bad_query")
    assert answer.content["message"].startswith("q must ")


BEGINNINGS = [pytest.param(text, marks=[phrase, prefix]) for text in ("abc*", "äöü*", '"ab c d" abc*')]


@pytest.mark.parametrize("text", ["x" * 500, "a b", *BEGINNINGS])
async def test_takes_texts_within_bounds(api: Api, text: str) -> None:
    await search(api, text)


@in_memory
async def test_relevance_needs_a_text(api: Api) -> None:
    answer = await api.get("/notes?sort=relevance")
    assert (answer.status, answer.code) == (400, "bad_query")
    assert "sort" in answer.content["message"]


@ranking
async def test_says_that_there_is_more_than_it_ranks(api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sqlite_ranked", "memory_query"):
        monkeypatch.setattr(f"spikes.journal.{module}.RANKED", 3)
    for number in range(4):
        await api.note(ann, title=f"{number}", body="word" if number < 3 else "word and more")
    assert (await search(api, "more")).headers.get("X-Search-Truncated") is None
    answer = await search(api, "word")
    assert answer.headers["X-Search-Truncated"] == "true"
    assert {note["title"] for note in answer.content} == {"1", "2", "3"}


@ranking
async def test_exactly_as_many_as_it_ranks_are_all(api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sqlite_ranked", "memory_query"):
        monkeypatch.setattr(f"spikes.journal.{module}.RANKED", 3)
    for number in range(3):
        await api.note(ann, title=f"{number}", body="word")
    assert "X-Search-Truncated" not in (await search(api, "word")).headers


FTS = [
    '"',
    "*",
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    ")",
    "^",
    "-",
    "+",
    "{t_title}",
    ":",
    "scope :",
    "rank",
    "\0",
    "'",
    "ab",
    "word",
]


@pytest.mark.parametrize("text", [" ".join(FTS), *(f"word {odd} word" for odd in FTS if odd != "*"), "word" + "'" * 90])
async def test_no_syntax_breaks_it(api: Api, ann: Person, text: str) -> None:
    await api.note(ann, body="word")
    answer = await api.get(f"/notes?q={quote(text)}")
    assert answer.status in (200, 400)


def read(text: str) -> tuple[TextTerm, ...] | str:
    try:
        return parse(text)
    except ValueError as refused:
        return str(refused)


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.sampled_from(FTS) | st.text(max_size=5), max_size=20).map("".join))
def test_every_text_is_read_or_refused(text: str) -> None:
    terms = read(text)
    if isinstance(terms, str):
        assert terms.startswith("must have ")
    else:
        assert all(word.isalnum() for term in terms for word in term.words)


def test_the_journal_ranks_ten_thousand() -> None:
    assert RANKED == 10_000
