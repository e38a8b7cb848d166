"""Starting over, and rebuilding, a big journal."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from spikes.bootstrap import BEHAVIORS, open_store
from spikes.domain.note.command import CreateNote, UpdateNote
from spikes.domain.tsid import EPOCH_2020, TsidFactory
from spikes.journal.port import Append, Journal
from spikes.maintenance import rebuild
from spikes.persistence.behavior import Context
from spikes.persistence.drafting import Drafter
from spikes.persistence.protocol import Envelope
from tests.performance.table import Table
from tests.storm import BEHAVIOR, spikes

pytestmark = pytest.mark.bench

NOTES = 100_000
UPDATES = 4
AT_ONCE = 1_000
NOW = EPOCH_2020 + 1_000_000_000


def appends(number: int, note_id: str) -> list[Append]:
    """Return what creates a note and changes it some times."""
    behavior, made = BEHAVIOR["note"], []
    drafter = Drafter(behavior, f"note|{note_id}", "bench")
    folded = behavior.start()
    body = "A body. " * 25
    for run in range(UPDATES + 1):
        context = Context(NOW + run, f"{note_id}.{run}", f"{number % 1_000:013}")
        command = (
            CreateNote(note_id, f"Note {number}", body, None, "New", "Public", ())
            if run == 0
            else UpdateNote(f"Note {number} {run}", body, None, "Doing", "Public", None)
        )
        events = behavior.command_handler(folded.state, command, context).events
        draft = drafter.draft(folded, events, Envelope(note_id, command), context)
        made.append(draft.append)
        folded = draft.folded
    return made


async def fill(journal: Journal, notes: int) -> None:
    """Store so many notes, many at once."""
    ids = TsidFactory(lambda: NOW, lambda _: 0)

    async def one(number: int) -> None:
        for append in appends(number, ids.next()):
            await journal.append(append)

    for start in range(0, notes, AT_ONCE):
        await asyncio.gather(*(one(number) for number in range(start, start + AT_ONCE)))


async def seconds_to_start(folder: Path) -> float:
    """Return how long a service takes from its process's start until it is ready."""
    began = time.perf_counter()
    async with spikes(folder):
        return time.perf_counter() - began


async def test_a_big_journal_starts_at_once_and_is_rebuilt_quickly(tmp_path: Path) -> None:
    journal = await open_store(f"sqlite:///{tmp_path}/spikes.db")
    await fill(journal, NOTES)
    began = time.perf_counter()
    report = await rebuild(journal, BEHAVIORS)
    took = time.perf_counter() - began
    await journal.close()
    start = await seconds_to_start(tmp_path)
    table = Table(f"{NOTES:,} notes, {report.events:,} events", "value", "target")
    table.row("rebuild, events/s", f"{report.events / took:,.0f}", "50,000")
    table.row("rebuild, rows that differed", f"{report.differed}", "0")
    table.row("start until ready, s", f"{start:.2f}", "2")
    table.print()
    assert (report.entities, report.differed, report.problems) == (NOTES, 0, ())
    assert report.events / took >= 50_000
    assert start < 2
