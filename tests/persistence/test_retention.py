"""Retention and rule R1: what live appends leave in the store is what the events alone lead to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikes.journal.port import Appended, EntityRow, Loaded, Snapshot
from spikes.persistence.behavior import Folded, RetentionCriteria
from spikes.persistence.rebuild import RowFold
from tests.persistence.samples import LEDGER, Add, Added, Ledger, LedgerBehavior, Talk, appended, ledger, stored

every = RetentionCriteria.snapshot_every


def live(behavior: LedgerBehavior, groups: list[int]) -> tuple[Talk, list[EntityRow], Snapshot | None]:
    """Let an entity store groups of so many events; return it, the rows it wrote, and the snapshot left by them."""
    talk, rows, snapshot = Talk(behavior=behavior), list[EntityRow](), None
    for size in groups:
        rows.append(talk.decide(Add(tuple(range(size)))).written.row)
        snapshot = rows[-1].snapshot or snapshot
        talk.complete(Appended(rows[-1].sequence_nr))
    return talk, rows, snapshot


def without_hints(row: EntityRow) -> Any:
    return row.index and msgspec.structs.replace(row.index, changed=None, base=None)


@settings(deadline=None)
@given(st.integers(1, 7), st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 9))
def test_r1_a_rebuilt_row_is_the_one_that_live_appends_left(number: int, groups: list[int], page: int) -> None:
    behavior = ledger(retention=every(number))
    _, rows, snapshot = live(behavior, groups)
    events = stored(*[Added(amount) for size in groups for amount in range(size)])
    rebuilt = RowFold(behavior, "ledger|1")
    for start in range(0, len(events), page):
        rebuilt.add(events[start : start + page])
    assert without_hints(rebuilt.row()) == without_hints(rows[-1])
    assert (rebuilt.row().snapshot, rebuilt.row().version) == (snapshot, rows[-1].version)


@settings(deadline=None)
@given(st.integers(1, 7), st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_recovery_from_the_last_snapshot_gives_the_live_state(number: int, groups: list[int]) -> None:
    behavior = ledger(retention=every(number))
    talk, _, snapshot = live(behavior, groups)
    events = stored(*[Added(amount) for size in groups for amount in range(size)])
    start = snapshot.sequence_nr if snapshot else 0
    recovered = Talk(behavior=behavior, recover=False).complete(Loaded(snapshot, events[start:]))
    assert recovered.core.folded == talk.core.folded


@pytest.mark.parametrize("groups", [[1, 1, 1], [3], [2, 1]])
def test_r1_a_row_does_not_depend_on_how_events_were_grouped(groups: list[int]) -> None:
    _, rows, snapshot = live(ledger(retention=every(2), event_handler=lambda state, event: Ledger((1,))), groups)
    assert snapshot is not None
    assert (snapshot.sequence_nr, snapshot.state) == (2, b'[0,{"entries":[1],"name":null}]')
    assert rows[-1].sequence_nr == 3


def test_the_state_is_stored_with_every_append_by_default() -> None:
    _, rows, _ = live(LEDGER, [1, 3])
    assert [row.snapshot and row.snapshot.sequence_nr for row in rows] == [1, 4]


def test_a_rare_snapshot_is_written_only_when_it_is_due() -> None:
    _, rows, _ = live(ledger(retention=every(3)), [1, 1, 2, 1, 1])
    assert [row.snapshot and row.snapshot.sequence_nr for row in rows] == [None, None, 3, None, 6]


def test_the_index_part_is_written_with_every_append() -> None:
    _, rows, _ = live(ledger(retention=every(100)), [1, 1])
    assert [row.index and row.index.item for row in rows] == [b"1", b"2"]


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 50), st.integers(1, 20))
def test_an_append_is_due_when_it_passes_a_multiple(number: int, before: int, events: int) -> None:
    passed = any(each % number == 0 for each in range(before + 1, before + events + 1))
    assert every(number).due(before, before + events) is passed


@pytest.mark.parametrize("number", [0, -1])
def test_a_snapshot_needs_at_least_one_event(number: int) -> None:
    with pytest.raises(ValueError, match="at least 1 event"):
        every(number)


def test_a_state_is_thawed_as_it_was_frozen() -> None:
    folded = Folded(Ledger((1, 2), "n"), 2, 99)
    assert LEDGER.thaw(LEDGER.freeze(folded)) == folded


def test_an_append_of_another_writer_is_made_by_the_same_code() -> None:
    assert appended(LEDGER.start(), Added(1)).row.snapshot == LEDGER.freeze(Folded(Ledger((1,)), 1))
