"""Wakeups: on time, in order, and gone with their actor."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from thespian.actors import ActorExitRequest, PoisonMessage, WakeupMessage
from thespian.transient import transient

from spikes.actors.system_base import ActorSystemBase, start_actor_system, system_base_of
from tests.actors.system_base_actors import TIMEOUT, Doer, settle


@pytest.fixture
async def base() -> AsyncIterator[ActorSystemBase]:
    base = system_base_of(start_actor_system())
    yield base
    await base.aclose()


class Sleeper(Doer):
    """Sets a timer for every period it is sent, and finishes a future when `expected` of them rang."""

    expected = 1
    woken: asyncio.Future[float]

    def receiveMessage(self, msg: Any, sender: Any) -> None:  # noqa: N802
        match msg:
            case WakeupMessage():
                self.seen.append(msg)
                if len(self.seen) == self.expected:
                    self.woken.set_result(monotonic())
            case asyncio.Future():
                self.woken = msg
            case _:
                self.wakeupAfter(msg, payload=msg)


async def asleep(base: ActorSystemBase, expected: int = 1) -> tuple[Any, asyncio.Future[float]]:
    address, woken = base.newPrimaryActor(Sleeper), base.loop.create_future()
    next(ref.instance for ref in base.actors() if isinstance(ref.instance, Sleeper)).expected = expected
    base.post(address, woken)
    return address, woken


@pytest.mark.parametrize("period", [0.01, timedelta(milliseconds=10), 0])
async def test_wakeup_brings_period_and_payload(base: ActorSystemBase, period: Any) -> None:
    address, woken = await asleep(base)
    base.post(address, period)
    await asyncio.wait_for(woken, TIMEOUT)
    assert next(base.actors()).instance.seen == [WakeupMessage(period, period)]  # type: ignore[union-attr]


async def test_wakeup_never_comes_early(base: ActorSystemBase) -> None:
    address, woken = await asleep(base)
    began = monotonic()
    base.post(address, 0.02)
    assert await asyncio.wait_for(woken, TIMEOUT) - began >= 0.02


async def test_wakeups_come_in_order_of_time(base: ActorSystemBase) -> None:
    address, woken = await asleep(base, expected=3)
    for period in (0.3, 0.1, 0.2):
        base.post(address, period)
    await asyncio.wait_for(woken, TIMEOUT)
    sleeper: Any = next(base.actors()).instance
    assert [wakeup.payload for wakeup in sleeper.seen] == [0.1, 0.2, 0.3]


async def test_wakeup_comes_while_messages_storm(base: ActorSystemBase) -> None:
    address, woken = await asleep(base)
    chatty = base.newPrimaryActor(Doer)

    def again(me: Doer, _: object) -> None:
        if not woken.done():
            me.send(me.myAddress, again)

    base.post(chatty, again)
    base.post(address, 0.01)
    await asyncio.wait_for(woken, TIMEOUT)


async def test_rung_timers_leave_nothing_behind(base: ActorSystemBase) -> None:
    address, woken = await asleep(base)
    base.post(address, 0)
    await asyncio.wait_for(woken, TIMEOUT)
    assert next(base.actors()).timers == set()


async def test_timers_of_exited_actors_are_cancelled(base: ActorSystemBase) -> None:
    address, _ = await asleep(base)
    base.post(address, 100)
    await settle(base)
    timers = set(next(base.actors()).timers or ())
    base.post(address, ActorExitRequest())
    await settle(base)
    assert [timer._handle.cancelled() for timer in timers] == [True]


async def test_wakeup_of_exited_actor_is_no_dead_letter(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    base.post(address, ActorExitRequest())
    base.post(address, WakeupMessage(0), address)
    await settle(base)
    assert base.dead_letters == 0


async def test_period_that_is_none_is_poison(base: ActorSystemBase) -> None:
    callback, future = base.temporary_address(TIMEOUT)
    base.post(base.newPrimaryActor(Doer), lambda me, _: me.wakeupAfter("soon"), callback)
    assert isinstance(await future, PoisonMessage)


async def test_transient_actor_exits_by_itself(base: ActorSystemBase) -> None:
    gone: asyncio.Future[None] = base.loop.create_future()

    class Brief(Doer):
        def receiveMessage(self, msg: Any, sender: Any) -> None:  # noqa: N802
            if isinstance(msg, ActorExitRequest):
                gone.set_result(None)

    base.post(base.newPrimaryActor(transient(timedelta(milliseconds=5))(Brief)), "hello")
    await asyncio.wait_for(gone, TIMEOUT)
    assert base.live_actors == 0
