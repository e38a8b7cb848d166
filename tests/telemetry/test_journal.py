"""A journal that is timed: it does what the journal below does."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

from spikes.actors.system import EntitySystem
from spikes.journal.errors import JournalUnavailable
from spikes.journal.faulty import FaultyJournal
from spikes.journal.measured import READS, measured
from spikes.journal.memory import MemoryJournal
from spikes.journal.port import Journal
from spikes.journal.sqlite import open_sqlite
from spikes.telemetry import Telemetry
from tests.actors.counter import Add, counter
from tests.telemetry.conftest import Grown

WRITES = {"append", "replace_rows", "sweep", "importing", "forget_commands"}
"""Calls that are no reads; of these only appends are timed, as nobody waits for the others."""

NEITHER = {"wait_for_more", "survey", "verify", "ping", "close"}


def test_every_call_of_the_port_is_timed_or_known_not_to_be() -> None:
    calls = {name for name, each in vars(Journal).items() if inspect.iscoroutinefunction(each)}
    assert calls == {*READS, *WRITES, *NEITHER}


async def test_reads_are_timed_by_plugin_and_operation(grown: Grown) -> None:
    journal, labels = measured(MemoryJournal([counter.schema]), "memory"), {"plugin": "memory", "operation": "events"}
    grown("spikes_read_seconds_count", **labels)
    assert await journal.events("counter|one", after=0, limit=5) == ()
    assert grown("spikes_read_seconds_count", **labels) == 1


async def test_a_read_that_fails_is_timed_too(grown: Grown) -> None:
    faulty, labels = FaultyJournal(MemoryJournal([])), {"plugin": "memory", "operation": "head"}
    grown("spikes_read_seconds_count", **labels)
    faulty.fail("head")
    with pytest.raises(JournalUnavailable):
        await measured(faulty, "memory").head()
    assert grown("spikes_read_seconds_count", **labels) == 1


async def test_appends_are_timed_and_found_by_request(here: Telemetry, grown: Grown) -> None:
    journal = measured(MemoryJournal([counter.schema]), "memory")
    grown("spikes_append_seconds_count", plugin="memory")
    entities = EntitySystem.start(journal, [counter])
    answer = await entities.ask(counter.persistence_id("one"), Add(2), request_id="r1")
    await entities.close()
    assert grown("spikes_append_seconds_count", plugin="memory") == 1
    found = here.requests.find("r1")
    assert found is not None
    assert [(event.type, event.sequence_nr) for event in found.events] == [("added@1", answer.sequence_nr)]
    assert [(seen.command, seen.outcome, seen.sequence_nr) for seen in found.commands] == [("Add", "ok", 1)]


async def test_sizes_of_groups_are_counted_on_sqlite(tmp_path: Path, grown: Grown) -> None:
    journal = await open_sqlite(str(tmp_path / "spikes.db"), [counter.schema])
    grown("spikes_append_group_size_sum", plugin="sqlite")
    entities = EntitySystem.start(journal, [counter])
    await asyncio.gather(*(entities.ask(counter.persistence_id(f"c{n}"), Add(), new=True) for n in range(20)))
    await entities.close()
    await journal.close()
    assert grown("spikes_append_group_size_sum", plugin="sqlite") == 20


def test_whatever_else_a_plugin_has_is_passed_on() -> None:
    plain = MemoryJournal([])
    journal = measured(plain, "memory")
    assert (journal.identity, journal.capabilities) == (plain.identity, plain.capabilities)
    assert journal.watch == plain.watch
