"""A look at all actors: who has most to do, in slices, and the tree, page by page."""

from __future__ import annotations

import asyncio

import pytest

from spikes.actors import census as census_module
from spikes.actors.system import EntitySystem
from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from tests.actors.conftest import Start
from tests.actors.counter import Add, counter

ONE, TWO = counter.persistence_id("one"), counter.persistence_id("two")


async def two_counters(start: Start) -> EntitySystem:
    entities = start()
    await entities.ask(ONE, Add())
    for _ in range(50):
        await entities.ask(TWO, Add())
    return entities


async def test_all_are_counted_by_class(start: Start) -> None:
    entities = await two_counters(start)
    seen = await entities.census("messages", 10)
    assert dict(seen.kinds) == {"Entity": 2, "Region": 1, "JournalActor": 1}
    assert (seen.live, seen.complete, seen.dead_letters) == (4, True, 0)
    assert seen.delivered > 100


async def test_who_has_most_to_do_comes_first(start: Start) -> None:
    entities = await two_counters(start)
    ids = [each.persistence_id for each in (await entities.census("messages", 4)).top]
    assert ids.index("counter|two") < ids.index("counter|one")


async def test_who_has_taken_longest_comes_first(start: Start) -> None:
    entities = await two_counters(start)
    seconds = [each.seconds for each in (await entities.census("time", 4)).top]
    assert len(seconds) == 4
    assert seconds == sorted(seconds, reverse=True) != sorted(seconds)


async def test_who_lives_longest_comes_first(start: Start) -> None:
    entities = await two_counters(start)
    assert [each.kind for each in (await entities.census("age", 1)).top] == ["JournalActor"]


async def test_waiting_commands_count_as_mailbox(start: Start, journal: MemoryJournal) -> None:
    faulty = FaultyJournal(journal)
    entities = start(faulty)
    hold = faulty.delay("append")
    asked = [asyncio.create_task(entities.ask(ONE, Add())) for _ in range(3)]
    async with asyncio.timeout(5):
        await hold.arrived.wait()
    (first,) = (await entities.census("mailbox", 1)).top
    assert (first.persistence_id, first.mailbox) == ("counter|one", 3)
    hold.release()
    await asyncio.gather(*asked)


async def test_a_look_that_takes_too_long_says_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    entities = await two_counters(start)
    monkeypatch.setattr(census_module, "SECONDS", -1.0)
    assert (await entities.census("mailbox", 1)).complete is False


async def test_a_look_makes_no_actor_and_sends_no_message(start: Start) -> None:
    entities = await two_counters(start)
    before = await entities.census("age", 1)
    after = await entities.census("age", 1)
    assert (after.live, after.delivered) == (before.live, before.delivered)


async def test_the_tree_is_walked_page_by_page(start: Start) -> None:
    entities = await two_counters(start)
    system = entities.branch("", 0, 10)
    assert system is not None
    region = next(each for each in system.children if each.kind == "Region")
    first, second = entities.branch(region.address, 0, 1), entities.branch(region.address, 1, 1)
    assert first is not None
    assert second is not None
    assert [each.persistence_id for each in (*first.children, *second.children)] == ["counter|one", "counter|two"]
    assert (first.total, first.parent, first.actor and first.actor.children) == (2, "", 2)


async def test_there_is_no_branch_of_nobody(start: Start) -> None:
    assert start().branch("/A~0", 0, 1) is None
