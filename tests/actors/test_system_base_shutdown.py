"""The end of the system on our own loop: bounded in time, and nothing is left."""

import asyncio

import pytest
from thespian.actors import ActorExitRequest

from spikes.actors import system_base
from spikes.actors.system_base import SystemIsShutDown, start_actor_system, system_base_of
from tests.actors.system_base_actors import TIMEOUT, Doer, doer, new_child


async def test_close_lets_actors_handle_their_exit() -> None:
    base = system_base_of(start_actor_system())
    address = base.newPrimaryActor(Doer)
    parent, child = doer(base, address), doer(base, await base.request(address, new_child, TIMEOUT))
    await base.aclose()
    assert parent.seen[-1] == child.seen[-1] == ActorExitRequest()


async def test_close_leaves_nothing_behind() -> None:
    base = system_base_of(start_actor_system())
    base.post(base.newPrimaryActor(Doer), lambda me, _: me.wakeupAfter(100))
    await base.aclose()
    assert (base.live_actors, base.mailbox_depth, base.actorRegistry) == (0, 0, {})


async def test_close_may_be_called_at_once_and_again() -> None:
    base = system_base_of(start_actor_system())
    await asyncio.gather(base.aclose(), base.aclose())
    await base.aclose()


async def test_close_cancels_tasks_and_delivers_nothing() -> None:
    base = system_base_of(start_actor_system())
    task = base.run_task(asyncio.sleep(100), base.newPrimaryActor(Doer), str, repr)
    await base.aclose()
    assert (task.cancelled(), base.running_tasks) == (True, 0)


async def test_close_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_base, "SHUTDOWN_SECONDS", 0.01)
    base = system_base_of(start_actor_system())

    def again(me: Doer, _: object) -> None:
        me.send(me.myAddress, again)

    base.post(base.newPrimaryActor(Doer), again)
    base.run_task(stubborn(), base.newPrimaryActor(Doer), str, repr)
    await asyncio.wait_for(base.aclose(), TIMEOUT)
    assert base.live_actors == 0


async def stubborn() -> None:
    """Survive the first cancellation."""
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        await asyncio.sleep(0.05)


async def test_close_fails_requests_that_wait() -> None:
    base = system_base_of(start_actor_system())
    request = asyncio.ensure_future(base.request(base.newPrimaryActor(Doer), "silence"))
    await asyncio.sleep(0)
    await base.aclose()
    with pytest.raises(SystemIsShutDown):
        await request


async def test_closing_system_makes_no_actors() -> None:
    base = system_base_of(start_actor_system())
    await base.aclose()
    with pytest.raises(SystemIsShutDown):
        base.newPrimaryActor(Doer)


async def test_closed_system_takes_no_requests() -> None:
    base = system_base_of(start_actor_system())
    address = base.newPrimaryActor(Doer)
    await base.aclose()
    base.post(address, "into the void")
    with pytest.raises(SystemIsShutDown):
        await base.request(address, "hello", TIMEOUT)


async def test_shutdown_on_the_loop_begins_the_end() -> None:
    system = start_actor_system()
    base = system_base_of(system)
    exiting = doer(base, base.newPrimaryActor(Doer))
    system.shutdown()
    await base.aclose()
    assert exiting.seen == [ActorExitRequest()]


async def test_shutdown_from_a_thread_waits_for_the_end() -> None:
    system = start_actor_system()
    base = system_base_of(system)
    base.newPrimaryActor(Doer)
    await asyncio.to_thread(system.shutdown)
    assert base.live_actors == 0
