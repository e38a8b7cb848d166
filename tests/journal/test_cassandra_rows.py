"""The rules R1 to R4, K9 and K10 of `docs/protocol.md`: rows in their homes, and freshness, on a real Cassandra."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from spikes.journal.cassandra import CassandraJournal, open_cassandra
from spikes.journal.cassandra_target import target_of
from spikes.journal.port import Equal, Home, Query, RowVersion, Snapshot
from tests.cassandra.rules import Action
from tests.journal.rivals import HOMES, Rivals, is_row, notes_of, telling
from tests.journal.samples import USER, append, listing, row

NEWER = (replace(HOMES[0], state_version=2, homes=(*HOMES[0].homes, Home(column="status"))), USER)
"""Schemas of a release in which notes stand in one more home."""


@pytest.fixture
async def newer(rivals: Rivals, journal_on_cassandra: str) -> AsyncIterator[CassandraJournal]:
    """A journal of the next release, behind the proxy too."""
    target = target_of(journal_on_cassandra)
    hosts = ((rivals.proxy.host, rivals.proxy.port),)
    journal = await open_cassandra(replace(target, hosts=hosts), NEWER)
    yield journal
    await journal.close()


async def done(journal: CassandraJournal) -> list[bytes]:
    """Return what the list of the notes that are done shows."""
    page = await journal.query(Query("note", where=(Equal("status", "Done"),)))
    return [listed.item for listed in page.rows]


# ------------------------------------------------------------------------------------------------ R: rows and versions


async def test_r1_a_row_written_twice_is_the_same(rivals: Rivals) -> None:
    await rivals.here.append(telling())
    before = rivals.rows("snapshot"), rivals.rows("listing")
    await rivals.there._rows.write(telling().row)
    assert (rivals.rows("snapshot"), rivals.rows("listing")) == before
    assert await rivals.there.replace_rows([telling().row]) == 0


async def test_r2_an_older_row_written_later_changes_nothing(rivals: Rivals) -> None:
    held = rivals.proxy.on(is_row, Action.HOLD_REQUEST)
    writing = asyncio.ensure_future(rivals.here.append(telling(owner="ann")))
    await held.met()
    await rivals.there.append(replace(telling(after=1, owner="bob"), before=telling(owner="ann").row.index))
    held.release()
    await writing
    assert (await rivals.there.load("note|1", 1)).snapshot == Snapshot(2, 1, b"state 2")
    assert await notes_of(rivals.there, "ann") == []
    assert await notes_of(rivals.there, "bob") == [b"bob"]
    assert await rivals.there.verify() == ()


async def test_r2_each_cell_has_the_time_of_its_version(rivals: Rivals) -> None:
    await rivals.here.append(telling(version=3))
    expected = (1 << 20) | (3 << 4)
    for table, columns in (("snapshot", "item facts places state digest"), ("listing", "gone item facts sequence_nr")):
        (cells,) = rivals.rows(table, ", ".join(f"WRITETIME({column})" for column in columns.split()))[:1]
        assert set(cells) == {expected}


async def test_r2_a_higher_state_version_wins_at_one_number(rivals: Rivals) -> None:
    await rivals.here.append(append(index=listing(owner="ann", item=b"old")))
    await rivals.there.replace_rows([row(index=listing(owner="ann", item=b"new"), version=2)])
    await rivals.here._rows.write(row(index=listing(owner="ann", item=b"old")))
    assert await notes_of(rivals.there, "ann") == [b"new"]


async def test_r2_a_damaged_row_of_one_version_is_mended(rivals: Rivals) -> None:
    await rivals.here.append(telling(owner="ann"))
    await rivals.there._rows.write(row(index=listing(owner="eve", item=b"eve")), revision=1)
    await rivals.there._rows.write(row(index=listing(owner="eve", item=b"eve")), revision=2)
    assert await rivals.here.replace_rows([telling(owner="ann").row]) == 1
    assert await notes_of(rivals.there, "ann") == [b"ann"]
    assert await notes_of(rivals.there, "eve") == []


@pytest.mark.parametrize("version", [1, 3])
async def test_r3_no_other_release_trusts_the_snapshot(rivals: Rivals, version: int) -> None:
    await rivals.here.append(append(version=2))
    loaded = await rivals.there.load("note|1", version)
    assert (loaded.snapshot, loaded.row, len(loaded.events)) == (None, RowVersion(1, 2), 1)


# ------------------------------------------------------------------------------------------------------- K9: homes


async def test_k9_a_row_leaves_a_home_by_being_emptied(rivals: Rivals) -> None:
    deletions = rivals.proxy.on(lambda request: request.text.startswith("DELETE FROM listing"), Action.PASS, times=None)
    await rivals.here.append(telling(owner="ann"))
    await rivals.here.append(telling(after=1, owner="bob"))
    left = next(each for each in rivals.rows("listing") if "=ann" in each.home)
    assert (left.gone, left.item, left.facts, left.terms, left.sequence_nr) == (True, b"", b"", None, 2)
    assert deletions.caught == []


async def test_k9_homes_before_are_left_by_who_knows_them(rivals: Rivals) -> None:
    await rivals.here.append(telling(owner="ann"))
    held = rivals.proxy.on(is_row, Action.HOLD_REQUEST)
    writing = asyncio.ensure_future(rivals.here.append(telling(after=1, owner="bob")))
    await held.met()
    last = telling(after=2, owner="cid")
    await rivals.there.append(replace(last, before=telling(owner="bob").row.index))
    held.release()
    await writing
    assert [await notes_of(rivals.there, owner) for owner in ("ann", "bob", "cid")] == [[], [], [b"cid"]]
    assert await rivals.there.verify() == ()


async def test_k9_homes_of_a_newer_release_are_left_too(rivals: Rivals, newer: CassandraJournal) -> None:
    index = listing(owner="ann", created=1, status="Done", item=b"done")
    await rivals.there.append(append(index=index))
    await newer.replace_rows([row(index=index, version=2)])
    assert await done(newer) == [b"done"]
    other = listing(owner="ann", created=1, status="New", item=b"new")
    await rivals.there.append(replace(append(after=1, index=other), before=index))
    assert await done(newer) == []
    assert await rivals.there.verify() == ()


async def test_k9_a_row_made_anew_and_overtaken_goes(rivals: Rivals, newer: CassandraJournal) -> None:
    index = listing(owner="ann", created=1, status="Done", item=b"done")
    await rivals.there.append(append(index=index))
    held = rivals.proxy.on(is_row, Action.HOLD_REQUEST)
    making = asyncio.ensure_future(newer.replace_rows([row(index=index, version=2)]))
    await held.met()
    other = listing(owner="ann", created=1, status="New", item=b"new")
    await rivals.there.append(replace(append(after=1, index=other), before=index))
    held.release()
    await making
    assert await done(newer) == []
    assert await notes_of(newer, "ann") == [b"new"]
    assert await rivals.there.verify() == ()


async def test_k9_a_row_of_many_and_long_words_is_stored(rivals: Rivals) -> None:
    letters = "".join(chr(0x20000 + number) for number in range(90))  # four bytes each
    index = listing({"": (f"{letters} {letters[1:]} {letters[2:]} word", "")}, owner="ann", created=1)
    await rivals.there.append(append(index=index))
    assert await notes_of(rivals.there, "ann") == [b"item"]


# ------------------------------------------------------------------------------------------------------ K10: freshness


async def test_k10_what_another_process_stored_is_seen(rivals: Rivals) -> None:
    rivals.here.watch("note|1")
    await rivals.here.append(append())
    assert await rivals.here.check_current("note|1", 1)
    await rivals.there.append(append(after=1))
    assert not await rivals.here.check_current("note|1", 1)
    assert rivals.here.is_current("note|1", 1) is False


async def test_k10_asks_join_only_a_read_not_sent_yet(rivals: Rivals) -> None:
    await rivals.there.append(append())
    held = rivals.proxy.on(lambda request: request.text.startswith("SELECT head"), Action.HOLD_ANSWER)
    reads = rivals.proxy.on(lambda request: request.text.startswith("SELECT head"), Action.PASS, times=None)
    first = [asyncio.ensure_future(rivals.here.check_current("note|1", 1)) for _ in range(3)]
    await held.answered()
    await rivals.there.append(append(after=1))
    assert not await rivals.here.check_current("note|1", 1)
    held.release()
    assert await asyncio.gather(*first) == [True] * 3
    assert len(reads.caught) == 1
