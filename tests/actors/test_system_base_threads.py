"""Thespian's own blocking calls: from threads, on a loop of the base's own or on ours."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from thespian.actors import ActorAddress, ActorExitRequest, ActorSystem, PoisonMessage

from spikes.actors.system_base import BlockingCallInLoop, SystemIsShutDown, start_actor_system, system_base_of
from tests.actors.system_base_actors import TIMEOUT, Doer, Echo, Unborn, boom


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = start_actor_system()
    yield system
    system.shutdown()


def test_base_without_running_loop_brings_its_own(system: ActorSystem) -> None:
    assert system.ask(system.createActor(Echo), "hello", TIMEOUT) == "hello"


def test_ask_without_answer_gives_none(system: ActorSystem) -> None:
    assert system.ask(system.createActor(Doer), "silence", 0.001) is None


def test_ask_gives_poison_as_it_is(system: ActorSystem) -> None:
    assert isinstance(system.ask(system.createActor(Doer), boom, TIMEOUT), PoisonMessage)


def test_answers_to_tell_are_for_listen(system: ActorSystem) -> None:
    system.tell(system.createActor(Echo), "later")
    assert system.listen(TIMEOUT) == "later"


def test_notices_of_the_system_are_not_heard(system: ActorSystem) -> None:
    system.tell(system.createActor(Echo), ActorExitRequest())
    assert system.listen(0.01) is None


def test_hundred_threads_get_their_own_answers(system: ActorSystem) -> None:
    echo = system.createActor(Echo)
    together = threading.Barrier(100)

    def caller(number: int) -> bool:
        together.wait(TIMEOUT)
        return all(system.ask(echo, (number, turn), TIMEOUT) == (number, turn) for turn in range(20))

    with ThreadPoolExecutor(100) as pool:
        assert all(pool.map(caller, range(100)))


def test_private_contexts_get_their_own_answers(system: ActorSystem) -> None:
    echo = system.createActor(Echo)
    with system.private() as one, system.private() as other:
        one.tell(echo, "one")
        assert other.ask(echo, "other", TIMEOUT) == "other"
        assert one.listen(TIMEOUT) == "one"


def test_private_context_keeps_its_time_limit(system: ActorSystem) -> None:
    with system.private() as private:
        assert private.ask(system.createActor(Doer), "silence", 0.001) is None


def test_private_context_creates_actors(system: ActorSystem) -> None:
    with system.private() as private:
        assert private.ask(private.createActor(Echo), "hello", TIMEOUT) == "hello"


def test_private_context_leaves_nothing_behind(system: ActorSystem) -> None:
    registry = system_base_of(system).actorRegistry
    before = len(registry)
    with system.private():
        assert len(registry) == before + 1
    assert len(registry) == before


def test_ended_threads_leave_nothing_behind(system: ActorSystem) -> None:
    echo, registry = system.createActor(Echo), system_base_of(system).actorRegistry
    before = len(registry)
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(lambda number: system.ask(echo, number, TIMEOUT), range(50))) == list(range(50))
    assert len(registry) == before


def test_create_from_thread_raises_what_init_does(system: ActorSystem) -> None:
    with pytest.raises(ValueError, match="never born"):
        system.createActor(Unborn)


def test_callback_runs_on_the_loops_thread(system: ActorSystem) -> None:
    told: Future[int] = Future()
    system_base_of(system).call_soon(lambda: told.set_result(threading.get_ident()))
    assert told.result(TIMEOUT) != threading.get_ident()


def test_thread_of_an_actor_may_use_it(system: ActorSystem) -> None:
    def start(me: Doer, sender: ActorAddress) -> None:
        threading.Thread(target=lambda: me.send(sender, me.createActor(Echo))).start()

    echo = system.ask(system.createActor(Doer), start, TIMEOUT)
    assert system.ask(echo, "hello", TIMEOUT) == "hello"


def test_blocking_ask_in_a_handler_is_refused(system: ActorSystem) -> None:
    target = system.createActor(Doer)
    poison = system.ask(target, lambda me, sender: system.ask(sender, "deadlock", TIMEOUT), TIMEOUT)
    assert "BlockingCallInLoop" in poison.details


async def test_blocking_calls_on_our_loop_are_refused() -> None:
    system = start_actor_system()
    with pytest.raises(BlockingCallInLoop):
        system.ask(system.createActor(Echo), "deadlock", TIMEOUT)
    with pytest.raises(BlockingCallInLoop):
        system.listen(TIMEOUT)
    await system_base_of(system).aclose()


async def test_threads_may_block_on_our_loop() -> None:
    system = start_actor_system()
    echo = await asyncio.to_thread(system.createActor, Echo)
    assert await asyncio.to_thread(system.ask, echo, "hello", TIMEOUT) == "hello"
    await system_base_of(system).aclose()


def test_shutdown_ends_the_thread_and_may_repeat() -> None:
    system = start_actor_system()
    base = system_base_of(system)
    system.createActor(Echo)
    base.shutdown()
    base.shutdown()
    assert (base.live_actors, base.loop.is_closed()) == (0, True)


def test_calls_after_shutdown_say_so() -> None:
    system = start_actor_system()
    base, echo = system_base_of(system), system.createActor(Echo)
    system.shutdown()
    for call in (lambda: base.ask(echo, "hello", TIMEOUT), lambda: base.tell(echo, "hello"), lambda: base.listen(0)):
        with pytest.raises(SystemIsShutDown):
            call()


def test_shutdown_ends_the_wait_of_threads(system: ActorSystem) -> None:
    base, echo, waiting = system_base_of(system), system.createActor(Echo), threading.Event()

    def wait() -> object:
        with system.private() as private:
            private.tell(echo, "ready")
            assert private.listen(TIMEOUT) == "ready"
            waiting.set()
            return private.listen(None)

    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(wait)
        assert waiting.wait(TIMEOUT)
        base.shutdown()
        assert heard.result(TIMEOUT) is None


def test_actor_may_shut_the_system_down() -> None:
    system = start_actor_system()
    base = system_base_of(system)
    with system.private() as private:
        assert private.ask(private.createActor(Doer), lambda me, _: me.actorSystemShutdown()) is None
    base.shutdown()
    assert base.loop.is_closed()
