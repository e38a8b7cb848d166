"""The system base from asyncio code: post, request, callback addresses, tasks, and its manners on the loop."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from thespian.actors import ActorAddress, DeadEnvelope, PoisonMessage

from spikes.actors.system_base import ActorSystemBase, Poisoned, start_actor_system, system_base_of
from spikes.actors.system_dispatch import SLICE_MESSAGES, SLICE_SECONDS
from tests.actors.system_base_actors import TIMEOUT, Doer, Echo, answer, boom, doer, new_child, settle


@pytest.fixture
async def base() -> AsyncIterator[ActorSystemBase]:
    base = system_base_of(start_actor_system())
    yield base
    await base.aclose()


async def test_base_lives_on_the_running_loop(base: ActorSystemBase) -> None:
    assert base.loop is asyncio.get_running_loop()


async def test_request_gives_the_actors_answer(base: ActorSystemBase) -> None:
    assert await base.request(base.newPrimaryActor(Echo), "hello", TIMEOUT) == "hello"


async def test_requests_at_once_never_mix_answers(base: ActorSystemBase) -> None:
    echo = base.newPrimaryActor(Echo)
    answers = await asyncio.gather(*(base.request(echo, number, TIMEOUT) for number in range(500)))
    assert answers == list(range(500))


async def test_request_without_answer_times_out(base: ActorSystemBase) -> None:
    with pytest.raises(TimeoutError):
        await base.request(base.newPrimaryActor(Doer), "silence", 0.001)


async def test_request_raises_poisoned_with_the_traceback(base: ActorSystemBase) -> None:
    with pytest.raises(Poisoned) as caught:
        await base.request(base.newPrimaryActor(Doer), boom, TIMEOUT)
    assert caught.value.poison is boom
    assert "in boom" in str(caught.value.details)
    assert str(caught.value) == "the handler of a message of type function raised ValueError: boom"


async def test_late_answer_is_a_dead_letter(base: ActorSystemBase) -> None:
    callback, future = base.temporary_address()
    future.cancel()
    base.post(callback, "late")
    await settle(base)
    assert base.dead_letters == 1


async def test_second_answer_is_a_dead_letter(base: ActorSystemBase) -> None:
    callback, future = base.temporary_address(TIMEOUT)
    base.post(callback, "first")
    base.post(callback, "second")
    await settle(base)
    assert (await future, base.dead_letters) == ("first", 1)


async def test_callback_address_works_inside_a_message(base: ActorSystemBase) -> None:
    callback, future = base.temporary_address(TIMEOUT)
    base.post(base.newPrimaryActor(Doer), lambda me, _: me.send(callback, "found"))
    assert await future == "found"


async def test_callback_address_gives_poison_as_it_is(base: ActorSystemBase) -> None:
    callback, future = base.temporary_address(TIMEOUT)
    base.post(base.newPrimaryActor(Doer), boom, callback)
    assert isinstance(await future, PoisonMessage)


async def test_callback_addresses_leave_nothing_behind(base: ActorSystemBase) -> None:
    echo, before = base.newPrimaryActor(Echo), len(base.actorRegistry)
    await base.request(echo, "answered", TIMEOUT)
    base.temporary_address()[1].cancel()
    with pytest.raises(TimeoutError):
        await base.temporary_address(0.001)[1]
    await settle(base)
    await asyncio.sleep(0)
    assert len(base.actorRegistry) == before


async def test_messages_come_in_the_order_sent(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    for number in range(1000):
        base.post(address, number)
    await settle(base)
    assert doer(base, address).seen == list(range(1000))


async def test_loop_gets_its_turn_after_hundred_messages(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    for number in range(10 * SLICE_MESSAGES):
        base.post(address, number)
    turns = []
    while base.mailbox_depth:
        turns.append(base.mailbox_depth)
        await asyncio.sleep(0)
    assert len(turns) >= 10


async def test_loop_gets_its_turn_after_slow_handler(base: ActorSystemBase) -> None:
    def slow(me: Doer, sender: ActorAddress) -> None:
        until = base.loop.time() + SLICE_SECONDS * 1.1
        while base.loop.time() < until:
            pass

    address = base.newPrimaryActor(Doer)
    for _ in range(3):
        base.post(address, slow)
    await asyncio.sleep(0)
    assert base.mailbox_depth == 2


async def test_task_brings_its_result_as_message(base: ActorSystemBase) -> None:
    async def read() -> int:
        return 42

    address = base.newPrimaryActor(Doer)
    await base.run_task(read(), address, lambda result: ("read", result), lambda error: ("failed", error))
    await settle(base)
    assert doer(base, address).seen == [("read", 42)]


async def test_task_brings_its_exception_as_message(base: ActorSystemBase) -> None:
    async def read() -> int:
        raise OSError("disk")

    address = base.newPrimaryActor(Doer)
    with pytest.raises(OSError, match="disk"):
        await base.run_task(read(), address, str, repr)
    await settle(base)
    assert doer(base, address).seen == ["OSError('disk')"]


async def test_task_brings_its_cancellation_as_message(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    base.run_task(asyncio.sleep(TIMEOUT), address, str, repr).cancel()
    await asyncio.sleep(0)
    await settle(base)
    assert doer(base, address).seen == ["CancelledError()"]


async def test_message_that_cannot_be_made_is_failure(base: ActorSystemBase) -> None:
    def impossible(result: None) -> object:
        raise ValueError("impossible")

    address = base.newPrimaryActor(Doer)
    await base.run_task(asyncio.sleep(0), address, impossible, repr)
    await settle(base)
    assert doer(base, address).seen == ["ValueError('impossible')"]


async def test_task_is_held_until_it_ends(base: ActorSystemBase) -> None:
    async def wait() -> None:
        await future

    future: asyncio.Future[None] = base.loop.create_future()
    address = base.newPrimaryActor(Doer)
    base.run_task(wait(), address, lambda _: "done", repr)
    gc.collect()
    future.set_result(None)
    await settle(base)
    assert (doer(base, address).seen, base.running_tasks) == (["done"], 0)


async def test_actor_finds_its_base(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    assert await base.request(address, answer(system_base_of), TIMEOUT) is base


async def test_two_systems_of_a_process_exchange_messages(base: ActorSystemBase) -> None:
    other = system_base_of(start_actor_system())
    relay = base.newPrimaryActor(Doer)
    echo = other.newPrimaryActor(Echo)
    callback, future = base.temporary_address(TIMEOUT)
    base.post(relay, lambda me, _: me.send(echo, lambda *_: me.send(callback, "back")))
    assert await future == "back"
    await other.aclose()


async def test_live_actors_and_depth_are_counted(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    await base.request(address, new_child, TIMEOUT)
    base.post(address, "waits")
    assert (base.live_actors, base.mailbox_depth, len(list(base.actors()))) == (2, 1, 2)


class Recorder:
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def message_handled(self, kind: str, queued: float, handled: float) -> None:
        assert queued >= 0
        assert handled >= 0
        self.told.append(("handled", kind))

    def handler_failed(self, kind: str, message: object, problem: Exception) -> None:
        self.told.append(("failed", kind))

    def actor_created(self, kind: str) -> None:
        self.told.append(("created", kind))

    def actor_exited(self, kind: str) -> None:
        self.told.append(("exited", kind))

    def dead_letter(self, address: str, message: object) -> None:
        self.told.append(("dead letter", message))


async def test_instrumentation_is_told_what_happens(base: ActorSystemBase) -> None:
    recorder = Recorder()
    base.instrument(recorder)
    base.post(base.newPrimaryActor(Doer), boom)
    base.post(ActorAddress("/nobody"), "lost")
    await settle(base)
    wanted = [("created", "Doer"), ("failed", "Doer"), ("handled", "Doer"), ("dead letter", "lost")]
    assert [event for event in recorder.told if event in wanted] == wanted


async def test_dead_letters_reach_registered_handler(base: ActorSystemBase) -> None:
    handler = base.newPrimaryActor(Doer)
    base.post(handler, lambda me, _: me.handleDeadLetters())
    base.post(ActorAddress("/nobody"), "lost")
    await settle(base)
    assert doer(base, handler).seen[1:] == [DeadEnvelope("/nobody", "lost")]
