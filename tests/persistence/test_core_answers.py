"""Every command is answered, once; effects do what they say, in their order, after the write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spikes.journal.errors import EventTooLarge, JournalError, JournalUnavailable, JournalUnusable, OutcomeUnknown
from spikes.journal.port import Appended, Claim, Loaded
from spikes.persistence import protocol as p
from spikes.persistence.behavior import Context
from spikes.persistence.effect import Effect
from spikes.persistence.reply import (
    Error,
    HandlerFailed,
    NotStored,
    OutcomeNotKnown,
    StashFull,
    StatusReply,
    Success,
    Unhandled,
)
from tests.persistence.samples import Add, Added, Do, Get, Ledger, Talk, ledger, stored

Decide = Callable[[Ledger, Context], Effect[Any]]


def do(effect: Effect[Any]) -> Do:
    return Do(lambda state, context: effect)


PERSIST = Effect[Any].persist(Added(1))
STASH = do(Effect.stash())
UNSTASH = do(Effect[Any].reply(Success("unstashed")).then_unstash_all())


def raises(*_: Any) -> Any:
    raise LookupError("on purpose")


# ---- the write


def test_a_command_is_answered_with_the_state_after_its_events() -> None:
    talk = Talk().decide(Add((1, 2)))
    assert talk.answers() == {}
    assert talk.complete(Appended(2)).value == Ledger((1, 2))
    assert talk.answers()["c1"].sequence_nr == 2


def test_the_state_is_replaced_only_after_the_write() -> None:
    talk = Talk().decide(Add((1,)))
    assert talk.core.folded.state == Ledger()
    assert talk.complete(Appended(1)).core.folded.state == Ledger((1,))


def test_all_events_of_one_effect_go_into_one_append() -> None:
    written = Talk().decide(Add((1, 2, 3))).written
    assert [event.sequence_nr for event in written.events] == [1, 2, 3]
    assert {event.metadata.attempt_id for event in written.events} == {"c1.0"}


def test_one_write_is_in_flight_and_the_others_wait() -> None:
    talk = Talk().decide(Add((1,))).receive(Add((2,))).receive(Get())
    assert len([output for output in talk.outputs if isinstance(output, p.Write)]) == 1
    assert talk.complete(Appended(1), True, Appended(2)).value == Ledger((1, 2))


def test_metadata_says_who_and_what_led_to_an_event() -> None:
    given = {"principal": "u", "request_id": "r", "correlation_id": "co", "causation_id": "ca"}
    metadata = Talk().decide(Add((1,)), now=7, **given).written.events[0].metadata
    assert (metadata.time, metadata.attempt_id, metadata.writer_id, metadata.command_id) == (7, "c1.0", "me", None)
    assert {name: getattr(metadata, name) for name in given} == given


def test_tags_are_stored_with_the_event() -> None:
    talk = Talk(behavior=ledger(tags=lambda event: (f"of {event.amount}",))).decide(Add((1,)))
    assert talk.written.events[0].tags == ("of 1",)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (JournalUnavailable("no disk"), NotStored),
        (OutcomeUnknown("lost"), OutcomeNotKnown),
        (JournalUnusable("damaged"), OutcomeNotKnown),
        (JournalError("?"), OutcomeNotKnown),
        (EventTooLarge("ledger|1", 9, 8), HandlerFailed),
    ],
)
def test_a_failed_write_says_what_is_known_of_it(error: JournalError, answer: type) -> None:
    talk = Talk().decide(Add((1,))).fail(error)
    assert type(talk.refusal) is answer
    assert talk.core.folded.state == Ledger()


# ---- what raises is answered, and nothing is written


@pytest.mark.parametrize("part", ["command_handler", "event_handler", "row", "unique", "tags"])
def test_whatever_raises_in_a_behavior_prevents_the_write(part: str) -> None:
    talk = Talk(behavior=ledger(**{part: raises})).decide(Add((1,)))
    assert str(talk.refusal) == "LookupError: on purpose"
    assert not any(isinstance(output, p.Write) for output in talk.outputs)


def test_an_entity_goes_on_after_a_handler_raised() -> None:
    assert Talk().decide(Do(raises)).decide(Get()).value == Ledger()


def test_an_event_of_an_undeclared_class_prevents_the_write() -> None:
    talk = Talk(behavior=ledger(event_handler=lambda state, event: state)).decide(do(_answered(Effect.persist(Get()))))
    assert "not an event of this behaviour" in str(talk.refusal)


def _answered(effect: Effect[Any]) -> Effect[Any]:
    return effect.then_reply(StatusReply.success)


@pytest.mark.parametrize("effect", [PERSIST, Effect[Any].none(), Effect[Any].stop(), PERSIST.then_stop(), None])
def test_an_effect_without_a_reply_is_refused_and_not_written(effect: Any) -> None:
    talk = Talk().decide(do(effect))
    assert isinstance(talk.refusal, HandlerFailed)
    assert talk.core.is_empty
    assert talk.core.is_idle


def test_a_reply_that_raises_is_an_error_but_the_events_stay() -> None:
    talk = Talk().decide(do(PERSIST.then_reply(raises))).complete(Appended(1))
    assert isinstance(talk.refusal, HandlerFailed)
    assert talk.decide(Get()).value == Ledger((1,))


def test_a_reply_that_is_no_status_is_an_error() -> None:
    nothing: Any = {}
    talk = Talk().decide(do(Effect[Any].none().then_reply(lambda _: nothing)))
    assert "StatusReply, not dict" in str(talk.refusal)


def test_the_cause_of_a_failure_is_kept_for_the_log() -> None:
    assert isinstance(Talk().decide(Do(raises)).refusal.__cause__, LookupError)


# ---- side effects


def test_side_effects_come_after_the_write_in_their_order() -> None:
    seen: list[Ledger] = []
    effect = PERSIST.then_run(seen.append).then_reply(StatusReply.success).then_stop()
    talk = Talk().decide(do(effect))
    assert isinstance(talk.last, p.Write)
    talk.complete(Appended(1))
    assert [type(output) for output in talk.outputs[-3:]] == [p.Run, p.Reply, p.Stop]


def test_a_side_effect_is_given_the_new_state() -> None:
    seen: list[Ledger] = []
    talk = Talk().decide(do(PERSIST.then_run(seen.append).then_no_reply())).complete(Appended(1))
    talk.last.call()
    assert seen == [Ledger((1,))]


@pytest.mark.parametrize("error", [JournalUnavailable(""), OutcomeUnknown("")])
def test_no_side_effect_follows_a_failed_write(error: JournalError) -> None:
    talk = Talk().decide(do(PERSIST.then_run(raises).then_reply(StatusReply.success))).fail(error)
    assert not any(isinstance(output, p.Run) for output in talk.outputs)


def test_no_side_effect_runs_on_recovery() -> None:
    talk = Talk(recover=False).complete(Loaded(None, stored(Added(1))))
    assert [type(output) for output in talk.outputs] == [p.Load, p.Notify]


def test_a_command_may_say_that_it_has_no_answer() -> None:
    talk = Talk().decide(do(PERSIST.then_no_reply())).complete(Appended(1))
    assert talk.answers() == {}
    assert talk.core.is_idle


def test_a_command_without_a_callback_address_is_carried_out() -> None:
    core = Talk().core
    core.step(p.Receive(p.Envelope("x", Add((1,)))), 0.0)
    core.step(p.Completed(True), 0.0)
    assert core.step(p.Completed(Appended(1)), 0.0) == []
    assert core.folded.state == Ledger((1,))


def test_an_unhandled_command_is_answered() -> None:
    assert isinstance(Talk().decide(do(Effect.unhandled())).refusal, Unhandled)


def test_an_unhandled_command_may_bring_its_own_answer() -> None:
    assert Talk().decide(do(Effect[Any].unhandled().then_reply(StatusReply.success))).value == Ledger()


# ---- the stash


def test_stashed_commands_run_first_in_the_order_they_came() -> None:
    order: list[str] = []

    def gate(state: Ledger, context: Context) -> Effect[Any]:
        order.append(context.attempt_id)
        return Effect.stash() if len(order) < 3 else Effect[Any].reply(Success(None))

    talk = Talk().decide(Do(gate)).decide(Do(gate)).receive(UNSTASH).receive(Get())
    talk.complete(True, True)
    assert list(talk.answers()) == ["c3", "c1", "c2", "c4"]


def test_stashed_commands_wait_for_the_write_that_unstashes_them() -> None:
    unstash = PERSIST.then_reply(StatusReply.success).then_unstash_all()
    first = Do(lambda state, context: Effect[Any].reply(Success("late")) if state.entries else Effect.stash())
    talk = Talk().decide(first).decide(do(unstash))
    assert talk.answers() == {}
    assert talk.complete(Appended(1), True).value == "late"


def test_a_command_may_be_stashed_again_and_again() -> None:
    talk = Talk().decide(STASH).decide(UNSTASH).complete(True).decide(UNSTASH).complete(True)
    assert list(talk.answers()) == ["c2", "c3"]
    assert talk.core.waiting == 1


def test_the_stash_takes_as_many_as_its_bound() -> None:
    talk = Talk(capacity=3).receive(Get()).receive(Get()).receive(Get())
    assert talk.answers() == {}
    assert talk.core.waiting == 3


def test_one_command_over_the_bound_is_told_so() -> None:
    talk = Talk(capacity=3).receive(Get()).receive(Get()).receive(Get()).receive(Get())
    assert list(talk.answers()) == ["c4"]
    assert isinstance(talk.refusal, StashFull)


def test_stashed_commands_count_towards_the_bound() -> None:
    talk = Talk(capacity=2).decide(STASH).decide(STASH).receive(Get())
    assert isinstance(talk.refusal, StashFull)


def test_a_stash_that_was_full_takes_commands_again() -> None:
    talk = Talk(capacity=1).receive(Get()).receive(Get()).complete(True)
    assert list(talk.answers()) == ["c2", "c1"]
    assert talk.decide(Get()).value == Ledger()


def test_thousands_of_waiting_commands_are_answered_at_once() -> None:
    talk = Talk(capacity=4096, recover=False)
    for _ in range(4096):
        talk.receive(Get())
    talk.fail(JournalUnavailable("no disk"))
    assert len(talk.answers()) == 4096


# ---- stopping


def test_stop_comes_after_the_commands_that_wait() -> None:
    talk = Talk().receive(do(PERSIST.then_stop().then_reply(StatusReply.success))).receive(Add((2,)))
    talk.complete(True, Appended(1), True)
    assert talk.last == p.Write(talk.written)
    assert isinstance(talk.complete(Appended(2)).last, p.Stop)
    assert talk.core.is_idle


def test_stop_answers_what_is_stashed() -> None:
    talk = Talk().decide(STASH).decide(do(Effect[Any].stop().then_no_reply()))
    assert isinstance(talk.answers()["c1"].status, Error)
    assert isinstance(talk.last, p.Stop)


def test_a_command_after_stop_is_carried_out_all_the_same() -> None:
    assert Talk().decide(do(Effect[Any].stop().then_no_reply())).decide(Get()).value == Ledger()


def test_leaving_handles_what_waits_and_answers_what_is_stashed() -> None:
    talk = Talk().decide(STASH).decide(Add((1,)))
    assert talk.core.leave(0.0) == []
    talk.complete(Appended(1))
    assert list(talk.answers()) == ["c2", "c1"]
    assert isinstance(talk.last, p.Stop)


def test_an_idle_entity_leaves_at_once() -> None:
    assert Talk().core.leave(0.0) == [p.Stop()]


# ---- the driver


def test_an_entity_is_idle_when_nothing_waits_or_is_under_way() -> None:
    talk = Talk().decide(Add((1,)))
    assert not talk.core.is_idle
    assert talk.complete(Appended(1)).core.is_idle
    assert not talk.decide(STASH).core.is_idle


def test_a_result_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="nobody asked for"):
        Talk().complete(True)


def test_an_abandoned_entity_answers_everyone_and_leaves() -> None:
    talk = Talk().decide(Add((1,))).receive(Get())
    talk.outputs += talk.core.abandon(ValueError("a bug"))
    assert {name: str(answer.status.reason) for name, answer in talk.answers().items()} == {  # type: ignore[union-attr]
        "c1": "ValueError: a bug",
        "c2": "ValueError: a bug",
    }
    assert isinstance(talk.last, p.Stop)
    assert talk.complete(Appended(1)).core.is_idle


# ---- the row


def test_a_first_append_writes_all_search_parts() -> None:
    index = Talk().decide(Add((1,))).written.row.index
    assert index is not None
    assert (index.changed, index.base) == (None, None)


def test_an_append_names_the_search_parts_it_changes() -> None:
    index = Talk(*stored(Added(1))).decide(Add((2,))).written.row.index
    assert index is not None
    assert index.changed == frozenset({"entry 1"})
    assert index.base is not None
    assert (index.base.sequence_nr, index.base.state_version) == (1, 3)


def test_the_base_of_the_next_append_is_the_one_before() -> None:
    index = Talk().decide(Add((1,))).complete(Appended(1)).decide(Add((2, 3))).written.row.index
    assert index is not None
    assert index.changed == frozenset({"entry 1", "entry 2"})
    assert index.base is not None
    assert index.base.sequence_nr == 1


def test_the_base_after_catching_up_is_what_the_other_wrote() -> None:
    talk = Talk().decide(Add((1,))).complete(Appended(1)).receive(Add((3,)))
    index = talk.complete(False, stored(Added(2), after=1)).written.row.index
    assert index is not None
    assert index.changed == frozenset({"entry 2"})
    assert index.base is not None
    assert index.base.sequence_nr == 2


def test_a_behavior_may_have_no_row() -> None:
    row = Talk(behavior=ledger(row=lambda state, number: None)).decide(Add((1,))).written.row
    assert row.index is None
    assert row.snapshot is not None


def test_a_claim_is_never_its_value() -> None:
    assert b"secret" not in Claim.of("name", "secret").digest
