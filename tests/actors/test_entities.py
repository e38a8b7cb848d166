"""Entities through the actors: routing, recovery, passivation, time-outs, and what happens when things break."""

from __future__ import annotations

import asyncio

import pytest

from spikes.actors import region
from spikes.actors.port import AskTimeout
from spikes.actors.system import EntitySystem, Limits
from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from spikes.journal.port import Loaded
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Error, HandlerFailed, NotStored, OutcomeNotKnown, Success
from tests.actors.conftest import Start
from tests.actors.counter import Add, Break, Read, counter, stasher

ONE = counter.persistence_id("one")


def many(count: int) -> list[PersistenceId]:
    return [counter.persistence_id(f"c{number}") for number in range(count)]


async def add(entities: EntitySystem, entity: PersistenceId = ONE, times: int = 1) -> list[object]:
    answers = await asyncio.gather(*(entities.ask(entity, Add()) for _ in range(times)))
    return [answer.status for answer in answers]


async def value(entities: EntitySystem, entity: PersistenceId = ONE) -> object:
    status = (await entities.ask(entity, Read())).status
    assert isinstance(status, Success)
    return status.value


async def until_active(entities: EntitySystem, count: int) -> None:
    async with asyncio.timeout(5):
        while await entities.active("counter") != count:
            pass


async def test_a_command_is_answered_from_the_new_state(start: Start) -> None:
    answer = await start().ask(ONE, Add(3))
    assert (answer.status, answer.sequence_nr, answer.persistence_id) == (Success(3), 1, "counter|one")


async def test_commands_to_one_entity_are_handled_in_order(start: Start) -> None:
    assert await add(start(), times=100) == [Success(number) for number in range(1, 101)]


async def test_an_entity_recovers_from_its_events(start: Start) -> None:
    await add(start(), times=3)
    assert await value(start()) == 3


async def test_asking_for_what_has_no_events_leaves_no_actor(start: Start) -> None:
    entities = start()
    before = entities.live_actors
    assert await value(entities) == 0
    await until_active(entities, 0)
    assert entities.live_actors == before


async def test_an_idle_entity_leaves_memory_and_comes_back(start: Start) -> None:
    entities = start(entity_idle=0.02)
    await add(entities)
    await until_active(entities, 0)
    assert await add(entities) == [Success(2)]


async def test_many_idle_entities_leave_a_few_at_a_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region, "AT_ONCE", 2)
    entities = start(entity_idle=0.05)
    await asyncio.gather(*(add(entities, entity) for entity in many(9)))
    children, left = entities._routes["counter"].children, []
    async with asyncio.timeout(5):
        while before := len(children):
            await asyncio.sleep(0)
            left.append(before - len(children))
    assert max(left) == 2


async def test_beyond_the_cap_the_least_recently_used_leaves(start: Start) -> None:
    entities = start(max_entities=2)
    first, second, third = many(3)
    for entity in (first, second, first, third):
        await add(entities, entity)
    await until_active(entities, 2)
    assert await entities.is_active(first)
    assert not await entities.is_active(second)


async def test_no_command_is_lost_while_entities_come_and_go(start: Start) -> None:
    entities = start(max_entities=2, ask_timeout=30)
    await asyncio.gather(*(add(entities, entity, 20) for entity in many(10) for _ in range(5)))
    assert [await value(entities, entity) for entity in many(10)] == [100] * 10


async def test_no_command_is_lost_to_an_entity_that_is_leaving(start: Start) -> None:
    entities = start(entity_idle=0.001)
    for _ in range(200):
        await add(entities)
    assert await value(entities) == 200


async def test_a_handler_that_raises_is_answered_and_stores_nothing(start: Start) -> None:
    entities = start()
    answer = await entities.ask(ONE, Break())
    assert isinstance(answer.status, Error)
    assert isinstance(answer.status.reason, HandlerFailed)
    assert await value(entities) == 0


async def test_a_caller_that_goes_away_cancels_nothing(start: Start, journal: MemoryJournal) -> None:
    faulty = FaultyJournal(journal)
    gate = faulty.delay("append")
    entities = start(faulty)
    caller = asyncio.create_task(entities.ask(ONE, Add()))
    await asyncio.wait_for(gate.arrived.wait(), 5)
    caller.cancel()
    gate.release()
    assert await value(entities) == 1


async def test_no_answer_in_time_is_a_timeout(start: Start, journal: MemoryJournal) -> None:
    faulty = FaultyJournal(journal)
    gate = faulty.delay("append")
    entities = start(faulty, ask_timeout=0.02)
    with pytest.raises(AskTimeout):
        await entities.ask(ONE, Add())
    gate.release()


async def test_a_write_that_fails_is_answered_not_stored(start: Start, journal: MemoryJournal) -> None:
    faulty = FaultyJournal(journal)
    faulty.fail("append")
    entities = start(faulty)
    (status,) = await add(entities)
    assert isinstance(status, Error)
    assert isinstance(status.reason, NotStored)
    assert await add(entities) == [Success(1)]


async def test_a_lost_answer_is_unknown_and_then_read_again(start: Start, journal: MemoryJournal) -> None:
    faulty = FaultyJournal(journal)
    faulty.lose("append")
    entities = start(faulty)
    (status,) = await add(entities)
    assert isinstance(status, Error)
    assert isinstance(status.reason, OutcomeNotKnown)
    assert await value(entities) == 1


async def test_an_entity_that_cannot_be_read_answers_and_tries_again(start: Start, journal: MemoryJournal) -> None:
    await add(start())
    faulty = FaultyJournal(journal)
    faulty.fail("load")
    entities = start(faulty)
    (status,) = await add(entities)
    assert isinstance(status, Error)
    assert isinstance(status.reason, NotStored)
    await until_active(entities, 0)
    assert await add(entities) == [Success(2)]


async def test_two_systems_on_one_journal_never_lose_an_event(start: Start) -> None:
    left, right = start(), start()
    statuses = await asyncio.gather(*(add(system, times=50) for system in (left, right)))
    stored = sum(isinstance(status, Success) for answers in statuses for status in answers)
    assert await value(left) == await value(right) == stored


async def test_an_entity_with_a_stashed_command_can_still_leave(journal: MemoryJournal) -> None:
    entities = EntitySystem.start(journal, [stasher], Limits(max_entities=1))
    one, other = (stasher.persistence_id(name) for name in ("one", "other"))
    stashed = asyncio.create_task(entities.ask(one, "put aside"))
    await entities.ask(one, "answer")
    await entities.ask(other, "answer")
    status = (await stashed).status
    assert isinstance(status, Error)
    assert isinstance(status.reason, NotStored)
    await entities.close()


class CountingJournal(MemoryJournal):
    """Counts how many loads are under way."""

    loading = most = 0

    async def load(self, persistence_id: str, state_version: int, to: int | None = None) -> Loaded:
        self.loading += 1
        self.most = max(self.most, self.loading)
        await asyncio.sleep(0)
        self.loading -= 1
        return await super().load(persistence_id, state_version, to)


async def test_recovery_is_bounded_by_permits(start: Start) -> None:
    journal = CountingJournal([counter.schema])
    entities = start(journal, ask_timeout=30)
    await asyncio.gather(*(value(entities, entity) for entity in many(500)))
    assert 1 < journal.most <= 50


async def test_closing_lets_a_write_under_way_finish(start: Start, journal: MemoryJournal) -> None:
    faulty = FaultyJournal(journal)
    gate = faulty.delay("append")
    entities = start(faulty)
    asking = asyncio.create_task(entities.ask(ONE, Add()))
    await asyncio.wait_for(gate.arrived.wait(), 5)
    closing = asyncio.create_task(entities.close())
    gate.release()
    assert (await asking).status == Success(1)
    await closing
