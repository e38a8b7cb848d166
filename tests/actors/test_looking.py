"""A look at an entity in memory: it shows what is there, asks nothing, and makes nothing."""

from __future__ import annotations

import asyncio

from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from spikes.persistence.identity import PersistenceId
from tests.actors.conftest import Start
from tests.actors.counter import Add, Break, counter

ONE = counter.persistence_id("one")


async def test_a_live_entity_shows_its_fold_and_last_command(start: Start) -> None:
    entities = start()
    await entities.ask(ONE, Add(3))
    seen = entities.look(ONE)
    assert seen is not None
    assert seen.state is not None
    assert counter.thaw(seen.state).state == 3
    assert (seen.persistence_id, seen.sequence_nr, seen.waiting, seen.leaving) == ("counter|one", 1, 0, False)
    assert (seen.last_command, seen.last_error, seen.broken) == ("Add", None, None)


async def test_a_look_makes_no_actor(start: Start) -> None:
    entities = start()
    before = entities.live_actors
    assert entities.look(ONE) is None
    assert entities.look(PersistenceId.of("unknown", "one")) is None
    assert entities.live_actors == before


async def test_a_look_is_no_use_of_the_entity(start: Start) -> None:
    entities = start(max_entities=2)
    two, three = counter.persistence_id("two"), counter.persistence_id("three")
    await entities.ask(ONE, Add())
    await entities.ask(two, Add())
    assert entities.look(ONE) is not None
    await entities.ask(three, Add())
    async with asyncio.timeout(5):
        while await entities.active("counter") != 2:
            pass
    assert entities.look(ONE) is None
    assert entities.look(two) is not None


async def test_the_last_error_is_shown(start: Start) -> None:
    entities = start()
    await entities.ask(ONE, Add())
    await entities.ask(ONE, Break())
    await entities.ask(ONE, Add())
    seen = entities.look(ONE)
    assert seen is not None
    assert seen.last_command == "Add"
    assert (seen.last_error or "").startswith("HandlerFailed: ZeroDivisionError at spikes.")
    assert "as asked" not in str(seen)  # an exception's text may quote a user


async def test_commands_that_wait_are_counted(start: Start, journal: MemoryJournal) -> None:
    faulty = FaultyJournal(journal)
    entities = start(faulty)
    hold = faulty.delay("append")
    asked = [asyncio.create_task(entities.ask(ONE, Add())) for _ in range(3)]
    async with asyncio.timeout(5):
        await hold.arrived.wait()
    seen = entities.look(ONE)
    assert seen is not None
    assert (seen.waiting, seen.sequence_nr, seen.state) == (3, 0, None)
    hold.release()
    await asyncio.gather(*asked)
