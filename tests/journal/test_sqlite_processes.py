"""Rules S4 to S6: several processes on one file, and what is left when one is killed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Any

import pytest

from spikes.journal import sqlite_open
from spikes.journal.errors import JournalUnavailable
from spikes.journal.port import HasTerm, Query
from spikes.journal.sqlite import SqliteJournal, open_sqlite
from spikes.journal.sqlite_neighbours import Neighbours
from spikes.journal.sqlite_open import Patience
from tests.journal.process import append_after_all
from tests.journal.samples import SCHEMAS, append


@contextlib.asynccontextmanager
async def process(path: str, *arguments: str) -> AsyncIterator[Process]:
    """Start another process, and leave none behind."""
    command = (sys.executable, "-m", "tests.journal.process", path, *arguments)
    started = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.communicate()


async def line(started: Process) -> str:
    """Return the next line that the process says."""
    assert started.stdout is not None
    return (await asyncio.wait_for(started.stdout.readline(), 20)).decode().strip()


async def run(path: str, *arguments: str) -> list[str]:
    """Run a process to its end; return what it said."""
    async with process(path, *arguments) as started:
        said, _ = await asyncio.wait_for(started.communicate(), 30)
        assert started.returncode == 0
        return said.decode().split("\n")[:-1]


class TestS4:
    async def test_s4_nothing_but_sqlite_opens_the_file(self, path: str) -> None:
        assert await run(path, "opened") == ["[]"]


class TestS5:
    async def test_s5_what_another_process_appends_is_noticed(self, sqlite: SqliteJournal, path: str) -> None:
        sqlite.watch("note|1")
        await sqlite.append(append())
        assert sqlite.is_current("note|1", 1)
        await run(path, "append", "note|1", "2")
        assert sqlite.is_current("note|1", 1) is False
        assert sqlite.is_current("note|1", 3)

    async def test_s5_an_entity_that_is_loading_is_noticed_too(
        self, sqlite: SqliteJournal, another: SqliteJournal
    ) -> None:
        await another.append(append("note|1"))
        sqlite.watch("note|1")
        sqlite.watch("note|2")
        loaded = await sqlite.load("note|1", 1)
        await sqlite.load("note|2", 1)
        await another.append(append("note|1", after=1))
        assert sqlite.is_current("note|2", 0)  # reads the tail before note|1 has asked anything
        assert loaded.snapshot is not None
        assert sqlite.is_current("note|1", loaded.snapshot.sequence_nr) is False

    async def test_s5_nothing_is_read_when_nothing_moved(self, sqlite: SqliteJournal) -> None:
        sqlite.watch("note|1")
        await sqlite.append(append())
        assert sqlite.is_current("note|1", 1)
        statements: list[str] = []
        sqlite._watch._db.set_exec_trace(lambda cursor, sql, bindings: not statements.append(sql))  # type: ignore[func-returns-value]
        assert sqlite.is_current("note|1", 1)
        assert statements == ["PRAGMA data_version"]

    async def test_s5_the_watch_keeps_no_transaction_open(self, sqlite: SqliteJournal, another: SqliteJournal) -> None:
        sqlite.watch("note|1")
        await another.append(append())
        sqlite.is_current("note|1", 0)
        assert not sqlite._watch._db.in_transaction
        assert await checkpointed(another)

    async def test_s5_what_nobody_asks_for_is_caught_up_with(
        self, sqlite: SqliteJournal, another: SqliteJournal
    ) -> None:
        sqlite.watch("note|2")
        await sqlite.load("note|2", 1)
        await another.append(append(count=50))
        sqlite._watch.catch_up()
        statements: list[str] = []
        sqlite._watch._db.set_exec_trace(lambda cursor, sql, bindings: not statements.append(sql))  # type: ignore[func-returns-value]
        assert sqlite.is_current("note|2", 0)
        assert statements == ["PRAGMA data_version"]

    async def test_s5_a_fold_from_before_the_watch_is_not_trusted(
        self, sqlite: SqliteJournal, another: SqliteJournal
    ) -> None:
        sqlite.watch("note|1")
        await sqlite.append(append())
        sqlite.unwatch("note|1")
        await another.append(append(after=1))
        sqlite._watch.catch_up()
        sqlite.watch("note|1")
        assert sqlite.is_current("note|1", 1) is None
        assert not await sqlite.check_current("note|1", 1)
        assert sqlite.is_current("note|1", 1) is False
        assert sqlite.is_current("note|1", 2)

    async def test_s5_an_entity_that_was_read_needs_no_other_check(
        self, sqlite: SqliteJournal, another: SqliteJournal
    ) -> None:
        await another.append(append(count=2))
        for pid, last in (("note|1", 2), ("note|new", 0)):
            sqlite.watch(pid)
            await sqlite.load(pid, 1)
            assert sqlite.is_current(pid, last)

    async def test_s5_a_closed_journal_can_not_tell(self, sqlite: SqliteJournal) -> None:
        sqlite.watch("note|1")
        await sqlite.close()
        assert sqlite.is_current("note|1", 1) is None


async def checkpointed(journal: SqliteJournal) -> bool:
    """Tell whether the whole log can be moved and started again: no reader holds on to it."""
    db = sqlite_open.connect_writer(journal._connect_reader.args[0], busy_seconds=0)
    busy, frames, moved = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    db.close()
    return busy == 0 and frames == moved


class TestS6:
    async def test_s6_busy_for_long_is_not_stored(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_open, "BUSY_SECONDS", 0.05)
        journal = await open_sqlite(path, SCHEMAS)
        async with process(path, "busy") as other:
            assert await line(other) == "held"
            with pytest.raises(JournalUnavailable, match="busy"):
                await journal.append(append())
            assert await journal.events("note|1") == ()
        await journal.append(append())
        await journal.close()

    def test_s6_a_waiting_connection_asks_often(self) -> None:
        patience = Patience(1.0)
        started, calls = time.monotonic(), 0
        while patience(calls):
            calls += 1
        assert calls >= 10
        assert time.monotonic() - started < 10

    def test_s6_way_is_given_to_neighbours_only(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        mine = Neighbours(path)
        mine.give_way()
        assert pauses == []
        yours = Neighbours(path)
        yours.give_way()
        assert len(pauses) == 1
        mine.close()
        yours.close()

    async def test_s6_nobody_starves(self, sqlite: SqliteJournal, path: str) -> None:
        async with process(path, "storm") as other:
            assert await line(other) == "open"
            assert (await line(other)).startswith("note|")
            longest = 0.0
            for after in range(40):
                started = time.monotonic()
                await sqlite.append(append("user|1", after))
                longest = max(longest, time.monotonic() - started)
        assert longest < 10


class TestFence:
    async def test_two_processes_never_lose_or_double_an_event(self, sqlite: SqliteJournal, path: str) -> None:
        async with process(path, "append", "note|1", "60") as other:
            assert await line(other) == "open"
            await append_after_all(sqlite, "note|1", 60)
            said, _ = await asyncio.wait_for(other.communicate(), 30)
        events = await sqlite.events("note|1")
        assert [each.sequence_nr for each in events] == list(range(1, 121))
        assert len({each.metadata.attempt_id for each in events}) == 120
        assert len(said.split()) == 60

    async def test_two_that_open_a_new_file_at_once_agree(self, path: str) -> None:
        await asyncio.gather(*(run(path, "append", f"note|{n}", "1") for n in range(3)))
        journal = await open_sqlite(path, SCHEMAS)
        assert len(await journal.persistence_ids()) == 3
        await journal.close()


class TestKill:
    async def test_all_that_was_acknowledged_outlives_kill_9(self, path: str) -> None:
        acknowledged: set[str] = set()
        for _ in range(2):
            acknowledged |= await killed_storm(path, 300)
        journal = await open_sqlite(path, SCHEMAS)
        assert acknowledged <= set(await journal.persistence_ids(limit=1_000_000))
        assert await journal.verify() == ()
        listed = await journal.count(Query("note", where=(HasTerm("tag", "x"),)))
        assert listed == len(await journal.persistence_ids(limit=1_000_000))
        await journal.close()


async def killed_storm(path: str, acknowledgements: int) -> set[str]:
    """Kill a process that writes, once it has acknowledged so many; return the ids of all that it did."""
    async with process(path, "storm") as started:
        said: list[Any] = [await line(started) for _ in range(acknowledgements)]
        started.kill()
        rest, _ = await started.communicate()
    return {pid for pid in [*said, *rest.decode().split("\n")[:-1]] if pid.startswith("note|")}
