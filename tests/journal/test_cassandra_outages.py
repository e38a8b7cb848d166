"""A Cassandra that stops, stands still, starts again or changes under a journal: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from spikes.journal.cassandra import CassandraJournal, open_cassandra
from spikes.journal.cassandra_target import target_of
from spikes.journal.errors import JournalUnavailable, OutcomeUnknown, SequenceConflict
from spikes.journal.port import Appended
from tests.cassandra.cql import connected
from tests.cassandra.node import CassandraNode
from tests.cassandra.plugin import PATIENCE
from tests.cassandra.shared import Contact
from tests.journal.rivals import HOMES, SOON, give_up_after, notes_of, swept, telling

REQUEST = 1.0
"""Seconds after which the journals of these tests give up an answer."""

BACK = 60.0
"""Seconds until a journal must work again after the node does."""


@pytest.fixture
async def journal(own_cassandra: CassandraNode, new_keyspace: str) -> AsyncIterator[CassandraJournal]:
    """A journal on a node that may be stopped."""
    url = Contact(own_cassandra.host, own_cassandra.port).url(new_keyspace, request_timeout=PATIENCE)
    opened = await open_cassandra(target_of(url), HOMES, migrate=True)
    give_up_after(opened, REQUEST)
    yield opened
    own_cassandra.revive()
    await opened.close()


class Writer:
    """Writes one note after another, each until it knows what became of it, and remembers what was acknowledged."""

    def __init__(self, journal: CassandraJournal) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self.longest = 0.0
        self._journal = journal
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        number = 0
        while True:
            number += 1
            begun = time.monotonic()
            try:
                await self._journal.append(telling(f"note|{number:05}", deadline=begun + 3))
                self.acknowledged.append(f"note|{number:05}")
            except (JournalUnavailable, OutcomeUnknown):
                self.refused += 1
                await asyncio.sleep(0.02)  # refusals come at once; a client would wait, too
            self.longest = max(self.longest, time.monotonic() - begun)
            async with self._news:
                self._news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(BACK), self._news:
            await self._news.wait_for(condition)

    async def more(self, number: int = 20) -> None:
        """Wait until so many more notes are acknowledged."""
        goal = len(self.acknowledged) + number
        await self.until(lambda: len(self.acknowledged) >= goal)

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def check_kept(journal: CassandraJournal, writer: Writer) -> None:
    """All that was acknowledged is there, and what was left half done can be finished."""
    await writer.stop()
    await asyncio.wait_for(journal.settled(), BACK)
    assert set(writer.acknowledged) <= set(await journal.persistence_ids())
    await swept(journal)
    assert await journal.verify() == ()


async def test_node_that_was_away_is_used_again(journal: CassandraJournal, own_cassandra: CassandraNode) -> None:
    writer = Writer(journal)
    await writer.more()
    await asyncio.to_thread(own_cassandra.kill)
    await writer.until(lambda: writer.refused >= 5)
    await asyncio.to_thread(own_cassandra.start)
    await writer.more()
    await check_kept(journal, writer)


async def test_node_that_stands_still_makes_nothing_unknown(
    journal: CassandraJournal, own_cassandra: CassandraNode
) -> None:
    await journal.append(telling("note|warm"))
    own_cassandra.pause()
    asyncio.get_running_loop().call_later(5, own_cassandra.resume)
    answers = await asyncio.gather(
        *(journal.append(telling(f"note|{number}")) for number in range(10)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} <= {Appended, JournalUnavailable}
    own_cassandra.resume()
    await asyncio.to_thread(own_cassandra.wait_ready)
    for number, answer in enumerate(answers):
        assert len(await journal.events(f"note|{number}")) == isinstance(answer, Appended)


async def test_append_under_way_through_a_standstill_is_resolved(
    journal: CassandraJournal, own_cassandra: CassandraNode
) -> None:
    loop = asyncio.get_running_loop()

    def stand_still(step: str) -> None:
        if step == "claims":
            own_cassandra.pause()
            loop.call_later(5, own_cassandra.resume)

    journal.appender._crash_point = stand_still
    begun = time.monotonic()
    assert await asyncio.wait_for(journal.append(telling()), SOON) == Appended(1)
    assert time.monotonic() - begun > 4
    assert len(await journal.events("note|1")) == 1


async def test_answers_come_in_time_while_the_node_is_away(
    journal: CassandraJournal, own_cassandra: CassandraNode
) -> None:
    await journal.append(telling())
    await asyncio.to_thread(own_cassandra.kill)
    for _ in range(5):
        begun = time.monotonic()
        with pytest.raises(JournalUnavailable):
            await journal.append(telling(after=1, deadline=begun + 3))
        assert time.monotonic() - begun < 4
    with pytest.raises(JournalUnavailable):
        await journal.ping()


async def test_schema_may_change_while_a_journal_works(journal: CassandraJournal, own_cassandra: CassandraNode) -> None:
    writer = Writer(journal)
    await writer.more()
    keyspace = journal.session._session.keyspace
    with connected(own_cassandra.host, own_cassandra.port) as session:
        for statement in (
            f"ALTER TABLE {keyspace}.events ADD more text",
            f"ALTER TABLE {keyspace}.listing ADD more text",
            f"ALTER TABLE {keyspace}.claims ADD more text",
            f"DROP INDEX {keyspace}.listing_terms",
            f"CREATE INDEX listing_terms ON {keyspace}.listing (VALUES(terms)) USING 'sai'",
        ):
            await asyncio.to_thread(session.execute, statement)
            await writer.more(5)
    assert len(await notes_of(journal, "ann")) > 0
    with pytest.raises(SequenceConflict):
        await journal.append(telling(writer.acknowledged[0]))
    await check_kept(journal, writer)
    assert writer.refused == 0


async def test_three_journals_make_a_new_keyspace_at_once(own_cassandra: CassandraNode, new_keyspace: str) -> None:
    contact = Contact(own_cassandra.host, own_cassandra.port)
    target = target_of(contact.url(new_keyspace, request_timeout=10))
    journals = await asyncio.gather(*(open_cassandra(target, HOMES, migrate=True) for _ in range(3)))
    assert len({journal.identity for journal in journals}) == 1
    await asyncio.gather(*(journal.append(telling(f"note|{n}")) for n, journal in enumerate(journals)))
    await asyncio.gather(*(journal.close() for journal in journals))
