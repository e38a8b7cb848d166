"""Rule K5: what a crash left between append and row is not shown by lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from spikes.journal.cassandra import CassandraJournal, open_cassandra
from spikes.journal.cassandra_left import EVERY
from spikes.journal.cassandra_target import target_of
from tests.journal.samples import SCHEMAS, append, ids, listing


@pytest.fixture
async def two(journal_on_cassandra: str) -> AsyncIterator[tuple[CassandraJournal, CassandraJournal]]:
    target = target_of(journal_on_cassandra)
    here, there = [await open_cassandra(target, SCHEMAS, migrate=True) for _ in range(2)]
    yield here, there
    for journal in (here, there):
        await journal.close()


async def crashed(journal: CassandraJournal, step: str) -> asyncio.Task[object]:
    """Let the next append go as far as a step, and no further until it is cancelled; return it."""
    came = asyncio.Event()

    async def stop() -> None:
        came.set()
        await asyncio.Event().wait()

    journal.appender._crash_point = lambda at: stop() if at == step else None
    writing = asyncio.ensure_future(journal._append(append(after=1, index=listing(created=1, item=b"private"))))
    await asyncio.wait_for(came.wait(), 10)
    return writing


async def looked(journal: CassandraJournal, later: int) -> list[str]:
    """Return the list after a look at intents, at a time that is milliseconds later."""
    journal._left._now = lambda: journal.clock.micros() // 1000 + later
    for _ in range(2):  # one that was under way may have looked at another time
        if (looking := journal._left._looking) is not None:
            await asyncio.wait_for(looking, 20)
        journal._left._looked = journal._left._now() - EVERY
        await ids(journal)
    return await ids(journal)


async def test_k5_a_row_behind_its_entity_is_not_listed(two: tuple[CassandraJournal, CassandraJournal]) -> None:
    here, there = two
    await here.append(append(index=listing(created=1, item=b"public")))
    writing = await crashed(here, "append")
    assert await looked(there, -8_000) == ["1"]
    assert await looked(there, 3_000) == []
    writing.cancel()
    await asyncio.wait({writing})


async def test_k5_a_row_whose_append_was_never_sent_stays(two: tuple[CassandraJournal, CassandraJournal]) -> None:
    here, there = two
    await here.append(append(index=listing(created=1, item=b"public")))
    writing = await crashed(here, "claims")
    assert await looked(there, 3_000) == ["1"]
    writing.cancel()
    await asyncio.wait({writing})
