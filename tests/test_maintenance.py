"""Rows made anew from the events: `rebuild`, and what a service does in the background after an upgrade (rule R3)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spikes import bootstrap
from spikes.actors.system import EntitySystem, Limits
from spikes.domain.user.behavior import user_behavior
from spikes.domain.user.command import Register
from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from spikes.journal.port import EntityRow, IndexPart, Journal, Query, Sort
from spikes.maintenance import BATCH, rebuild, refold_in_background, refold_old_rows
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.reply import Success
from spikes.settings import Settings
from tests.actors.counter import Add, counter
from tests.cassandra.plugin import OpenJournal

BY_SUM = Query("counter", sort=Sort("sum"))
newer = msgspec.structs.replace(
    counter,
    schema=msgspec.structs.replace(counter.schema, state_version=2),
    row=lambda state, number: IndexPart({"sum": -state}, b"second"),
)
"""The counter of the next release: its rows say something else."""


@pytest.fixture
async def journal(journal_url: str, open_any: OpenJournal) -> AsyncIterator[Journal]:
    journal = await open_any(journal_url, [counter.schema])
    yield journal
    await journal.close()


async def count_up(journal: Journal, entities: int, times: int = 1) -> None:
    system = EntitySystem.start(journal, [counter], Limits(ask_timeout=60))
    for _ in range(times):
        asked = [system.ask(counter.persistence_id(f"c{number:04}"), Add()) for number in range(entities)]
        assert all(isinstance(answer.status, Success) for answer in await asyncio.gather(*asked))
    await system.close()


async def damage(journal: Journal, persistence_id: str) -> None:
    """Let a row say what its events don't."""
    row = EntityRow(persistence_id, 2, 1, IndexPart({"sum": 77}, b"damaged"), None)
    assert await journal.replace_rows([row]) == 1


async def items(journal: Journal) -> list[bytes]:
    return [row.item for row in (await journal.query(BY_SUM)).rows]


async def test_a_rebuild_of_a_healthy_store_changes_nothing(journal: Journal) -> None:
    await count_up(journal, entities=BATCH + 5, times=2)
    report = await rebuild(journal, [counter])
    assert (report.entities, report.events, report.differed) == (BATCH + 5, 2 * (BATCH + 5), 0)


async def test_a_rebuild_heals_a_damaged_row(journal: Journal) -> None:
    await count_up(journal, entities=3, times=2)
    await damage(journal, "counter|c0001")
    assert (await rebuild(journal, [counter])).differed == 1
    assert await items(journal) == [b"2", b"2", b"2"]
    assert (await rebuild(journal, [counter])).differed == 0


async def test_a_rebuild_reports_its_progress(journal: Journal) -> None:
    await count_up(journal, entities=3)
    seen: list[int] = []
    await rebuild(journal, [counter], lambda report: seen.append(report.entities))
    assert seen == sorted(seen)
    assert seen[-1] == 3


async def test_what_cannot_be_folded_is_reported_and_left_alone(journal: Journal) -> None:
    await count_up(journal, entities=2)
    broken = msgspec.structs.replace(counter, event_handler=fails_at_once)
    report = await rebuild(journal, [broken])
    assert (report.differed, len(report.problems)) == (0, 2)
    assert await items(journal) == [b"1", b"1"]


def fails_at_once(state: int, event: object) -> int:
    raise ZeroDivisionError


async def test_a_row_that_cannot_be_made_is_reported_too(journal: Journal) -> None:
    await count_up(journal, entities=2)
    broken = msgspec.structs.replace(counter, row=lambda state, number: fails_at_once(state, number))
    report = await rebuild(journal, [broken])
    assert sorted(report.problems) == ["counter|c0000: ZeroDivisionError()", "counter|c0001: ZeroDivisionError()"]


async def test_a_newer_row_stays_when_an_older_one_is_rebuilt(journal: Journal) -> None:
    await count_up(journal, entities=1)
    await refold_old_rows(journal, [newer])
    assert (await rebuild(journal, [counter])).differed == 0
    assert await items(journal) == [b"second"]


async def test_r3_rows_of_older_versions_are_made_anew(journal: Journal) -> None:
    await count_up(journal, entities=3)
    assert await refold_old_rows(journal, [newer]) == 3
    assert await items(journal) == [b"second"] * 3
    assert await refold_old_rows(journal, [newer]) == 0


class Batches(MemoryJournal):
    """Notes how many rows come at a time, and how many ids are asked for."""

    def __init__(self) -> None:
        super().__init__([counter.schema])
        self.rows: list[int] = []
        self.asked: list[int] = []

    async def replace_rows(self, rows: Sequence[EntityRow]) -> int:
        self.rows.append(len(rows))
        return await super().replace_rows(rows)

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        self.asked.append(limit)
        return await super().stale_rows(kind, state_version, limit)


async def test_r3_old_rows_are_made_anew_a_batch_at_a_time() -> None:
    journal = Batches()
    await count_up(journal, entities=4 * BATCH)
    assert await refold_old_rows(journal, [newer]) == 4 * BATCH
    assert journal.rows == [BATCH] * 4
    assert max(journal.asked) == 2 * BATCH


async def test_r3_rows_that_cannot_be_made_keep_nobody_from_the_others(journal: Journal) -> None:
    await count_up(journal, entities=2 * BATCH)
    await count_up(journal, entities=BATCH + 5)
    picky = msgspec.structs.replace(newer, event_handler=counts_once)
    assert await refold_old_rows(journal, [picky]) == BATCH - 5


def counts_once(state: int, event: Any) -> int:
    if state:
        raise ZeroDivisionError
    return state + 1


async def test_r3_a_service_makes_old_rows_anew_while_it_runs(tmp_path: Path) -> None:
    settings = Settings(journal=f"sqlite:///{tmp_path}/spikes.db")
    async with bootstrap.start_entities(settings) as (entities, _):
        register = Register("ANN", "Ann", "ann@example.com", "hash", "1990-12-31")
        await entities.ask(user_behavior.persistence_id("ANN"), register)
    age_rows(f"{tmp_path}/spikes.db", "user")
    service = await bootstrap.assemble(settings)
    async with asyncio.timeout(60):
        while await service.journal.stale_rows("user", user_behavior.state_version, 1):
            pass
    await service.drain()
    await service.close()


def age_rows(file: str, kind: str) -> None:
    """Let rows be of an older release; in another process, as rule S4 wants it."""
    code = f"import apsw; apsw.Connection({file!r}).execute('UPDATE {kind}_rows SET state_version = 0')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


async def test_a_rebuild_beside_running_writers_undoes_nothing(journal: Journal, journal_url: str) -> None:
    rows_follow = journal_url.startswith("cassandra:")  # a moment after their events: until then, they differ
    await count_up(journal, entities=20)
    system = EntitySystem.start(journal, [counter], Limits(ask_timeout=60))
    ids = [counter.persistence_id(f"c{number:04}") for number in range(20)]
    writing = asyncio.gather(*(system.ask(one, Add()) for one in ids * 20))
    while not writing.done():
        assert (await rebuild(journal, [counter])).differed == 0 or rows_follow
        await asyncio.sleep(0)
    assert set(await items(journal)) == {b"21"}
    assert (await rebuild(journal, [counter])).differed == 0
    await system.close()


async def test_a_journal_that_fails_puts_the_rest_off(journal: Journal) -> None:
    await count_up(journal, entities=1)
    faulty = FaultyJournal(journal)
    faulty.fail("replace_rows")
    await refold_in_background(faulty, [newer])
    assert await refold_old_rows(faulty, [newer]) == 1


async def test_a_background_task_that_breaks_does_not_break_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(journal: Journal, behaviors: Sequence[EventSourcedBehavior[Any, Any, Any]]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("spikes.maintenance.refold_old_rows", breaks)
    service = await bootstrap.assemble(Settings(journal="memory:", data_dir=str(tmp_path)))
    await asyncio.sleep(0)
    await service.drain()
    await service.close()
