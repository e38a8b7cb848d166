"""The verdict: what counts as wrong, on both sides of each limit, since when, and of which process."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from spikes.console.peers import Answers
from spikes.console.snapshot import Snapshot, Verdict, verdict_of
from spikes.console.watch import APPEND, FAILED, FRESH, LAG, WAITING, Reason, Watch, judged
from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from spikes.telemetry import Telemetry
from spikes.telemetry.errors import ErrorInbox
from spikes.telemetry.history import Sample
from tests.console.conftest import Managed

WELL = Sample(
    at=100.0,
    requests_per_second=1000.0,
    errors_per_second=1000.0 * FAILED,
    append_seconds=APPEND,
    read_seconds=None,
    loop_lag_seconds=LAG,
    active_entities=10.0,
    mailbox_messages=float(WAITING),
    memory_bytes=1e8,
    routes={},
)
LAGGING = Reason("loop", "the event loop was late", False, 50.0)
AWAY = Reason("journal", "the journal does not answer", True, 60.0)


class Clock:
    """The time of a watch, moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def names(samples: Sequence[Sample], oldest: float = 0.0) -> list[str]:
    return [finding.name for finding in judged(samples, oldest)]


def test_at_its_limits_nothing_is_wrong() -> None:
    assert names([WELL, WELL]) == []
    assert names([]) == []


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("errors_per_second", 1000 * FAILED + 0.1, "errors"),
        ("loop_lag_seconds", LAG + 0.001, "loop"),
        ("append_seconds", APPEND + 0.001, "append"),
        ("mailbox_messages", WAITING + 1.0, "mailbox"),
    ],
)
def test_beyond_a_limit_it_is_named(field: str, value: float, name: str) -> None:
    bad = msgspec.structs.replace(WELL, **{field: value})
    assert names([bad]) == [name]
    assert names([bad], oldest=100.1) == [], "what is over counts no more"


async def test_a_reason_keeps_its_beginning_until_it_ends() -> None:
    clock, telemetry = Clock(), Telemetry()
    watch = Watch(MemoryJournal([]), 1.0, telemetry, clock)
    telemetry.history.samples.append(msgspec.structs.replace(WELL, at=990.0, loop_lag_seconds=1.0))
    await watch.look()
    clock.now = 1030.0
    await watch.look()
    assert [(reason.name, reason.since) for reason in watch.reasons] == [("loop", 1000.0)]
    clock.now = 1060.0
    await watch.look()
    assert watch.reasons == ()


async def test_an_event_that_can_not_be_read_is_spoken_of_for_ten_minutes() -> None:
    clock, telemetry = Clock(), Telemetry()
    telemetry.errors = ErrorInbox(lambda: int(clock.now * 1000))
    watch = Watch(MemoryJournal([]), 1.0, telemetry, clock)
    telemetry.errors.record("undecodable_event", "note-created@9")
    clock.now += FRESH
    await watch.look()
    assert [reason.text for reason in watch.reasons] == ["an event can't be decoded, 1 times; see the error inbox"]
    clock.now += 1
    await watch.look()
    assert watch.reasons == ()


async def test_a_journal_that_does_not_answer_is_down() -> None:
    journal = MemoryJournal([])
    watch = Watch(FaultyJournal(journal), 1.0, Telemetry(), Clock())
    await journal.close()
    await watch.look()
    assert [(reason.name, reason.down) for reason in watch.reasons] == [("journal", True)]


def verdict(managed: Managed, *processes: tuple[Reason, ...] | None, silent: Sequence[str] = ()) -> Verdict:
    """Return the verdict over processes with these reasons; None is one that drains."""
    answers = {
        str(pid): msgspec.to_builtins(Snapshot(pid, "1.0", 40.0, reasons is None, reasons or ()))
        for pid, reasons in enumerate(processes)
    }
    return verdict_of(Answers(answers, dict.fromkeys(silent, 70.0)), managed.service.inside)


async def test_all_well_is_ok(managed: Managed) -> None:
    found = verdict(managed, (), ())
    assert (found.level, found.reasons, found.since, found.workers) == ("OK", (), None, 2)


async def test_one_process_that_is_away_degrades_and_all_are_down(managed: Managed) -> None:
    assert verdict(managed, (AWAY,), ()).level == "DEGRADED"
    assert verdict(managed, (AWAY,), (AWAY,)).level == "DOWN"
    assert verdict(managed, (LAGGING,), (LAGGING,)).level == "DEGRADED"


async def test_a_reason_stands_once_since_it_began_anywhere(managed: Managed) -> None:
    later = msgspec.structs.replace(LAGGING, since=55.0)
    found = verdict(managed, (later,), (LAGGING, AWAY))
    assert ([reason.name for reason in found.reasons], found.since) == (["loop", "journal"], 50.0)


async def test_a_silent_worker_is_named(managed: Managed) -> None:
    found = verdict(managed, (), silent=["77"])
    assert (found.level, found.reasons) == (
        "DEGRADED",
        (Reason("worker 77", "worker 77 does not answer", False, 70.0),),
    )


async def test_a_replaced_worker_is_nothing_wrong_but_an_end_is(managed: Managed) -> None:
    replaced, ending = verdict(managed, None, ()), verdict(managed, None, None)
    assert (replaced.level, replaced.draining) == ("OK", 1)
    assert (ending.level, ending.reasons[0].text) == ("DOWN", "the service is about to end")
