"""The inbox stores what the careful way stores, in one statement, or leaves it to the careful way (rules S1, R2)."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import apsw
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from spikes.journal.errors import DeadlinePassed, SequenceConflict
from spikes.journal.port import (
    Append,
    Appended,
    Claim,
    CommandKey,
    IndexPart,
    Metadata,
    RowVersion,
    Snapshot,
    StoredEvent,
)
from spikes.journal.sqlite import SqliteJournal, open_sqlite
from tests.journal.samples import KEY, SCHEMAS, SLUG, append, listing, row, store_carefully

OTHER = Claim.of("slug", "another")
TITLE = {"": ("Nuts", "and bolts")}


@pytest.fixture
def way() -> str:
    return "by the inbox"


async def together(journal: SqliteJournal, *group: Append) -> list[object]:
    """Store a group; return the answers."""
    return await asyncio.gather(*(journal.append(each) for each in group), return_exceptions=True)


async def statements(journal: SqliteJournal, *group: Append) -> list[str]:
    """Store a group; return how each statement that this took begins."""
    seen: list[str] = []

    def trace(db: apsw.Connection) -> None:
        db.set_exec_trace(lambda cursor, sql, bindings: not seen.append(" ".join(sql.split()[:3])))  # type: ignore[func-returns-value]

    await journal._write(trace)
    seen.clear()
    assert await together(journal, *group) == [Appended(each.sequence_nr) for each in group]
    await journal._write(lambda db: db.set_exec_trace(None))
    return [each for each in seen if each != "BEGIN IMMEDIATE" or seen[0] == each]


def changed(planned: Append, *parts: str) -> Append:
    """Say that only these parts differ from the row before."""
    return based(planned, RowVersion(planned.expected_sequence_nr, planned.row.state_version), *parts)


def based(planned: Append, base: RowVersion, *parts: str) -> Append:
    """Say that only these parts differ from the row at `base`."""
    assert planned.row.index is not None
    index = replace(planned.row.index, changed=frozenset(parts), base=base)
    return replace(planned, row=replace(planned.row, index=index))


NEW = append("note|new", index=listing(TITLE, created=1, terms=(("tag", "x"),)), take=(SLUG, OTHER), command=KEY)
USUAL = {
    "a new note": NEW,
    "a change": changed(append("note|1", 1, index=listing({"": ("Nuts", "only")}, created=1)), ""),
    "no change of text": changed(append("note|1", 1, index=listing(TITLE, created=2))),
    "a part more": changed(append("note|1", 1, index=listing({**TITLE, "c1": ("", "yes")}, created=1)), "c1"),
    "a part less": changed(append("note|1", 1, index=listing({}, created=1)), ""),
    "a removal": append("note|1", 1, release=(Claim.of("slug", "mine"),)),
    "two events": append("note|1", 1, count=2),
    "a kind without text": append("user|1", 1, index=listing()),
    "an undeclared kind": append("cart|1", 1),
}


@pytest.mark.parametrize("what", USUAL)
async def test_s1_usual_appends_take_one_statement(sqlite: SqliteJournal, what: str) -> None:
    before = [append(pid) for pid in ("user|1", "cart|1")]
    await together(sqlite, append("note|1", index=listing(TITLE, created=1), take=(Claim.of("slug", "mine"),)), *before)
    assert await statements(sqlite, USUAL[what], append("note|beside")) == ["INSERT INTO inbox"]
    assert await sqlite.verify() == ()


UNUSUAL = {
    "three claims": append("note|1", 1, take=(SLUG, OTHER, Claim.of("slug", "third"))),
    "no hint": append("note|1", 1, index=listing(TITLE)),
    "a hint of another state version": changed(append("note|1", 1, index=listing(TITLE), version=2), ""),
    "a hint that speaks of another row": based(append("note|1", 1, index=listing(TITLE)), RowVersion(1, 2)),
    "another scope": changed(append("note|1", 1, index=listing({"": ("old", "text")}, status="Done"))),
    "a hint on a row that is not listed": changed(append("note|hidden", 1, index=listing())),
    "a claim that is its own": append("note|1", 1, take=(Claim.of("slug", "mine"),)),
    "a term with a zero": append("note|2", index=listing(terms=(("tag", "x\0y"),))),
    "a row ahead of its events": replace(append("note|2"), row=row("note|2", 5)),
}


@pytest.mark.parametrize("what", UNUSUAL)
async def test_unusual_appends_are_stored_all_the_same(sqlite: SqliteJournal, what: str) -> None:
    await sqlite.append(append(index=listing({"": ("old", "text")}), take=(Claim.of("slug", "mine"),)))
    await sqlite.append(append("note|hidden"))
    assert "COMMIT" in await statements(sqlite, UNUSUAL[what], append("note|beside"))


async def test_s1_what_one_line_is_refused_for_leaves_nothing_of_another(sqlite: SqliteJournal) -> None:
    lines = sqlite._store._clerk.lines([append("note|1"), append("note|2", after=1)])
    assert lines is not None
    with pytest.raises(apsw.ConstraintError):
        await asyncio.to_thread(sqlite._store._inbox.post, sqlite._store._db, lines)
    assert await sqlite.stream() == ()
    assert not sqlite._store._db.in_transaction


@pytest.mark.parametrize("after", [0, 2, 9])
async def test_an_event_that_is_not_the_next_is_refused(sqlite: SqliteJournal, after: int) -> None:
    await sqlite.append(append("cart|1"))
    refused, stored = await together(sqlite, append("cart|1", after), append("cart|2"))
    assert isinstance(refused, SequenceConflict)
    assert stored == Appended(1)


@pytest.mark.parametrize(
    ("pid", "index"), [("user|1", listing(created=2)), ("note|1", listing(TITLE)), ("note|1", None)]
)
async def test_r2_a_newer_row_stays(sqlite: SqliteJournal, pid: str, index: IndexPart | None) -> None:
    await sqlite.append(append(pid, index=listing(created=1)))
    await sqlite.replace_rows([row(pid, 5, listing(created=5))])
    following = append(pid, 1, index=index)
    await sqlite.append(changed(following) if index else following)
    assert (await sqlite.load(pid, 1)).row == RowVersion(5, 1)


async def test_r2_a_newer_snapshot_stays(sqlite: SqliteJournal) -> None:
    await sqlite.append(append("cart|1"))
    await sqlite.replace_rows([row("cart|1", 5)])
    assert await statements(sqlite, append("cart|1", 1)) == ["INSERT INTO inbox"]
    assert (await sqlite.load("cart|1", 1)).snapshot == Snapshot(5, 1, b"state 5")


async def test_appends_that_build_on_each_other_go_together(sqlite: SqliteJournal) -> None:
    one, two = append(take=(SLUG,)), append(after=1, release=(SLUG,))
    assert await statements(sqlite, one, two, append("note|2", take=(SLUG,))) == ["INSERT INTO inbox"]
    assert await sqlite.holder(SLUG) == "note|2"


async def test_a_text_that_is_removed_in_the_same_group_is_gone(sqlite: SqliteJournal) -> None:
    await sqlite.append(append(index=listing(TITLE)))
    more = changed(append(after=1, index=listing({**TITLE, "c1": ("", "yes")})), "c1")
    await together(sqlite, more, append(after=2))
    assert await sqlite.verify() == ()


async def test_c2_what_waited_too_long_is_not_stored(sqlite: SqliteJournal) -> None:
    late, stored = await together(sqlite, append("note|1", deadline=0.0), append("note|2"))
    assert isinstance(late, DeadlinePassed)
    assert stored == Appended(1)
    assert await sqlite.persistence_ids() == ("note|2",)


async def test_a_group_with_too_many_lines_is_stored_all_the_same(sqlite: SqliteJournal) -> None:
    assert await together(sqlite, append(count=400), append("note|2")) == [Appended(400), Appended(1)]


# ------------------------------------------------------------------------------------------------------ by comparison

WORDS = st.sampled_from(["apple", "Äpfel", "pear"])
SEARCH = st.dictionaries(st.sampled_from(["", "c1", "c2"]), st.tuples(WORDS, WORDS), max_size=3)
TERMS = st.lists(st.tuples(st.just("tag"), st.sampled_from(['x"y', "ß", "z"])), max_size=3).map(tuple)
NUMBERS = st.none() | st.integers(0, 2)
STATUS = st.sampled_from(["New"] * 9 + ["Done"])
LISTED = st.builds(listing, SEARCH, created=NUMBERS, due=NUMBERS, status=STATUS, terms=TERMS)
ROWS = st.one_of(LISTED, LISTED, LISTED, st.none())
EVENT = st.builds(
    lambda payload, tags, key: StoredEvent(1, "e@1", payload, Metadata(1, "attempt", "é"), tags, key, key),
    st.binary(max_size=3),
    st.sampled_from([(), ("a", "b")]),
    st.none() | st.just("k"),
)
STEPS = st.tuples(
    st.sampled_from(["note|a", "note|b", "user|a"]),
    ROWS,
    EVENT,
    st.integers(1, 2),  # events
    st.sampled_from([1] * 9 + [2]),  # state version
    st.sampled_from([0, 0, 0, -1]),  # how far the snapshot is behind
    st.booleans(),  # a snapshot at all
    st.sampled_from([(), ("",), ("c1",)]),  # parts that the hint names beside those that differ
    st.sampled_from([None, None, "take", "release"]),
)
GROUPS = st.lists(st.lists(STEPS, min_size=1, max_size=3, unique_by=lambda step: step[0]), min_size=4, max_size=8)


class Author:
    """Makes appends that follow each other, with hints that are true."""

    def __init__(self) -> None:
        self._last: dict[str, Append] = {}

    def append(self, step: Any) -> Append:
        pid, index, event, count, version, behind, kept, more, claim = step
        before = self._last.get(pid)
        after = before.sequence_nr if before else 0
        events = tuple(replace(event, sequence_nr=after + n) for n in range(1, count + 1))
        if index is not None and not pid.startswith("note"):
            index = listing(created=index.columns["created"])
        fold = row(pid, after + count, index, version)
        assert fold.snapshot is not None
        snapshot = replace(fold.snapshot, sequence_nr=max(1, fold.sequence_nr + behind)) if kept else None
        take, release = ((Claim.of("slug", pid),) if claim == which else () for which in ("take", "release"))
        key = CommandKey(f"{pid}-{after}", b"f") if kept else None
        made = Append(pid, after, events, replace(fold, snapshot=snapshot), take, release, key)
        self._last[pid] = made = self._hinted(made, before, more)
        return made

    def _hinted(self, made: Append, before: Append | None, more: Sequence[str]) -> Append:
        if made.row.index is None or before is None or before.row.index is None:
            return made
        old, new = before.row.index.search, made.row.index.search
        parts = {part for part in old.keys() | new.keys() if old.get(part) != new.get(part)}
        return replace(
            made,
            row=replace(
                made.row, index=replace(made.row.index, changed=frozenset(parts | {*more}), base=before.row.version)
            ),
        )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(groups=GROUPS)
def test_both_ways_store_the_same(groups: Any) -> None:
    author = Author()
    history = [[author.append(step) for step in group] for group in groups]
    assert asyncio.run(stored(history, lambda journal: None)) == asyncio.run(stored(history, store_carefully))


async def stored(history: list[list[Append]], prepare: Callable[[SqliteJournal], None]) -> object:
    """Return all that is stored after a history, without the numbers that SQLite gives to rows."""
    with tempfile.TemporaryDirectory() as directory:
        journal = await open_sqlite(f"{directory}/spikes.db", SCHEMAS)
        prepare(journal)
        for group in history:
            assert await together(journal, *group) == [Appended(each.sequence_nr) for each in group]
        assert await journal.verify() == ()
        contents = await journal._write(lambda db: [db.execute(table).fetchall() for table in TABLES])
        await journal.close()
    return contents


COLUMNS = "sequence_nr, state_version, listed, c_created, terms, item"
TABLES = (
    "SELECT * FROM events",
    "SELECT * FROM snapshots ORDER BY persistence_id",
    "SELECT * FROM claims ORDER BY digest",
    "SELECT * FROM commands ORDER BY id",
    f"SELECT persistence_id, {COLUMNS}, c_due, c_title, c_status FROM note_rows ORDER BY persistence_id",
    f"SELECT persistence_id, {COLUMNS}, c_notes FROM user_rows ORDER BY persistence_id",
    "SELECT persistence_id, name, value FROM note_terms JOIN note_rows USING (row_id) ORDER BY 1, 2, 3",
    "SELECT persistence_id, part, digest FROM note_parts JOIN note_rows USING (row_id) ORDER BY 1, 2",
    """
    CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, note_fts, instance);
    SELECT persistence_id, part, term, col, offset
    FROM temp.words JOIN note_parts ON part_id = doc JOIN note_rows USING (row_id) ORDER BY 1, 2, 3, 4, 5
    """,
)
