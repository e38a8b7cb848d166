"""The journal that fails on demand does just that."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from spikes.journal.errors import JournalUnavailable, OutcomeUnknown, SequenceConflict
from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from spikes.journal.port import Appended, Journal
from tests.journal.samples import SCHEMAS, append


@pytest.fixture
def faulty() -> FaultyJournal:
    return FaultyJournal(MemoryJournal(SCHEMAS))


async def test_passes_on_what_has_no_fault(faulty: FaultyJournal) -> None:
    assert await faulty.append(append()) == Appended(1)
    assert len(await faulty.events("note|1")) == 1
    assert faulty.calls == {"append": 1, "events": 1}


async def test_fails_the_next_calls_and_stores_nothing(faulty: FaultyJournal) -> None:
    faulty.fail("append", times=2)
    for _ in range(2):
        with pytest.raises(JournalUnavailable):
            await faulty.append(append())
    assert await faulty.append(append()) == Appended(1)


async def test_rejects_with_a_given_error(faulty: FaultyJournal) -> None:
    faulty.reject("append", SequenceConflict("note|1", 0, 5))
    with pytest.raises(SequenceConflict):
        await faulty.append(append())
    assert await faulty.events("note|1") == ()


async def test_delays_until_it_is_released(faulty: FaultyJournal) -> None:
    hold = faulty.delay("append")
    answer = asyncio.ensure_future(faulty.append(append()))
    await asyncio.wait_for(hold.arrived.wait(), 5)
    assert await faulty.events("note|1") == ()
    hold.release()
    assert await asyncio.wait_for(answer, 5) == Appended(1)


async def test_stores_but_loses_the_answer(faulty: FaultyJournal) -> None:
    faulty.lose("append")
    with pytest.raises(OutcomeUnknown):
        await faulty.append(append())
    assert len(await faulty.events("note|1")) == 1


async def test_meets_faults_in_the_order_planned(faulty: FaultyJournal) -> None:
    faulty.fail("load")
    faulty.reject("load", OutcomeUnknown("second"))
    for expected in (JournalUnavailable, OutcomeUnknown):
        with pytest.raises(expected):
            await faulty.load("note|1", 1)


@pytest.mark.parametrize("method", ["is_current", "watch", "nothing"])
def test_refuses_to_plan_for_other_methods(faulty: FaultyJournal, method: str) -> None:
    with pytest.raises(ValueError, match=method):
        faulty.fail(method)


def test_has_every_method_of_the_port() -> None:
    wanted = {name for name, _ in inspect.getmembers(Journal, inspect.isfunction) if not name.startswith("_")}
    for journal in (FaultyJournal, MemoryJournal):
        assert wanted <= {name for name, _ in inspect.getmembers(journal, inspect.isfunction)}
