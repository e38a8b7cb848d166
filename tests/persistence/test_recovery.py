"""Recovery: the state at some number, then the events after it; nothing is skipped, nothing of another version used."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from spikes.journal.errors import JournalUnavailable, SequenceConflict
from spikes.journal.port import PAGE, Appended, Loaded, Snapshot, StoredEvent
from spikes.persistence import protocol as p
from spikes.persistence.behavior import Recovery, RecoveryCompleted, RecoveryFailed
from spikes.persistence.reply import NotRecovered, NotStored
from tests.persistence.samples import KEY, LEDGER, Add, Added, Get, Ledger, Talk, ledger, stored

SNAPSHOT = LEDGER.freeze(LEDGER.fold(LEDGER.start(), stored(Added(1), Added(2))))


def damaged(event: StoredEvent, **changes: Any) -> StoredEvent:
    return msgspec.structs.replace(event, **changes)


def test_an_entity_without_events_is_recovered_too() -> None:
    talk = Talk(recover=False).complete(Loaded(None, ()))
    assert talk.last == p.Notify(RecoveryCompleted(0))
    assert talk.core.is_empty


def test_recovery_folds_the_events_after_the_snapshot() -> None:
    talk = Talk(recover=False).complete(Loaded(SNAPSHOT, stored(Added(3), after=2)))
    assert talk.last == p.Notify(RecoveryCompleted(3))
    assert talk.core.folded.state == Ledger((1, 2, 3))


def test_recovery_reads_on_until_the_stream_ends() -> None:
    talk = Talk(recover=False).complete(Loaded(None, stored(Added(1)), complete=False))
    assert talk.last == p.ReadEvents("ledger|1", 1)
    page = stored(*[Added(2)] * PAGE, after=1)
    talk.complete(page)
    assert talk.last == p.ReadEvents("ledger|1", PAGE + 1)
    assert talk.complete(()).last == p.Notify(RecoveryCompleted(PAGE + 1))


def test_commands_wait_for_recovery() -> None:
    talk = Talk(recover=False).receive(Get())
    assert talk.answers() == {}
    assert talk.complete(Loaded(None, stored(Added(1))), True).value == Ledger((1,))


def test_recovery_may_leave_the_snapshot_aside() -> None:
    talk = Talk(recover=False, behavior=ledger(recovery=Recovery(from_snapshot=False)))
    assert talk.last == p.Load("ledger|1", -1)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "gone@1"}, "ledger|1: event 2 of type 'gone@1' can't be decoded"),
        ({"payload": b"{}"}, "ledger|1: event 2 of type 'added@1' can't be decoded"),
        ({"payload": b'"\xff"'}, "ledger|1: event 2 of type 'added@1' can't be decoded"),
        ({"encoding": "aes"}, "ledger|1: event 2 of type 'added@1' can't be decoded: its encoding 'aes'"),
        ({"sequence_nr": 3}, "ledger|1: event 3 follows event 1: the stream has a gap"),
    ],
)
def test_what_cannot_be_decoded_fails_recovery_with_its_name(changes: dict[str, Any], problem: str) -> None:
    first, second = stored(Added(1), Added(2))
    talk = Talk(recover=False).receive(Get()).complete(Loaded(None, (first, damaged(second, **changes))))
    assert isinstance(talk.refusal, NotRecovered)
    assert str(talk.refusal).startswith(problem)


def test_an_event_that_its_handler_cannot_take_fails_recovery() -> None:
    behavior = ledger(event_handler=lambda state, event: state.nonsense)
    talk = Talk(recover=False, behavior=behavior).receive(Get()).complete(Loaded(None, stored(Added(1))))
    assert "event 1 of type 'added@1'" in str(talk.refusal)


def test_a_stored_state_that_cannot_be_read_fails_recovery() -> None:
    talk = Talk(recover=False).receive(Get()).complete(Loaded(Snapshot(2, 3, b"[1]"), ()))
    assert isinstance(talk.refusal, NotRecovered)
    assert "spikes rebuild" in str(talk.refusal)


def test_a_failed_recovery_is_signalled_and_the_entity_leaves() -> None:
    talk = Talk(recover=False).complete(Loaded(None, stored(Added(1), after=1)))
    signal, stop = talk.outputs[-2:]
    assert isinstance(signal, p.Notify)
    assert isinstance(signal.signal, RecoveryFailed)
    assert isinstance(stop, p.Stop)


def test_a_store_that_cannot_be_read_now_is_not_damage() -> None:
    talk = Talk(recover=False).receive(Get()).receive(Add((1,))).fail(JournalUnavailable("no disk"))
    assert all(isinstance(answer.status.reason, NotStored) for answer in talk.answers().values())  # type: ignore[union-attr]
    assert isinstance(talk.last, p.Stop)


def test_a_broken_entity_answers_whatever_still_comes() -> None:
    talk = Talk(recover=False).fail(JournalUnavailable("no disk")).receive(Get())
    assert isinstance(talk.refusal, NotStored)
    assert isinstance(talk.last, p.Stop)


def test_damage_seen_while_catching_up_breaks_the_entity() -> None:
    talk = Talk().receive(Get()).complete(False, stored(Added(1), after=1))
    assert isinstance(talk.refusal, NotRecovered)
    assert isinstance(talk.last, p.Stop)


def test_r3_only_a_row_of_the_own_state_version_is_asked_for() -> None:
    assert Talk(recover=False).last == p.Load("ledger|1", LEDGER.state_version)


@pytest.mark.parametrize("version", [2, 4])
def test_r3_a_state_of_another_version_is_not_trusted(version: int) -> None:
    other = msgspec.structs.replace(SNAPSHOT, state_version=version)
    talk = Talk(recover=False).receive(Get()).complete(Loaded(other, ()))
    assert isinstance(talk.refusal, NotRecovered)


def test_a_state_of_an_unknown_encoding_is_not_trusted() -> None:
    other = msgspec.structs.replace(SNAPSHOT, encoding="aes")
    assert isinstance(Talk(recover=False).receive(Get()).complete(Loaded(other, ())).refusal, NotRecovered)


# ---- entities that are presumed to be new


def test_a_new_entity_reads_nothing_before_its_first_append() -> None:
    talk = Talk(new=True).receive(Add((1,)))
    assert [type(output) for output in talk.outputs] == [p.Write]
    assert talk.written.expected_sequence_nr == 0
    assert talk.complete(Appended(1)).receive(Get()).last == p.CheckCurrent("ledger|1", 1)


def test_a_new_entity_that_was_there_runs_its_command_again() -> None:
    talk = Talk(new=True).receive(Add((1,))).fail(SequenceConflict("ledger|1", 0, 1))
    talk.complete(stored(Added(9)), None, True, Appended(2))
    assert talk.value == Ledger((9, 1))


def test_only_the_first_command_presumes_that_an_entity_is_new() -> None:
    talk = Talk(new=True).receive(Get())
    assert talk.value == Ledger()
    assert isinstance(talk.receive(Get()).last, p.Load)


def test_a_late_first_command_leaves_no_presumption_behind() -> None:
    talk = Talk(new=True).receive(Add((1,)), deadline=0.0).receive(Get())
    assert isinstance(talk.last, p.Load)


def test_a_new_entity_whose_append_failed_reads_before_the_next() -> None:
    talk = Talk(new=True).receive(Add((1,))).fail(JournalUnavailable("no disk")).receive(Get())
    assert isinstance(talk.last, p.Load)


def test_the_key_of_a_new_entity_is_looked_up_first() -> None:
    assert isinstance(Talk(new=True).receive(Add((1,)), key=KEY).last, p.FindCommand)
