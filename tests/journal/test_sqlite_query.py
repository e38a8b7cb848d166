"""How SQLite reads lists: along indexes, and never more of them than a page is worth."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence

import apsw
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from spikes.domain.note.response import NOTE_ROWS, ORDERS
from spikes.journal.memory_query import select
from spikes.journal.port import (
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    EntityRow,
    Equal,
    HasTerm,
    IndexPart,
    Page,
    Query,
    Sort,
    TextTerm,
)
from spikes.journal.sqlite import SqliteJournal, open_sqlite
from spikes.journal.sqlite_query import page
from spikes.journal.sqlite_walks import branches
from spikes.journal.words import has_words
from tests.journal.samples import all_ids

PUBLIC, PRIVATE, LIVE = Equal("access", "Public"), Equal("access", "Private"), Equal("trashed", None)
MINE = Equal("owner", "ann")
ANY = AnyOf((PUBLIC, PRIVATE))
OWN: tuple[Condition, ...] = (MINE, LIVE, ANY)
VISIBLE: tuple[Condition, ...] = (AnyOf((PUBLIC, MINE)), LIVE, ANY)
LISTS = {"own": OWN, "visible": VISIBLE, "public": (PUBLIC, LIVE, ANY)}
RED = HasTerm("tag", "red")
COUNT = 60


def note(number: int) -> EntityRow:
    """Return a row that shares each of its values with some others."""
    columns: dict[str, str | int | None] = {
        "owner": "ann" if number % 3 else "bob",
        "access": "Public" if number % 2 else "Private",
        "status": "Done" if number % 20 == 0 else "New",
        "created": number // 2,
        "updated": -number,
        "due": number % 7 or None,
        "title": str(number % 10),
        "trashed": 5 if number % 11 == 0 else None,
    }
    terms = (("tag", "red"),) if number % 15 == 1 else ()
    search = {"": (f"word {number}", "word " * (number % 4)), "c": ("", "comment")}
    return EntityRow(f"note|{number:03}", 1, 1, IndexPart(columns, b"{}", terms, search), None)


@pytest.fixture
async def notes(path: str) -> AsyncIterator[SqliteJournal]:
    journal = await open_sqlite(path, [NOTE_ROWS])
    await journal.replace_rows([note(number) for number in range(COUNT)])
    yield journal
    await journal.close()


@pytest.fixture
def db(path: str, notes: SqliteJournal) -> Iterator[apsw.Connection]:
    """Another connection, whose statements a test can look at."""
    connection = apsw.Connection(path)
    yield connection
    connection.close()


def expected(holds: Sequence[Condition], sort: Sort) -> list[str]:
    """Return what a list has, by the plain meaning of the port."""
    query = Query("note", tuple(holds), sort=sort)
    return [row.persistence_id.removeprefix("note|") for _, row in select(map(note, range(COUNT)), query)]


def plans(db: apsw.Connection, query: Query) -> list[str]:
    """Return how SQLite finds what each statement of a page reads."""
    traced: list[tuple[str, object]] = []
    db.exec_trace = lambda _, sql, values: traced.append((sql, values)) or True  # type: ignore[func-returns-value]
    page(db, query, NOTE_ROWS)
    db.exec_trace = None
    reads = [(sql, values) for sql, values in traced if sql.lstrip().startswith("SELECT")]
    return [row[3] for sql, values in reads for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]  # type: ignore[arg-type]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", LISTS)
async def test_lists_are_read_in_the_order_of_an_index(
    db: apsw.Connection, name: str, order: str, descending: bool
) -> None:
    query = Query("note", LISTS[name], sort=Sort(order, descending), limit=5)
    for asked in (query, replace_after(query, page(db, query, NOTE_ROWS))):
        found = plans(db, asked)
        assert not [step for step in found if "TEMP B-TREE" in step or step.startswith("SCAN r")]
        assert [step for step in found if "USING COVERING INDEX note_rows_by-" in step]


def replace_after(query: Query, first: Page) -> Query:
    """Return the query of the second page."""
    return replace(query, after=first.next)


FILTERS: dict[str, tuple[Condition, ...]] = {
    "nothing": (),
    "status": (Equal("status", "Done"),),
    "tag": (RED,),
    "tag and status": (RED, Equal("status", "New")),
    "two tags": (RED, HasTerm("tag", "blue")),
    "owner": (Equal("owner", "bob"),),
    "access": (PRIVATE,),
    "due": (AtLeast("due", 2), AtMost("due", 3)),
}


@pytest.mark.parametrize("sort", [Sort("created", True), Sort("due"), Sort("title", True)])
@pytest.mark.parametrize("filtered", FILTERS)
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(("sortable", "looked_at"), [(5000, 2000), (5000, 4), (0, 4)])
async def test_every_way_gives_the_same_list(
    notes: SqliteJournal,
    name: str,
    filtered: str,
    sort: Sort,
    sortable: int,
    looked_at: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for limit, value in {"SORTABLE": sortable, "LOOKED_AT": looked_at}.items():
        monkeypatch.setattr(f"spikes.journal.sqlite_walks.{limit}", value)
    holds = (*LISTS[name], *FILTERS[filtered])
    assert await all_ids(notes, where=holds, sort=sort, limit=3) == expected(holds, sort)


async def test_a_page_that_finds_too_little_ends_early(notes: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, value in {"SORTABLE": 0, "LOOKED_AT": 2}.items():
        monkeypatch.setattr(f"spikes.journal.sqlite_walks.{limit}", value)
    first = await notes.query(Query("note", (*OWN, RED), limit=3))
    assert len(first.rows) < 3
    assert first.next is not None


def test_branches_that_cannot_hold_or_add_nothing_are_left_out() -> None:
    assert branches(VISIBLE) == [(LIVE, PUBLIC), (LIVE, MINE, PRIVATE)]
    assert branches((*VISIBLE, PRIVATE)) == [(LIVE, PRIVATE, MINE)]
    assert branches((PUBLIC, PRIVATE)) == []


async def test_the_best_of_equals_was_stored_last(notes: SqliteJournal) -> None:
    found = await all_ids(notes, where=(MINE, LIVE), text=(TextTerm(("comment",)),), sort=None, limit=7)
    assert found == sorted(found, reverse=True)
    assert sorted(found) == sorted(expected((MINE, LIVE), Sort("created")))


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_a_search_in_scope_finds_no_others(notes: SqliteJournal, limit: int) -> None:
    for holds in LISTS.values():
        found = await all_ids(notes, where=holds, text=(TextTerm(("word",)),), sort=None, limit=limit)
        assert sorted(found) == sorted(expected(holds, Sort("created")))


async def test_common_words_are_found_across_parts(notes: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikes.journal.sqlite_ranked.RANKED", 10)
    rare_and_common = (TextTerm(("33",)), TextTerm(("comment",)))
    assert await all_ids(notes, text=rare_and_common, sort=None) == ["033"]
    assert not (await notes.query(Query("note", text=rare_and_common, sort=None))).truncated


@pytest.mark.parametrize(("most", "truncated"), [(COUNT, False), (COUNT - 1, True)])
async def test_a_search_says_what_it_left_out(
    notes: SqliteJournal, most: int, truncated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikes.journal.sqlite_ranked.RANKED", most)
    found = await notes.query(Query("note", text=(TextTerm(("word",)),), sort=Sort("created"), limit=200))
    assert (len(found.rows), found.truncated) == (most, truncated)
    assert found.rows[0].persistence_id == ("note|001" if truncated else "note|000")


@pytest.mark.parametrize("order", ORDERS)
async def test_many_found_are_sorted_along_an_index(
    notes: SqliteJournal, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, value in {"ranked.SORTABLE": 0, "walks.LOOKED_AT_AMONG": 12}.items():
        monkeypatch.setattr(f"spikes.journal.sqlite_{limit}", value)
    for holds in (*LISTS.values(), (*VISIBLE, Equal("status", "Done")), (*VISIBLE, RED)):
        found = await all_ids(notes, where=holds, text=(TextTerm(("word",)),), sort=Sort(order), limit=4)
        assert found == expected(holds, Sort(order))


@pytest.mark.parametrize(("few", "piece", "pieces"), [(0, 10_000, 4), (30, 7, 40), (2 * COUNT, 1, 2), (0, 25, 4)])
async def test_few_and_many_parts_are_found_alike(
    notes: SqliteJournal, few: int, piece: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_search(monkeypatch, COUNT, FEW=few, PIECE=piece, PIECES=pieces)
    for holds in (*LISTS.values(), (*OWN, RED), (*VISIBLE, Equal("status", "Done"))):
        found = await all_ids(notes, where=holds, text=(TextTerm(("comment",)), TextTerm(("word",))), sort=None)
        assert sorted(found) == sorted(expected(holds, Sort("created")))


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize("most", [1, 6, 7, 12, 26, 27, 28])
async def test_the_newest_are_found_piece_by_piece(
    notes: SqliteJournal, most: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_search(monkeypatch, most, FEW=0, PIECE=piece, PIECES=5)
    page = await notes.query(Query("note", (PUBLIC, LIVE), (TextTerm(("word",)),), sort=None, limit=COUNT))
    newest = expected((PUBLIC, LIVE), Sort("created", descending=True))
    assert {row.persistence_id.removeprefix("note|") for row in page.rows} == set(newest[:most])
    assert page.truncated is (most < len(newest))


def let_search(monkeypatch: pytest.MonkeyPatch, most: int, **limits: int) -> None:
    """Rank so many of the newest at most, and read parts within these limits."""
    for limit in ("RANKED", "LOOKED_AT"):
        monkeypatch.setattr(f"spikes.journal.sqlite_ranked.{limit}", most)
    for limit, value in limits.items():
        monkeypatch.setattr(f"spikes.journal.sqlite_parts.{limit}", value)


def renewed(number: int, title: str) -> EntityRow:
    """Return the next row of a note, with another title."""
    before = note(number)
    assert before.index is not None
    return replace(before, sequence_nr=2, index=replace(before.index, search={"": (title, "")}))


@pytest.mark.parametrize(("gone_through", "found"), [(COUNT, 9), (10, 2)])
async def test_a_phrase_is_looked_for_in_the_newest_parts(
    notes: SqliteJournal, gone_through: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ["cat dog" if number % 7 == 3 else "dog cat" for number in range(COUNT)]
    await notes.replace_rows([renewed(number, title) for number, title in enumerate(titles)])
    monkeypatch.setattr("spikes.journal.sqlite_parts.GONE_THROUGH", gone_through)
    page = await notes.query(Query("note", text=(TextTerm(("cat", "dog")),), sort=None))
    assert (len(page.rows), page.truncated) == (found, gone_through < COUNT)


async def test_what_moves_to_another_scope_is_found_there(notes: SqliteJournal) -> None:
    index = note(1).index
    assert index is not None
    hinted = IndexPart({**index.columns, "owner": "eve"}, b"{}", search=index.search, changed=frozenset())
    await notes.replace_rows([EntityRow("note|001", 2, 1, hinted, None)])
    assert await all_ids(notes, where=(Equal("owner", "eve"),), text=(TextTerm(("comment",)),), sort=None) == ["001"]


LONG = {"apple": "a", "apples": "b", "Äpplet": "c", "applied": "d", "appendix": "e", "ape": "f"}


@pytest.mark.parametrize("most", [128, 3, 2, 0])
@pytest.mark.parametrize(("prefix", "expected"), [("appl", "abcd"), ("apple", "abc"), ("app", "abcde"), ("applx", "")])
async def test_long_beginnings_find_as_short_ones_do(
    notes: SqliteJournal, prefix: str, expected: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikes.journal.sqlite_prefixes.MOST_WORDS", most)
    rows = [IndexPart({}, b"{}", search={"": (word, "")}) for word in LONG]
    names = [f"note|{name}" for name in LONG.values()]
    await notes.replace_rows([EntityRow(name, 1, 1, index, None) for name, index in zip(names, rows, strict=True)])
    for sort in (None, Sort("created")):
        found = await all_ids(notes, text=(TextTerm((prefix,), prefix=True),), sort=sort)
        assert sorted(found) == list(expected)


ODD = st.sampled_from(
    ['"', "*", "AND", "OR", "NOT", "NEAR(a b)", ")", "^", "-", "{t_title}", ":", "\0", "word", "scope"]
)
TERMS = st.builds(TextTerm, st.lists(ODD | st.text(max_size=6), min_size=1, max_size=6).map(tuple), st.booleans())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=st.lists(TERMS, max_size=8).map(tuple), sort=st.sampled_from([None, Sort("title")]))
def test_no_text_breaks_or_holds_up_a_search(
    db: apsw.Connection, terms: tuple[TextTerm, ...], sort: Sort | None
) -> None:
    began = time.process_time()
    found = page(db, Query("note", VISIBLE, terms, sort or Sort("created")), NOTE_ROWS)
    if any(has_words(term.words) for term in terms):
        assert page(db, Query("note", VISIBLE, terms, None, limit=200), NOTE_ROWS).truncated is False
    assert len(found.rows) <= COUNT
    assert time.process_time() - began < 1
