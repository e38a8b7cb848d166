"""The testkit finds what a behaviour must not do."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
import pytest

from spikes.journal.port import Claim, CommandKey, RowSchema
from spikes.persistence.behavior import EventSourcedBehavior, RecoveryCompleted
from spikes.persistence.codec import EventCodec
from spikes.persistence.effect import Effect
from spikes.persistence.reply import PreconditionFailed, StatusReply, Success
from spikes.persistence.testkit import BehaviorTestKit
from tests.persistence.samples import KEY, Add, Added, Do, Get, Ledger, Name, ledger, row


class Forgetful(msgspec.Struct, frozen=True):
    amount: int
    note: str = ""


class ForgetfulCodec(EventCodec[Any]):
    def encode(self, event: Any) -> tuple[str, bytes]:
        return "forgetful@1", b'{"amount":%d}' % event.amount


def kit(**changes: Any) -> BehaviorTestKit[Any, Any, Ledger]:
    return BehaviorTestKit(ledger(**changes), "1")


def test_it_gives_events_state_and_reply() -> None:
    outcome = kit().run(Add((1, 2)))
    assert (outcome.events, outcome.state, outcome.value) == ((Added(1), Added(2)), Ledger((1, 2)), Ledger((1, 2)))


def test_an_entity_keeps_its_state_after_a_restart() -> None:
    entity = kit()
    entity.run(Add((1,)))
    assert entity.restart() == Ledger((1,))
    assert entity.signals == [RecoveryCompleted(0), RecoveryCompleted(1)]


def test_it_finds_a_path_without_a_reply() -> None:
    with pytest.raises(AssertionError, match="neither a reply nor then_no_reply"):
        kit().run(Do(lambda state, context: Effect[Any].persist(Added(1))))


def test_it_finds_a_handler_that_raises() -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError") as raised:
        kit().run(Do(lambda state, context: Effect[Any].reply(Success(1 // 0))))
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_it_finds_a_reply_that_raises() -> None:
    with pytest.raises(AssertionError, match="a handler broke"):
        kit().run(Do(lambda state, context: Effect[Any].none().then_reply(lambda state: state.nonsense)))


def test_it_finds_a_codec_that_loses_a_field() -> None:
    codec, event = ForgetfulCodec({"forgetful@1": Forgetful}), Forgetful(1, "lost")
    entity = kit(events=codec, event_handler=lambda state, event: Ledger((event.amount,)))
    with pytest.raises(AssertionError, match="an event changes by being stored"):
        entity.run(Do(lambda state, context: Effect[Any].persist(event).then_reply(StatusReply.success)))


def test_it_finds_an_event_handler_that_is_not_pure() -> None:
    numbers = count()
    with pytest.raises(AssertionError, match="replaying the stored events gives another state"):
        kit(event_handler=lambda state, event: Ledger((next(numbers),))).run(Add((1,)))


def test_it_finds_a_command_handler_that_is_not_pure() -> None:
    numbers = count()
    with pytest.raises(AssertionError, match="deciding again"):
        kit().run(Do(lambda state, context: Effect[Any].persist(Added(next(numbers))).then_no_reply()))


def test_it_finds_a_row_that_is_not_pure() -> None:
    numbers = count()
    with pytest.raises(AssertionError, match="no pure function of the events"):
        kit(row=lambda state, number: msgspec.structs.replace(row(state, number), item=b"%d" % next(numbers))).run(
            Add((1,))
        )


class Rounded(msgspec.Struct, frozen=True):
    amount: float = 0.0


def test_it_finds_a_state_that_changes_by_being_stored() -> None:
    behavior = EventSourcedBehavior[Add, Added, Any](
        RowSchema("rounded", 1),
        Rounded(),
        Rounded,
        EventCodec({"added@1": Added}),
        lambda state, command, context: Effect[Added].persist(Added(1)).then_no_reply(),
        lambda state, event: Rounded(float("nan")),
    )
    with pytest.raises(AssertionError):
        BehaviorTestKit(behavior, "1").run(Add((1,)))


def test_it_tries_claims_between_entities() -> None:
    claims: dict[Claim, str] = {}
    BehaviorTestKit(ledger(), "1", claims).run(Name("a"))
    behavior = ledger(claim_handler=lambda state, command, claim, holder, context: Effect.reply(Success(holder)))
    assert BehaviorTestKit(behavior, "2", claims).run(Name("a")).value == "ledger|1"


def test_it_releases_a_claim_for_others() -> None:
    claims: dict[Claim, str] = {}
    first = BehaviorTestKit(ledger(), "1", claims)
    first.run(Name("a"))
    first.run(Name("b"))
    assert BehaviorTestKit(ledger(), "2", claims).run(Name("a")).state.name == "a"


def test_it_tries_if_match() -> None:
    assert isinstance(kit().run(Add((1,)), expected=4).refusal, PreconditionFailed)


def test_it_tries_client_keys() -> None:
    entity = kit()
    first = entity.run(Add((1,)), key=KEY)
    entity.run(Add((2,)), key=CommandKey("other", b""))
    again = entity.run(Add((1,)), key=KEY)
    assert (again.value, again.events) == (first.value, ())
    assert again.answer is not None
    assert again.answer.replayed


def test_it_shows_the_answers_of_stashed_commands() -> None:
    entity = kit()
    wait = Do(lambda state, context: Effect[Any].reply(Success("late")) if state.entries else Effect.stash())
    assert entity.run(wait).answer is None
    unlock = Effect[Any].persist(Added(1)).then_unstash_all().then_no_reply()
    assert [answer.status for answer in entity.run(Do(lambda state, context: unlock)).unstashed] == [Success("late")]


def test_it_runs_side_effects_once_and_never_on_recovery() -> None:
    seen: list[Ledger] = []
    entity = kit()
    entity.run(Do(lambda state, context: Effect[Any].persist(Added(1)).then_run(seen.append).then_no_reply()))
    entity.restart()
    assert seen == [Ledger((1,))]


def test_a_stopped_entity_recovers_by_its_next_command() -> None:
    entity = kit()
    entity.run(Do(lambda state, context: Effect[Any].persist(Added(1)).then_stop().then_no_reply()))
    assert entity.run(Get()).value == Ledger((1,))


def test_it_passes_the_time_and_the_principal() -> None:
    outcome = kit().run(
        Do(lambda state, context: Effect.reply(Success((context.now, context.principal)))), now=7, principal="me"
    )
    assert outcome.value == (7, "me")
