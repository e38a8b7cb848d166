"""What is over is freed by its reference count: the service lets the collector of cycles look rarely."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spikes.actors.system import EntitySystem, Limits
from spikes.bootstrap import BEHAVIORS
from spikes.domain.user.command import Register
from spikes.journal import open_journal
from spikes.journal.port import Journal
from spikes.persistence.identity import PersistenceId
from tests.actors.counter import Add, Break, Read, counter


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


@pytest.fixture(params=["memory:", "sqlite:///{}/spikes.db"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param).format(tmp_path)


async def start(url: str, **limits: int) -> tuple[EntitySystem, Journal]:
    journal = await open_journal(url, [behavior.schema for behavior in (*BEHAVIORS, counter)])
    return EntitySystem.start(journal, [*BEHAVIORS, counter], Limits(**limits)), journal


async def test_entities_that_leave_are_freed(url: str) -> None:
    entities, journal = await start(url, max_entities=10)
    with garbage() as found:
        for number in range(50):
            one = counter.persistence_id(f"c{number}")
            for command in (Add(), Read(), Break()):
                await entities.ask(one, command)
    assert found == Counter()
    await entities.close()
    await journal.close()


async def test_refused_writes_are_freed(url: str) -> None:
    entities, journal = await start(url)
    with garbage() as found:
        for number in range(5):
            register = Register(f"U{number}", "Ann", "ann@example.com", "hash", "1990-12-31")
            await entities.ask(PersistenceId.of("user", f"U{number}"), register, new=True)
    assert found == Counter()
    await entities.close()
    await journal.close()


async def test_lost_races_are_freed(url: str) -> None:
    entities, journal = await start(url)
    other = EntitySystem.start(journal, [counter])
    with garbage() as found:
        asked = [system.ask(counter.persistence_id("one"), Add()) for system in (entities, other) * 10]
        await asyncio.gather(*asked)
        del asked
    assert found == Counter()
    for system in (entities, other):
        await system.close()
    await journal.close()
