"""The rules C1 to C7 of `docs/protocol.md`, as far as the core keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.journal.errors import (
    ClaimTaken,
    DuplicateCommand,
    JournalUnavailable,
    OutcomeUnknown,
    SequenceConflict,
)
from spikes.journal.port import Appended, Claim, CommandKey, Loaded, RecordedCommand
from spikes.persistence import protocol as p
from spikes.persistence.behavior import Context
from spikes.persistence.effect import Effect
from spikes.persistence.reply import (
    Busy,
    Error,
    KeyReused,
    NotRecovered,
    NotStored,
    OutcomeNotKnown,
    PreconditionFailed,
    StatusReply,
)
from tests.persistence.samples import KEY, Add, Added, Do, Get, Ledger, Name, Named, Talk, ledger, stored

CONFLICT = SequenceConflict("ledger|1", 0, 1)


def overtaken(talk: Talk, place: int = 1) -> Talk:
    """Another writer is first at the place; the command waits to run again."""
    conflict = SequenceConflict("ledger|1", place - 1, place)
    return talk.fail(conflict).complete(stored(Added(100 + place), after=place - 1))


# ---- C1: attempt and command


def test_c1_every_run_has_its_own_attempt_id() -> None:
    talk = Talk().decide(Add((1,)))
    first = talk.written.attempt_id
    overtaken(talk).complete(None, True)
    assert (first, talk.written.attempt_id) == ("c1.0", "c1.1")


def test_c1_an_own_event_at_the_place_is_success() -> None:
    talk = Talk().decide(Add((1,))).fail(CONFLICT).complete(stored(Added(1), by="c1.0"))
    assert talk.value == Ledger((1,))
    assert talk.core.folded.sequence_nr == 1


def test_c1_an_own_event_is_success_even_if_others_followed() -> None:
    events = stored(Added(1), by="c1.0") + stored(Added(2), after=1)
    talk = Talk().decide(Add((1,))).fail(CONFLICT).complete(events)
    assert talk.value == Ledger((1,))
    assert talk.core.folded.sequence_nr == 1


def test_c1_an_own_event_is_success_though_its_key_is_found_used() -> None:
    talk = Talk().receive(Add((1,)), key=KEY).complete(None, True)
    talk.fail(DuplicateCommand("ledger|1", 1, KEY.fingerprint)).complete(stored(Added(1), by="c1.0"))
    assert talk.answers()["c1"].replayed is False
    assert talk.core.folded.sequence_nr == 1


def test_c1_a_conflict_that_cannot_be_compared_is_unknown() -> None:
    talk = Talk().decide(Add((1,))).fail(CONFLICT).fail(JournalUnavailable("no disk"))
    assert isinstance(talk.refusal, OutcomeNotKnown)


def test_c1_a_conflict_whose_winner_is_not_seen_is_unknown() -> None:
    talk = Talk().decide(Add((1,))).fail(CONFLICT).complete(())
    assert isinstance(talk.refusal, OutcomeNotKnown)


# ---- C2: deadline


def test_c2_a_late_command_is_not_run_when_taken() -> None:
    talk = Talk()
    talk.at = 5.0
    assert isinstance(talk.receive(Add((1,)), deadline=5.0).refusal, NotStored)


def test_c2_a_late_command_is_not_run_after_it_waited() -> None:
    talk = Talk().decide(Add((1,))).receive(Add((2,)), deadline=5.0)
    talk.at = 5.0
    assert isinstance(talk.complete(Appended(1)).refusal, NotStored)
    assert talk.core.folded.state == Ledger((1,))


def test_c2_a_late_command_is_not_sent_after_the_check() -> None:
    talk = Talk().receive(Add((1,)), deadline=5.0)
    talk.at = 5.0
    assert isinstance(talk.complete(True).refusal, NotStored)
    assert not any(isinstance(output, p.Write) for output in talk.outputs)


def test_c2_a_late_command_is_not_run_again() -> None:
    talk = overtaken(Talk().decide(Add((1,)), deadline=5.0))
    talk.at = 5.0
    assert isinstance(talk.complete(None, True).refusal, NotStored)


def test_c2_a_late_command_tries_no_other_claim() -> None:
    talk = Talk(behavior=ledger(claim_handler=numbered)).decide(Name("a"), deadline=5.0)
    talk.at = 5.0
    assert isinstance(talk.fail(ClaimTaken(Claim.of("name", "a"), "ledger|2")).refusal, NotStored)


def test_c2_a_late_command_leaves_the_stash_at_the_next_input() -> None:
    talk = Talk().decide(Do(lambda state, context: Effect.stash()), deadline=5.0)
    talk.at = 5.0
    assert isinstance(talk.receive(Get()).answers()["c1"].status, Error)
    assert talk.core.waiting == 1


def test_c2_the_deadline_goes_with_the_append() -> None:
    assert Talk().decide(Add((1,)), deadline=5.0).written.deadline == 5.0


# ---- C3: If-Match


def test_c3_a_command_for_another_version_is_refused() -> None:
    talk = Talk(*stored(Added(1))).decide(Add((2,)), expected=0)
    assert isinstance(talk.refusal, PreconditionFailed)
    assert talk.refusal.sequence_nr == 1


def test_c3_a_command_for_this_version_is_run() -> None:
    assert Talk(*stored(Added(1))).decide(Add((2,)), expected=1).complete(Appended(2)).value == Ledger((1, 2))


def test_c3_the_version_is_compared_again_after_a_conflict() -> None:
    talk = overtaken(Talk().decide(Add((1,)), expected=0))
    assert talk.refusal.sequence_nr == 1


def test_c3_the_version_is_compared_after_catching_up() -> None:
    talk = Talk().receive(Add((1,)), expected=0).complete(False, stored(Added(9)))
    assert isinstance(talk.refusal, PreconditionFailed)


def test_c3_an_own_attempt_is_no_other_version() -> None:
    talk = Talk().decide(Add((1,)), expected=0).fail(CONFLICT).complete(stored(Added(1), by="c1.0"))
    assert talk.value == Ledger((1,))


# ---- C4: the order of checks, and repeats


def test_c4_the_key_is_looked_up_before_the_handler_runs() -> None:
    talk = Talk().receive(Add((1,)), key=KEY, now=7)
    assert talk.last == p.FindCommand("key", 7)


def test_c4_a_new_key_goes_with_the_append() -> None:
    assert Talk().receive(Add((1,)), key=KEY).complete(None, True).written.command == KEY


def test_c4_a_repeat_gets_the_first_answer_from_the_state_of_then() -> None:
    talk = Talk(*stored(Added(1), Added(2))).receive(Add((1,)), key=KEY)
    talk.complete(RecordedCommand("ledger|1", 1, KEY.fingerprint), Loaded(None, stored(Added(1))))
    answer = talk.answers()["c1"]
    assert (talk.value, answer.sequence_nr, answer.replayed) == (Ledger((1,)), 1, True)


def test_c4_a_repeat_leaves_the_fold_alone() -> None:
    talk = Talk(*stored(Added(1), Added(2))).receive(Add((1,)), key=KEY)
    talk.complete(RecordedCommand("ledger|1", 1, KEY.fingerprint), Loaded(None, stored(Added(1))))
    assert talk.core.folded.sequence_nr == 2


def test_c4_a_repeat_never_reads_past_its_own_event() -> None:
    talk = Talk().receive(Add((1,)), key=KEY).complete(RecordedCommand("ledger|1", 1, KEY.fingerprint))
    assert talk.last == p.Load("ledger|1", 3, to=1, recovers=False)
    assert talk.complete(Loaded(None, stored(Added(1), Added(2)))).value == Ledger((1,))


def test_c4_a_repeat_is_told_before_if_match_is_compared() -> None:
    talk = Talk(*stored(Added(1))).receive(Add((1,)), key=KEY, expected=0)
    talk.complete(RecordedCommand("ledger|1", 1, KEY.fingerprint), Loaded(None, stored(Added(1))))
    assert talk.value == Ledger((1,))


def test_c4_a_repeated_create_is_answered_from_the_entity_it_had_made() -> None:
    talk = Talk().receive(Add((1,)), key=KEY)
    talk.complete(RecordedCommand("ledger|7", 1, KEY.fingerprint), Loaded(None, stored(Added(1))))
    assert talk.answers()["c1"].persistence_id == "ledger|7"
    assert talk.core.is_empty


def test_c4_the_append_decides_between_two_of_one_key() -> None:
    talk = Talk().receive(Add((1,)), key=KEY).complete(None, True)
    talk.fail(DuplicateCommand("ledger|7", 1, KEY.fingerprint)).complete((), Loaded(None, stored(Added(1))))
    assert talk.answers()["c1"].persistence_id == "ledger|7"


def test_c4_another_request_under_the_same_key_is_refused() -> None:
    talk = Talk().receive(Add((1,)), key=KEY).complete(RecordedCommand("ledger|1", 1, b"another"))
    assert isinstance(talk.refusal, KeyReused)


def test_c4_a_key_of_another_kind_is_another_request() -> None:
    talk = Talk().receive(Add((1,)), key=KEY).complete(RecordedCommand("user|1", 1, KEY.fingerprint))
    assert isinstance(talk.refusal, KeyReused)


def test_c4_a_repeat_that_cannot_be_read_is_never_not_stored() -> None:
    talk = Talk().receive(Add((1,)), key=KEY).complete(RecordedCommand("ledger|7", 1, KEY.fingerprint))
    assert isinstance(talk.fail(JournalUnavailable("no disk")).refusal, OutcomeNotKnown)


def test_c4_a_repeat_from_a_broken_entity_breaks_no_other() -> None:
    talk = Talk().receive(Add((1,)), key=KEY).complete(RecordedCommand("ledger|7", 2, KEY.fingerprint))
    talk.complete(Loaded(None, stored(Added(1), after=1)))
    assert isinstance(talk.refusal, NotRecovered)
    assert talk.decide(Get()).value == Ledger()


def test_c4_a_repeat_whose_answer_raises_is_answered() -> None:
    talk = Talk(behavior=ledger(replayed=lambda state, command: state.nonsense)).receive(Add((1,)), key=KEY)
    talk.complete(RecordedCommand("ledger|1", 1, KEY.fingerprint), Loaded(None, stored(Added(1))))
    assert "nonsense" in str(talk.refusal)


def test_c4_a_command_without_an_event_records_nothing() -> None:
    talk = Talk().receive(Get(), key=KEY).complete(None, True)
    assert not any(isinstance(output, p.Write) for output in talk.outputs)


def test_c4_a_key_that_cannot_be_looked_up_runs_nothing() -> None:
    talk = Talk().receive(Add((1,)), key=CommandKey("k", b"")).fail(JournalUnavailable("no disk"))
    assert isinstance(talk.refusal, NotStored)


# ---- C5: ids and times come with the command


def test_c5_a_command_that_runs_again_is_given_the_same() -> None:
    seen: list[tuple[int, str | None]] = []

    def decide(state: Ledger, context: Context) -> Effect[Any]:
        seen.append((context.now, context.principal))
        return Effect[Any].persist(Added(1)).then_reply(StatusReply.success)

    overtaken(Talk().decide(Do(decide), now=7, principal="me")).complete(None, True)
    assert seen == [(7, "me"), (7, "me")]


# ---- C6: freshness


def test_c6_even_a_read_asks_whether_the_fold_is_the_newest() -> None:
    assert Talk(*stored(Added(1))).receive(Get()).last == p.CheckCurrent("ledger|1", 1)


def test_c6_a_fold_that_is_behind_reads_what_it_misses() -> None:
    talk = Talk(*stored(Added(1))).receive(Get()).complete(False)
    assert talk.last == p.ReadEvents("ledger|1", 1)
    assert talk.complete(stored(Added(2), after=1)).value == Ledger((1, 2))


def test_c6_every_command_asks_anew() -> None:
    talk = Talk().receive(Get()).receive(Get()).complete(True)
    assert talk.last == p.CheckCurrent("ledger|1", 0)


def test_c6_one_look_is_good_for_all_that_wait_by_then() -> None:
    talk = Talk(*stored(Added(1))).receive(Get()).receive(Get()).receive(Get()).complete(True)
    assert (list(talk.answers()), talk.last) == (["c1"], p.CheckCurrent("ledger|1", 1))
    talk.receive(Get()).complete(True)
    assert (list(talk.answers()), talk.last) == (["c1", "c2", "c3"], p.CheckCurrent("ledger|1", 1))


@pytest.mark.parametrize("failing", [(), (False,)], ids=["looking", "reading"])
def test_c6_a_look_that_failed_is_good_for_nobody(failing: tuple[bool, ...]) -> None:
    talk = Talk().receive(Get()).receive(Get()).receive(Get()).complete(True, *failing)
    talk.fail(JournalUnavailable("no disk"))
    assert (list(talk.answers()), talk.last) == (["c1", "c2"], p.CheckCurrent("ledger|1", 0))


def test_c6_a_fold_that_cannot_be_checked_is_not_used() -> None:
    talk = Talk().receive(Get()).fail(JournalUnavailable("no disk"))
    assert isinstance(talk.refusal, NotStored)


def test_c6_a_fold_that_cannot_catch_up_fails_this_command_only() -> None:
    talk = Talk(*stored(Added(1))).receive(Get()).complete(False).fail(JournalUnavailable("no disk"))
    assert isinstance(talk.refusal, NotStored)
    assert talk.decide(Get()).value == Ledger((1,))


def test_c6_after_an_unknown_outcome_the_entity_loads_again() -> None:
    talk = Talk().decide(Add((1,))).fail(OutcomeUnknown("lost")).receive(Get())
    assert isinstance(talk.last, p.Load)
    assert talk.complete(Loaded(None, stored(Added(1)))).value == Ledger((1,))


def test_c6_a_reload_that_fails_is_tried_again_by_the_next_command() -> None:
    talk = Talk().decide(Add((1,))).fail(OutcomeUnknown("lost")).receive(Get()).fail(JournalUnavailable(""))
    assert isinstance(talk.receive(Get()).last, p.Load)


# ---- C7: event time


@pytest.mark.parametrize(("now", "time"), [(5, 10), (10, 10), (15, 15)])
def test_c7_times_never_run_backwards(now: int, time: int) -> None:
    talk = Talk(*stored(Added(1), time=10)).decide(Add((2,)), now=now)
    assert talk.written.events[0].metadata.time == time


def test_c7_the_time_of_a_missed_event_counts_too() -> None:
    talk = Talk().receive(Add((2,)), now=5).complete(False, stored(Added(1), time=10))
    assert talk.written.events[0].metadata.time == 10


def test_c7_the_time_outlives_a_snapshot() -> None:
    first = Talk().decide(Add((1,)), now=10).written
    talk = Talk(recover=False).complete(Loaded(first.row.snapshot, ())).decide(Add((2,)), now=5)
    assert talk.written.events[0].metadata.time == 10


# ---- conflicts


def test_a_command_that_is_overtaken_runs_again_on_the_new_state() -> None:
    talk = overtaken(Talk().decide(Add((1,)))).complete(None, True, Appended(2))
    assert talk.value == Ledger((101, 1))


def test_a_command_that_is_overtaken_waits_for_a_short_time() -> None:
    talk = overtaken(Talk().decide(Add((1,))))
    assert talk.last == p.Wait(0.005)
    assert overtaken(talk.complete(None, True), 2).last == p.Wait(0.01)


def test_a_command_that_is_always_overtaken_ends_as_busy() -> None:
    talk = Talk().decide(Add((1,)))
    for place in range(1, 6):
        overtaken(talk, place).complete(None, True)
    assert isinstance(overtaken(talk, 6).refusal, Busy)


def test_a_stream_that_is_shorter_than_the_fold_is_loaded_anew() -> None:
    talk = Talk(*stored(Added(1))).decide(Add((2,))).fail(SequenceConflict("ledger|1", 1, 0)).complete((), None)
    assert isinstance(talk.last, p.Load)


# ---- claims


def numbered(state: Ledger, command: Name, claim: Claim, holder: str, context: Context) -> Effect[Any]:
    """Try the name with one more mark each time."""
    return Effect[Any].persist(Named(f"{command.name}{context.attempt_id[-1]}")).then_reply(StatusReply.success)


TAKEN = ClaimTaken(Claim.of("name", "a"), "ledger|2")


def test_a_new_claim_is_taken_and_the_old_one_released() -> None:
    written = Talk(*stored(Named("a"))).decide(Name("b")).written
    assert (written.take, written.release) == ((Claim.of("name", "b"),), (Claim.of("name", "a"),))


def test_a_claim_that_stays_is_neither_taken_nor_released() -> None:
    written = Talk(*stored(Named("a"))).decide(Add((1,))).written
    assert (written.take, written.release) == ((), ())


def test_of_several_claims_only_those_that_differ_move() -> None:
    both = ledger(unique=lambda state: (Claim.of("kind", "same"), Claim.of("name", state.name or "")))
    written = Talk(*stored(Named("a")), behavior=both).decide(Name("b")).written
    assert (written.take, written.release) == ((Claim.of("name", "b"),), (Claim.of("name", "a"),))


def test_a_taken_claim_is_decided_again_by_the_claim_handler() -> None:
    talk = Talk(behavior=ledger(claim_handler=numbered)).decide(Name("a")).fail(TAKEN)
    assert talk.written.attempt_id == "c1.1"
    assert talk.complete(Appended(1)).value == Ledger(name="a1")


def test_a_taken_claim_without_a_claim_handler_is_an_error() -> None:
    assert "already taken" in str(Talk().decide(Name("a")).fail(TAKEN).refusal)


def test_a_claim_handler_that_raises_is_answered() -> None:
    talk = Talk(behavior=ledger(claim_handler=lambda *given: given[9])).decide(Name("a")).fail(TAKEN)
    assert "IndexError" in str(talk.refusal)
    assert talk.core.is_idle


def test_a_claim_handler_that_never_finds_a_free_value_ends_as_busy() -> None:
    talk = Talk(behavior=ledger(claim_handler=numbered)).decide(Name("a"))
    for _ in range(6):
        talk.fail(TAKEN)
    assert isinstance(talk.refusal, Busy)
