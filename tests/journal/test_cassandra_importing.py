"""Rule K13: an import writes without conditions, into a keyspace that nobody serves meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from spikes.journal.cassandra import CassandraJournal, open_cassandra
from spikes.journal.cassandra_target import target_of
from spikes.journal.errors import ClaimTaken, JournalUnavailable, JournalUnusable, SequenceConflict
from spikes.journal.port import Appended, EntityRow
from tests.journal.samples import SCHEMAS, SLUG, append, ids, listing


@pytest.fixture
async def journal(journal_on_cassandra: str) -> AsyncIterator[CassandraJournal]:
    opened = await open_cassandra(target_of(journal_on_cassandra), SCHEMAS, migrate=True)
    yield opened
    await opened.importing(False)
    await opened.close()


@pytest.fixture
async def other(journal: CassandraJournal, journal_on_cassandra: str) -> AsyncIterator[CassandraJournal]:
    opened = await open_cassandra(target_of(journal_on_cassandra), SCHEMAS)
    yield opened
    await opened.close()


async def nothing(persistence_id: str) -> EntityRow | None:
    return None


async def test_k13_an_import_sends_no_conditional_appends(journal: CassandraJournal) -> None:
    await journal.importing(True)
    await journal.append(append(count=3, take=(SLUG,), index=listing(created=1)))
    await journal.append(append(after=3, index=listing(created=1)))
    assert (journal.session.sent.get("append"), journal.session.sent["bring"]) == (None, 2)
    assert (await ids(journal), await journal.holder(SLUG), await journal.verify()) == (["1"], "note|1", ())


async def test_k13_what_was_imported_is_gone_on_from(journal: CassandraJournal, other: CassandraJournal) -> None:
    await journal.importing(True)
    await journal.append(append(count=2))
    await journal.importing(False)
    assert await other.append(append(after=2)) == Appended(3)
    with pytest.raises(SequenceConflict):
        await journal.append(append(after=2))
    assert await journal.verify() == ()


async def test_k13_nobody_opens_a_keyspace_half_imported(journal: CassandraJournal, journal_on_cassandra: str) -> None:
    await journal.importing(True)
    with pytest.raises(JournalUnusable, match="half imported"):
        await open_cassandra(target_of(journal_on_cassandra), SCHEMAS)


async def test_k13_who_serves_it_already_stops(journal: CassandraJournal, other: CassandraJournal) -> None:
    await journal.importing(True)
    with pytest.raises(JournalUnavailable, match="import"):
        await other.sweep(nothing)
    with pytest.raises(JournalUnavailable, match="import"):
        await other.ping()
    await journal.importing(False)
    await other.sweep(nothing)
    await other.ping()


async def test_k13_what_was_served_is_written_with_conditions(journal: CassandraJournal) -> None:
    await journal.append(append())
    await journal.importing(True)
    await journal.append(append(after=1))
    assert journal.session.sent["append"] == 2


async def test_k13_an_import_refuses_what_does_not_follow(journal: CassandraJournal) -> None:
    await journal.importing(True)
    await journal.append(append(take=(SLUG,)))
    with pytest.raises(SequenceConflict):
        await journal.append(append(after=4))
    with pytest.raises(ClaimTaken):
        await journal.append(append("note|2", take=(SLUG,)))
    assert await journal.verify() == ()
