"""Actors that break: whoever asked hears of it, and the next command finds an entity that works."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from spikes.actors.entity import Entity
from spikes.actors.journal_actor import JournalActor
from spikes.actors.port import AskTimeout
from spikes.actors.system import EntitySystem
from spikes.journal.memory import MemoryJournal
from spikes.persistence.core import PersistentEntity
from spikes.persistence.reply import Error, Failure, HandlerFailed, OutcomeNotKnown, Success
from tests.actors.conftest import Start
from tests.actors.counter import Add, Read, counter

ONE = counter.persistence_id("one")


async def failure(entities: EntitySystem, command: object = Add()) -> Failure:
    status = (await asyncio.wait_for(entities.ask(ONE, command), 10)).status
    assert isinstance(status, Error)
    assert isinstance(status.reason, Failure)
    return status.reason


class Shaky(MemoryJournal):
    """A journal with bugs: calls that may not raise do so, as often as planned."""

    watching = checking = 0

    def watch(self, persistence_id: str) -> None:
        if self.watching:
            self.watching -= 1
            raise ZeroDivisionError("watch")

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        if self.checking:
            self.checking -= 1
            raise ZeroDivisionError("is_current")
        return super().is_current(persistence_id, sequence_nr)


@pytest.fixture
def shaky() -> Shaky:
    return Shaky([counter.schema])


async def test_an_entity_that_cannot_begin_is_answered_and_tried_again(start: Start, shaky: Shaky) -> None:
    entities = start(shaky)
    shaky.watching = 1
    assert isinstance(await failure(entities), HandlerFailed)
    assert (await entities.ask(ONE, Add())).status == Success(1)


async def test_an_entity_that_cannot_begin_leaves_nothing_behind(start: Start, shaky: Shaky) -> None:
    entities = start(shaky)
    before = entities.live_actors
    shaky.watching = 1
    await failure(entities)
    async with asyncio.timeout(5):
        while await entities.active("counter"):
            pass
    assert entities.live_actors == before


async def test_commands_behind_one_that_cannot_begin_are_answered(start: Start, shaky: Shaky) -> None:
    entities = start(shaky)
    shaky.watching = 1
    answers = await asyncio.wait_for(asyncio.gather(*(entities.ask(ONE, Add()) for _ in range(5))), 10)
    assert all(isinstance(answer.status, Error) for answer in answers)


async def test_an_actor_that_cannot_be_made_is_tried_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    entities = start(ask_timeout=0.01)

    def fails(self: Entity) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Entity, "__init__", fails)
        with pytest.raises(AskTimeout):
            await entities.ask(ONE, Add())
    assert await entities.active("counter") == 0
    assert (await entities.ask(ONE, Add())).status == Success(1)


@pytest.mark.parametrize("checks", [1, 2])
async def test_a_check_that_raises_is_answered(start: Start, shaky: Shaky, checks: int) -> None:
    entities = start(shaky)
    await entities.ask(ONE, Add())
    shaky.checking = checks
    assert isinstance(await failure(entities), HandlerFailed)
    shaky.checking = 0
    assert (await entities.ask(ONE, Add())).status == Success(2)


async def test_a_command_that_came_through_the_region_is_answered_too(start: Start, shaky: Shaky) -> None:
    entities = start(shaky)
    shaky.checking = 1
    asked = [entities.ask(ONE, Read(), new=True) for _ in range(2)]
    first, second = await asyncio.wait_for(asyncio.gather(*asked), 10)
    assert first.status == Success(0)
    assert isinstance(second.status, Error)
    assert (await entities.ask(ONE, Add())).status == Success(1)


async def test_a_core_that_breaks_answers_everyone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    entities = start()
    await entities.ask(ONE, Add())

    def fails(*_: object) -> None:
        raise ZeroDivisionError("a bug in the core")

    with monkeypatch.context() as patched:
        patched.setattr(PersistentEntity, "_check", fails)
        answers = await asyncio.wait_for(asyncio.gather(*(entities.ask(ONE, Add()) for _ in range(5))), 10)
    assert all(isinstance(answer.status, Error) for answer in answers)
    assert (await asyncio.wait_for(entities.ask(ONE, Read()), 10)).status == Success(1)


async def test_an_entity_that_cannot_retire_is_ended(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    entities = start(max_entities=1)
    await entities.ask(ONE, Add())

    def fails(*_: object) -> None:
        raise ZeroDivisionError("a bug in the core")

    with monkeypatch.context() as patched:
        patched.setattr(PersistentEntity, "leave", fails)
        await entities.ask(counter.persistence_id("other"), Add())
        async with asyncio.timeout(5):
            while await entities.active("counter") > 1:
                pass
    assert (await asyncio.wait_for(entities.ask(ONE, Add()), 10)).status == Success(2)


async def test_a_journal_actor_that_breaks_leaves_no_question_open(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    entities = start()
    await entities.ask(ONE, Add())

    def fails(actor: JournalActor, work: Coroutine[object, object, object], sender: object) -> None:
        work.close()
        raise ZeroDivisionError("a bug in the journal's actor")

    with monkeypatch.context() as patched:
        patched.setattr(JournalActor, "_run", fails)
        assert isinstance(await failure(entities), OutcomeNotKnown)
    assert (await asyncio.wait_for(entities.ask(ONE, Add()), 10)).status == Success(2)
