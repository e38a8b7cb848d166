"""Random histories give the same answers in every plugin, of which memory is the simple model."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from spikes.journal import open_journal
from spikes.journal.errors import JournalError
from spikes.journal.port import (
    AnyOf,
    Append,
    AtLeast,
    AtMost,
    Claim,
    CommandKey,
    Equal,
    HasTerm,
    IndexPart,
    Journal,
    Query,
    RowVersion,
    Sort,
    TextTerm,
)
from spikes.journal.sqlite import SqliteJournal, open_sqlite
from tests.journal.samples import SCHEMAS, append, event, listing, row, store_carefully

IDS = st.sampled_from([f"note|{name}" for name in "abc"])
WORDS = st.sampled_from(["apple", "Äpfel", "pear", "pears", "nut", "ñut", "!"])
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)
SEARCH = st.dictionaries(st.sampled_from(["", "c1", "c2"]), st.tuples(TEXTS, TEXTS), max_size=3)
TERMS = st.lists(st.tuples(st.sampled_from(["tag", "to"]), st.sampled_from("xy")), max_size=3).map(tuple)
NUMBERS = st.none() | st.integers(0, 4)
STATUS = st.none() | st.sampled_from(["New", "Done"])
CLAIMS = st.lists(st.sampled_from([Claim.of("slug", name) for name in "pqr"]), max_size=2).map(tuple)
LISTINGS = st.none() | st.builds(
    listing, SEARCH, created=NUMBERS, due=NUMBERS, title=st.none() | WORDS, status=STATUS, terms=TERMS
)
KEYS = st.none() | st.builds(CommandKey, st.sampled_from(["k1", "k2"]), st.just(b"f"))


@st.composite
def appends(draw: st.DrawFn) -> Append:
    """An append that mostly follows the stream, but not always; `expected` is set when it is run."""
    return append(
        draw(IDS),
        count=draw(st.integers(1, 2)),
        attempt=draw(st.sampled_from("ABCDEFGH")),
        index=draw(LISTINGS),
        take=draw(CLAIMS),
        release=draw(CLAIMS),
        command=draw(KEYS),
        version=draw(st.integers(1, 2)),
    )


def placed(planned: Append, after: int) -> Append:
    """Return the planned append at another place in its stream."""
    numbers = range(after + 1, after + 1 + len(planned.events))
    events = tuple(event(nr, planned.attempt_id) for nr in numbers)
    index = planned.row.index
    moved = row(planned.persistence_id, numbers[-1], index, planned.row.state_version)
    return replace(planned, expected_sequence_nr=after, events=events, row=moved)


CONDITIONS = st.one_of(
    st.builds(Equal, st.sampled_from(["created", "due"]), NUMBERS),
    st.builds(AtLeast, st.just("created"), st.integers(0, 4)),
    st.builds(AtMost, st.just("due"), st.integers(0, 4)),
    st.builds(HasTerm, st.sampled_from(["tag", "to"]), st.sampled_from("xy")),
)
SEARCHED = st.builds(TextTerm, st.lists(WORDS, min_size=1, max_size=2).map(tuple), st.booleans())
QUERIES = st.builds(
    Query,
    st.just("note"),
    where=st.lists(CONDITIONS | st.builds(AnyOf, st.lists(CONDITIONS, max_size=2).map(tuple)), max_size=2).map(tuple),
    text=st.lists(
        st.builds(TextTerm, st.lists(WORDS, min_size=1, max_size=2).map(tuple), st.booleans()), max_size=2
    ).map(tuple),
    sort=st.builds(Sort, st.sampled_from(["created", "due", "title"]), st.booleans()),
    limit=st.integers(1, 3),
    offset=st.integers(0, 2),
)
HISTORIES = st.lists(
    st.lists(st.tuples(appends(), st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1])), min_size=1, max_size=4), max_size=6
)
"""Groups of appends that are asked for at once, each after the last event or next to that."""


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=HISTORIES, queries=st.lists(QUERIES, max_size=4), rebuilt=st.lists(LISTINGS, max_size=3))
def test_memory_and_sqlite_give_the_same_answers(history: Any, queries: list[Query], rebuilt: Any) -> None:
    async def compare() -> None:
        expected = await told(await open_journal("memory:", SCHEMAS), history, queries, rebuilt)
        assert await told_by_sqlite(store_carefully) == expected
        assert await told_by_sqlite(lambda journal: None) == expected

    async def told_by_sqlite(prepare: Callable[[SqliteJournal], None]) -> list[object]:
        with tempfile.TemporaryDirectory() as directory:
            journal = await open_sqlite(f"{directory}/spikes.db", SCHEMAS)
            prepare(journal)
            try:
                answers = await told(journal, history, queries, rebuilt)
                # Rows that were recomputed for events which never came are ahead of them, rightly.
                assert [found for found in await journal.verify() if "which is not there" not in found] == []
                return answers
            finally:
                await journal.close()

    asyncio.run(compare())


async def told(journal: Journal, history: Any, queries: list[Query], rebuilt: Any) -> list[object]:
    """Return all answers of a journal to a history and what is asked afterwards."""
    known = {f"note|{name}": Known(0, 0, None) for name in "abc"}
    answers: list[object] = []
    for group in history:
        asked_for = list(presumed(group, known))
        answers += await asyncio.gather(*(outcome(journal.append(each)) for each in asked_for))
        for pid in known:
            known[pid] = await stored_of(journal, pid, known[pid], asked_for)
    rows = [row(f"note|{'abc'[n]}", nr=2, index=index, version=2) for n, index in enumerate(rebuilt)]
    answers.append(await journal.replace_rows(rows))
    return answers + await asked(journal, known, queries)


class Known(NamedTuple):
    """How far a stream goes, and the row there if it is one of a listed entity."""

    head: int
    version: int
    listing: IndexPart | None


def presumed(group: Any, known: Mapping[str, Known]) -> Iterator[Append]:
    """Place appends of one moment, each as if those before it were stored."""
    known = dict(known)
    for planned, offset in group:
        pid = planned.persistence_id
        before = known[pid]
        asked_for = hinted(placed(planned, max(0, before.head + offset)), before)
        if offset:
            known[pid] = Known(before.head, 0, None)
        else:
            known[pid] = Known(asked_for.sequence_nr, asked_for.row.state_version, asked_for.row.index)
        yield asked_for


async def stored_of(journal: Journal, pid: str, before: Known, asked_for: list[Append]) -> Known:
    stored = await journal.events(pid)
    assert [each.sequence_nr for each in stored] == list(range(1, len(stored) + 1))
    if len(stored) == before.head:
        return before
    last = stored[-1].metadata.attempt_id if stored else ""
    # Which of several rows a stream's end goes with is not asked for: without a known row there is no hint.
    found = [each for each in asked_for if each.persistence_id == pid and each.sequence_nr == len(stored)]
    if len(found) == 1 and found[0].attempt_id == last:
        return Known(len(stored), found[0].row.state_version, found[0].row.index)
    return Known(len(stored), 0, None)


def hinted(planned: Append, before: Known) -> Append:
    """Add a hint: the parts that differ from what is believed to be stored, and what that is."""
    if planned.row.index is None or before.listing is None or planned.expected_sequence_nr != before.head:
        return planned
    old, new = before.listing.search, planned.row.index.search
    changed = frozenset(part for part in old.keys() | new.keys() if old.get(part) != new.get(part))
    index = replace(planned.row.index, changed=changed, base=RowVersion(before.head, before.version))
    return replace(planned, row=replace(planned.row, index=index))


async def asked(journal: Journal, pids: Iterable[str], queries: list[Query]) -> list[object]:
    answers: list[object] = [await journal.stream(), await journal.persistence_ids()]
    for pid in pids:
        answers += [await journal.load(pid, version) for version in (1, 2)]
        answers.append(await journal.load(pid, 1, to=1))
    for query in queries:
        page = await journal.query(query)
        answers += [page, await journal.count(query)]
        if page.next is not None:
            answers.append(await journal.query(replace(query, after=page.next)))
    answers += [await journal.holder(Claim.of("slug", name)) for name in "pqr"]
    answers += [await journal.command(key, 1_000) for key in ("k1", "k2")]
    answers += [await journal.stale_rows("note", 2, 9), await journal.total("note", "due")]
    for status in (None, "New", "Done"):  # by status alone it is kept, by due it is not
        whose = (Equal("status", status),)
        answers.append(await journal.term_counts(Query("note", whose), "tag"))
        answers.append(await journal.term_counts(Query("note", (*whose, Equal("due", 1))), "tag"))
    answers.append((await journal.statistics()).listed)
    return answers


async def outcome(append: Awaitable[object]) -> object:
    try:
        return await append
    except JournalError as error:
        return type(error), str(error)
