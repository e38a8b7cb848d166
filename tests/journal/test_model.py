"""Random histories give the same answers in every plugin, of which memory is the simple model."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

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
    Journal,
    Query,
    RowVersion,
    Sort,
    TextTerm,
)
from tests.journal.samples import SCHEMAS, append, event, listing, row

IDS = st.sampled_from([f"note|{name}" for name in "abc"])
WORDS = st.sampled_from(["apple", "Äpfel", "pear", "pears", "nut", "ñut", "!"])
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)
SEARCH = st.dictionaries(st.sampled_from(["", "c1", "c2"]), st.tuples(TEXTS, TEXTS), max_size=3)
TERMS = st.lists(st.tuples(st.sampled_from(["tag", "to"]), st.sampled_from("xy")), max_size=3).map(tuple)
NUMBERS = st.none() | st.integers(0, 4)
CLAIMS = st.lists(st.sampled_from([Claim.of("slug", name) for name in "pqr"]), max_size=2).map(tuple)
LISTINGS = st.none() | st.builds(listing, SEARCH, created=NUMBERS, due=NUMBERS, title=st.none() | WORDS, terms=TERMS)
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
HISTORIES = st.lists(st.tuples(appends(), st.sampled_from([0, 0, 0, 0, -1, 1])), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=HISTORIES, queries=st.lists(QUERIES, max_size=4), rebuilt=st.lists(LISTINGS, max_size=3))
def test_memory_and_sqlite_give_the_same_answers(history: Any, queries: list[Query], rebuilt: Any) -> None:
    async def compare() -> None:
        with tempfile.TemporaryDirectory() as directory:
            memory = await open_journal("memory:", SCHEMAS)
            sqlite = await open_journal(f"sqlite:///{directory}/spikes.db", SCHEMAS)
            try:
                assert await told(memory, history, queries, rebuilt) == await told(sqlite, history, queries, rebuilt)
                # Rows that were recomputed for events which never came are ahead of them, rightly.
                assert [found for found in await sqlite.verify() if "which is not there" not in found] == []
            finally:
                await sqlite.close()

    asyncio.run(compare())


async def told(journal: Journal, history: Any, queries: list[Query], rebuilt: Any) -> list[object]:
    """Return all answers of a journal to a history and what is asked afterwards."""
    heads: defaultdict[str, int] = defaultdict(int)
    answers: list[object] = []
    for planned, offset in history:
        after = max(0, heads[planned.persistence_id] + offset)
        before = RowVersion(heads[planned.persistence_id], planned.row.state_version)
        answer = await outcome(lambda: journal.append(hinted(placed(planned, after), before)))  # noqa: B023
        answers.append(answer)
        stored = await journal.events(planned.persistence_id)
        assert [each.sequence_nr for each in stored] == list(range(1, len(stored) + 1))
        heads[planned.persistence_id] = len(stored)
    rows = [row(f"note|{'abc'[n]}", nr=2, index=index, version=2) for n, index in enumerate(rebuilt)]
    answers.append(await journal.replace_rows(rows))
    return answers + await asked(journal, heads, queries)


def hinted(planned: Append, base: RowVersion) -> Append:
    """Add a hint that is always true: all parts that there may be."""
    if planned.row.index is None:
        return planned
    index = replace(planned.row.index, changed=frozenset(["", "c1", "c2"]), base=base)
    return replace(planned, row=replace(planned.row, index=index))


async def asked(journal: Journal, heads: dict[str, int], queries: list[Query]) -> list[object]:
    answers: list[object] = [await journal.stream(), await journal.persistence_ids()]
    for pid in heads:
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
    return answers


async def outcome(run: Callable[[], Awaitable[object]]) -> object:
    try:
        return await run()
    except JournalError as error:
        return type(error), str(error)
