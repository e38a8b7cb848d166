"""Handlers that raise, and actors that end."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from thespian.actors import (
    Actor,
    ActorAddress,
    ActorExitRequest,
    ChildActorExited,
    DeadEnvelope,
    InvalidActorSpecification,
    PoisonMessage,
    requireCapability,
)

from spikes.actors.system_base import ActorSystemBase, start_actor_system, system_base_of
from tests.actors.system_base_actors import TIMEOUT, Doer, Unborn, answer, boom, doer, new_child, settle


@pytest.fixture
async def base() -> AsyncIterator[ActorSystemBase]:
    base = system_base_of(start_actor_system())
    yield base
    await base.aclose()


async def child_of(base: ActorSystemBase, parent: ActorAddress) -> ActorAddress:
    address: ActorAddress = await base.request(parent, new_child, TIMEOUT)
    return address


class AlwaysFails(Doer):
    """Fails on everything, notices of the system too."""

    def receiveMessage(self, msg: Any, sender: ActorAddress) -> None:  # noqa: N802
        self.seen.append(msg)
        raise ValueError("always")


async def test_failed_message_is_delivered_once(base: ActorSystemBase) -> None:
    sender, target = base.newPrimaryActor(Doer), base.newPrimaryActor(Doer)
    base.post(target, boom, sender)
    await settle(base)
    assert doer(base, target).seen == [boom]
    assert doer(base, sender).seen == [PoisonMessage(boom)]


async def test_poison_carries_the_traceback(base: ActorSystemBase) -> None:
    sender = base.newPrimaryActor(Doer)
    base.post(base.newPrimaryActor(Doer), boom, sender)
    await settle(base)
    assert "ValueError: boom" in doer(base, sender).seen[0].details


async def test_actor_lives_on_after_failure(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    base.post(address, boom)
    assert await base.request(address, answer(lambda me: len(me.seen)), TIMEOUT) == 2


async def test_poison_is_never_poisoned(base: ActorSystemBase) -> None:
    sender, target = base.newPrimaryActor(AlwaysFails), base.newPrimaryActor(AlwaysFails)
    base.post(target, "bad", sender)
    await settle(base)
    assert doer(base, sender).seen == [PoisonMessage("bad")]
    assert doer(base, target).seen == ["bad"]


async def test_failure_on_notice_of_death_is_not_poison(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(AlwaysFails)
    base.post(base.newPrimaryActor(Doer), "unrelated")
    ref = next(ref for ref in base.actors() if ref.address == parent)
    base.post(ref.createActor(Doer), ActorExitRequest())
    await settle(base)
    assert [type(message) for message in doer(base, parent).seen] == [ChildActorExited]


async def test_failure_on_exit_request_ends_actor_anyway(base: ActorSystemBase) -> None:
    base.post(base.newPrimaryActor(AlwaysFails), ActorExitRequest())
    await settle(base)
    assert base.live_actors == 0


async def test_actor_handles_its_exit_request(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(Doer)
    exiting = doer(base, address)
    base.post(address, ActorExitRequest())
    await settle(base)
    assert exiting.seen == [ActorExitRequest()]


async def test_parent_is_told_of_childs_exit(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    child = await child_of(base, parent)
    base.post(child, ActorExitRequest())
    await settle(base)
    assert doer(base, parent).seen[1:] == [ChildActorExited(child)]


async def test_exit_takes_all_descendants_down(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    await child_of(base, await child_of(base, parent))
    base.post(parent, ActorExitRequest())
    await settle(base)
    assert base.live_actors == 0


async def test_exit_that_is_not_recursive_spares_children(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    child = await child_of(base, parent)
    base.post(parent, ActorExitRequest(recursive=False))
    await settle(base)
    assert [ref.address for ref in base.actors()] == [child]


async def test_spared_children_end_with_the_system(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    child = doer(base, await child_of(base, parent))
    base.post(parent, ActorExitRequest(recursive=False))
    await settle(base)
    await base.aclose()
    assert child.seen == [ActorExitRequest()]


async def test_exited_actor_leaves_nothing_behind(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    before = len(base.actorRegistry)
    child = base.newPrimaryActor(Doer, globalName="the one")
    base.post(child, lambda me, _: (me.handleDeadLetters(), me.notifyOnSourceAvailability(), me.wakeupAfter(TIMEOUT)))
    base.post(child, ActorExitRequest())
    await settle(base)
    assert (len(base.actorRegistry), base.live_actors) == (before, 1)
    assert base.newPrimaryActor(Doer, globalName="the one") != child
    assert parent in [ref.address for ref in base.actors()]


async def test_exited_child_leaves_its_parent(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    base.post(await child_of(base, parent), ActorExitRequest())
    await settle(base)
    assert next(base.actors()).children == {}


async def test_message_to_the_dead_is_dead_letter(base: ActorSystemBase) -> None:
    handler, victim = base.newPrimaryActor(Doer), base.newPrimaryActor(Doer)
    base.post(handler, lambda me, _: me.handleDeadLetters())
    base.post(victim, ActorExitRequest())
    base.post(victim, "too late")
    await settle(base)
    assert doer(base, handler).seen[1:] == [DeadEnvelope(victim.actorAddressString, "too late")]


async def test_exited_handler_gets_no_dead_letters(base: ActorSystemBase) -> None:
    handler = base.newPrimaryActor(Doer)
    base.post(handler, lambda me, _: me.handleDeadLetters())
    base.post(handler, ActorExitRequest())
    base.post(handler, "to myself")
    await settle(base)
    assert base.dead_letters == 1


async def test_dead_handler_of_dead_letters_is_ignored(base: ActorSystemBase) -> None:
    handler = base.newPrimaryActor(Doer)
    ref = next(base.actors())
    base.post(handler, ActorExitRequest())
    await settle(base)
    ref.handleDeadLetters(handler, True)
    base.post(handler, "lost")
    await settle(base)
    assert base.dead_letters == 1


async def test_handler_can_give_dead_letters_up(base: ActorSystemBase) -> None:
    handler = base.newPrimaryActor(Doer)
    base.post(handler, lambda me, _: me.handleDeadLetters())
    base.post(handler, lambda me, _: me.handleDeadLetters(False))
    base.post(ActorAddress("/nobody"), "lost")
    await settle(base)
    assert len(doer(base, handler).seen) == 2


async def test_child_that_cannot_be_made_has_exited(base: ActorSystemBase) -> None:
    parent = base.newPrimaryActor(Doer)
    child = await base.request(parent, lambda me, sender: me.send(sender, me.createActor(Unborn)), TIMEOUT)
    await settle(base)
    assert doer(base, parent).seen[1:] == [ChildActorExited(child)]


async def test_primary_that_cannot_be_made_raises(base: ActorSystemBase) -> None:
    with pytest.raises(ValueError, match="never born"):
        base.newPrimaryActor(Unborn)


async def test_name_without_module_is_no_specification(base: ActorSystemBase) -> None:
    with pytest.raises(InvalidActorSpecification):
        base.newPrimaryActor("Doer")


async def test_actor_is_found_by_module_and_name(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor("tests.actors.system_base_actors.Doer")
    assert next(base.actors()).address == address


async def test_unfit_primary_takes_messages_and_does_nothing(base: ActorSystemBase) -> None:
    address = base.newPrimaryActor(requireCapability("flying")(type("Bird", (Doer,), {})))
    base.post(address, boom)
    await settle(base)
    assert (base.live_actors, base.dead_letters) == (0, 0)


async def test_global_name_gives_the_same_actor(base: ActorSystemBase) -> None:
    first = base.newPrimaryActor(Doer, globalName="the one")
    assert base.newPrimaryActor(Unborn, globalName="the one") == first
    assert await base.request(first, lambda me, sender: me.send(sender, me.globalName), TIMEOUT) == "the one"


async def test_init_is_given_what_it_names(base: ActorSystemBase) -> None:
    class Curious(Actor):
        def __init__(self, requirements: object, capabilities: dict[str, object]) -> None:
            self.given = requirements, capabilities["Thespian ActorSystem Name"]

        def receiveMessage(self, msg: object, sender: ActorAddress) -> None:  # noqa: N802
            self.send(sender, self.given)

    address = base.newPrimaryActor(Curious, {"legs": 4})
    assert await base.request(address, None, TIMEOUT) == ({"legs": 4}, "asyncioSystem")
