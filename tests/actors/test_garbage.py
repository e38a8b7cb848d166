"""What is over is freed by its reference count: the service lets the collector of cycles look rarely."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from spikes.actors.system import EntitySystem, Limits
from spikes.bootstrap import BEHAVIORS
from spikes.domain.user.command import Register
from spikes.journal.port import Journal
from spikes.persistence.identity import PersistenceId
from tests.actors.counter import Add, Break, Read, counter
from tests.cassandra.plugin import PATIENCE, OpenJournal


@contextmanager
def garbage() -> Iterator[Counter[str]]:
    """Count objects of ours that only the collector of cycles could free, by type."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = [type(each) for each in gc.garbage]
        found.update(kind.__name__ for kind in kinds if kind.__module__.startswith("spikes"))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.collect()


@pytest.fixture
async def journal(journal_url: str, open_any: OpenJournal) -> AsyncIterator[Journal]:
    journal = await open_any(journal_url, [behavior.schema for behavior in (*BEHAVIORS, counter)])
    yield journal
    await journal.close()


def start(journal: Journal, max_entities: int = 100) -> EntitySystem:
    return EntitySystem.start(journal, [*BEHAVIORS, counter], Limits(PATIENCE, max_entities))


async def test_entities_that_leave_are_freed(journal: Journal) -> None:
    entities = start(journal, max_entities=10)
    with garbage() as found:
        for number in range(20):
            one = counter.persistence_id(f"c{number}")
            for command in (Add(), Read(), Break()):
                await entities.ask(one, command)
    assert found == Counter()
    await entities.close()


async def test_refused_writes_are_freed(journal: Journal) -> None:
    entities = start(journal)
    with garbage() as found:
        for number in range(5):
            register = Register(f"U{number}", "Ann", "ann@example.com", "hash", "1990-12-31")
            await entities.ask(PersistenceId.of("user", f"U{number}"), register, new=True)
    assert found == Counter()
    await entities.close()


async def test_lost_races_are_freed(journal: Journal) -> None:
    entities = start(journal)
    other = start(journal)
    with garbage() as found:
        asked = [system.ask(counter.persistence_id("one"), Add()) for system in (entities, other) * 10]
        await asyncio.gather(*asked)
        del asked
    assert found == Counter()
    for system in (entities, other):
        await system.close()
