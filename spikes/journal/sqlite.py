"""The journal in one SQLite file, for one or more processes of one machine (rules S of `docs/protocol.md`).

event loop          SqliteJournal: takes requests, resolves futures, is_current by `Watch`
journal-writer      Writer, which has a Store: one transaction a group, in one statement (`sqlite_lines`,
                    `sqlite_inbox`) or carefully (`sqlite_append`, `sqlite_rows`, `sqlite_search`)
journal-reader-n    a pool of connections that only read (`sqlite_read`, `sqlite_query`)
journal-checkpoint  Checkpointer
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from spikes.journal import sqlite_feed, sqlite_query, sqlite_read, sqlite_survey
from spikes.journal.checks import by_kind, check_append, check_query, check_row, check_total, kind_of
from spikes.journal.errors import JournalError, JournalUnavailable, JournalUnusable
from spikes.journal.news import News
from spikes.journal.port import (
    ALL_ABILITIES,
    PAGE,
    REACH,
    Append,
    Appended,
    Claim,
    EntityRow,
    EventSurvey,
    Listed,
    Loaded,
    Page,
    PositionedEvent,
    Query,
    RecordedCommand,
    Refold,
    RowSchema,
    Statistics,
    StoredEvent,
    StoreStatus,
)
from spikes.journal.sqlite_append import Outcome, replace_rows
from spikes.journal.sqlite_checkpoint import Checkpointer
from spikes.journal.sqlite_neighbours import Neighbours
from spikes.journal.sqlite_open import connect_reader, connect_writer, prepare_file
from spikes.journal.sqlite_rows import RowTables
from spikes.journal.sqlite_store import Store, unavailable
from spikes.journal.sqlite_terms import term_counts
from spikes.journal.sqlite_verify import verify
from spikes.journal.sqlite_watch import Watch
from spikes.journal.sqlite_writer import Job, Waiting, Writer

T = TypeVar("T")

MOST_WAITING = 10_000
"""Appends that may wait for the writer; more are turned away as not stored."""

READERS = 3
CATCH_UP_SECONDS = 1.0
LOOK_SECONDS = 0.02
"""How soon an event of another process is seen by whoever waits for it."""


async def open_sqlite(path: str, schemas: Sequence[RowSchema] = (), vfs: str | None = None) -> SqliteJournal:
    """Open or create the journal at `path`. Raises JournalUnusable. `vfs` names an SQLite file system, for tests."""
    by_kind(schemas)
    identity = await asyncio.to_thread(prepare_file, path, schemas, vfs)
    try:
        return SqliteJournal(path, schemas, identity, vfs)
    except apsw.Error as error:
        raise JournalUnusable(f"{path} can't be opened: {error}") from error


class SqliteJournal:
    """A `Journal` in one file. Lives on the event loop that it was opened on."""

    capabilities = ALL_ABILITIES
    reach = REACH
    leeway = 0

    def __init__(self, path: str, schemas: Sequence[RowSchema], identity: str, vfs: str | None = None) -> None:
        self.identity = identity
        self._path = path
        self._schemas = by_kind(schemas)
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._batch: list[Waiting] = []
        self._appends = 0
        self._closing: asyncio.Task[None] | None = None
        self._read_here = threading.local()
        self._opened: list[apsw.Connection] = []
        connect = functools.partial(connect_writer, path, vfs)
        self._connect_reader = functools.partial(connect_reader, path, vfs)
        self._checkpointer = Checkpointer(connect)
        self._neighbours = Neighbours(path)
        self._watch = Watch(connect_reader(path, vfs, cache_kib=256))
        self._news = News()
        self._readers = ThreadPoolExecutor(READERS, "journal-reader")
        self._kinds = {kind: RowTables(schema) for kind, schema in self._schemas.items()}
        self._store = Store(connect, self._schemas)
        self._writer = Writer(self._store, self._loop, self._settle, self._neighbours, self._checkpointer)
        self._timer = self._loop.call_later(CATCH_UP_SECONDS, self._catch_up)

    async def append(self, append: Append) -> Appended:
        """See `Journal.append`."""
        self._check_open()
        check_append(append, self._schemas)
        if self._waiting >= MOST_WAITING:
            raise JournalUnavailable(f"{self._waiting:,} appends are waiting already, this one was not stored")
        self._waiting += 1
        future: asyncio.Future[Appended] = self._loop.create_future()
        if not self._batch:
            self._loop.call_soon(self._hand_over)
        self._batch.append(Waiting(append, future))
        return await future

    def _hand_over(self) -> None:
        """Give the writer all appends of one turn of the loop at once: one wake-up, and one group."""
        if self._batch:
            self._writer.put(self._batch)
            self._batch = []

    def _settle(self, group: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        """Answer a group, on the loop; own appends are known to the watch before anybody hears of them."""
        self._waiting -= len(group)
        for waiting, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Appended):
                self._appends += 1
                self._watch.note(waiting.append.persistence_id, outcome.sequence_nr)
            if waiting.future.done():
                continue
            if isinstance(outcome, Appended):
                waiting.future.set_result(outcome)
            else:
                waiting.future.set_exception(outcome)
        self._news.tell()

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """See `Journal.is_current`."""
        return self._watch.is_current(persistence_id, sequence_nr)

    def _catch_up(self) -> None:
        """Keep the tail short that the next `is_current` has to read, when others write and nobody asks."""
        self._watch.catch_up()
        self._timer = self._loop.call_later(CATCH_UP_SECONDS, self._catch_up)

    async def check_current(self, persistence_id: str, sequence_nr: int) -> bool:
        """See `Journal.check_current`."""
        watched = self._watch.get(persistence_id)
        head = await self._read(lambda db: sqlite_read.head(db, persistence_id))
        if watched is not None:
            watched.note(head)
        return sequence_nr >= head

    def watch(self, persistence_id: str) -> None:
        """See `Journal.watch`."""
        self._watch.add(persistence_id)

    def unwatch(self, persistence_id: str) -> None:
        """See `Journal.unwatch`."""
        self._watch.remove(persistence_id)

    async def load(self, persistence_id: str, state_version: int, to: int | None = None) -> Loaded:
        """See `Journal.load`."""
        kind = kind_of(persistence_id) if kind_of(persistence_id) in self._schemas else None
        watched = self._watch.get(persistence_id)
        loaded = await self._read(lambda db: sqlite_read.load(db, persistence_id, kind, state_version, to))
        if watched is not None and to is None and loaded.complete:
            watched.note(loaded.sequence_nr)
        return loaded

    async def events(self, persistence_id: str, after: int = 0, limit: int = PAGE) -> tuple[StoredEvent, ...]:
        """See `Journal.events`."""
        return await self._read(lambda db: sqlite_read.events(db, persistence_id, after, limit))

    async def holder(self, claim: Claim) -> str | None:
        """See `Journal.holder`."""
        return await self._read(lambda db: sqlite_read.holder(db, claim))

    async def command(self, command_id: str, now: int) -> RecordedCommand | None:
        """See `Journal.command`."""
        return await self._read(lambda db: sqlite_read.command(db, command_id, now))

    async def query(self, query: Query) -> Page:
        """See `Journal.query`."""
        schema = check_query(query, self._schemas)
        return await self._read(lambda db: sqlite_query.page(db, query, schema))

    async def count(self, query: Query) -> int:
        """See `Journal.count`."""
        check_query(query, self._schemas)
        return await self._read(lambda db: sqlite_query.count(db, query))

    async def total(self, kind: str, column: str) -> int:
        """See `Journal.total`."""
        check_total(kind, column, self._schemas)
        return await self._read(lambda db: sqlite_read.total(db, kind, column))

    async def stream(
        self, after: int = 0, limit: int = PAGE, homes: frozenset[str] | None = None
    ) -> tuple[PositionedEvent, ...]:
        """See `Journal.stream`."""
        return await self._read(lambda db: sqlite_read.stream(db, after, limit))

    def listen(self, homes: frozenset[str]) -> None:
        """See `Journal.listen`. All events are at hand."""

    async def head(self) -> int:
        """See `Journal.head`."""
        return await self._read(sqlite_feed.head)

    async def wait_for_more(self, after: int) -> None:
        """See `Journal.wait_for_more`."""
        self._check_open()
        while self._watch.head() <= after:
            await self._news.wait(LOOK_SECONDS)
            self._check_open()

    async def listed(self, persistence_ids: Sequence[str]) -> tuple[Listed, ...]:
        """See `Journal.listed`."""
        return await self._read(lambda db: sqlite_feed.listed(db, self._schemas, persistence_ids))

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """See `Journal.term_counts`."""
        schema = check_query(query, self._schemas)
        return await self._read(lambda db: term_counts(db, query, schema, name))

    async def streams(self, after: tuple[str, int] = ("", 0), limit: int = PAGE) -> tuple[PositionedEvent, ...]:
        """See `Journal.streams`."""
        return await self._read(lambda db: sqlite_read.streams(db, after, limit))

    async def persistence_ids(self, after: str = "", limit: int = PAGE) -> tuple[str, ...]:
        """See `Journal.persistence_ids`."""
        return await self._read(lambda db: sqlite_read.persistence_ids(db, after, limit))

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        """See `Journal.stale_rows`."""
        if kind not in self._schemas:
            return ()
        return await self._read(lambda db: sqlite_read.stale_rows(db, kind, state_version, limit))

    async def replace_rows(self, rows: Sequence[EntityRow]) -> int:
        """See `Journal.replace_rows`."""
        for row in rows:
            check_row(row, self._schemas)
        return await self._write(lambda db: replace_rows(db, self._kinds, rows))

    async def sweep(self, refold: Refold) -> int:
        """See `Journal.sweep`. Appends are whole or not at all."""
        return 0

    async def importing(self, on: bool) -> None:
        """See `Journal.importing`. Imports write like anybody else."""

    async def forget_commands(self, before: int) -> int:
        """See `Journal.forget_commands`."""

        def forget(db: apsw.Connection) -> int:
            db.execute("DELETE FROM commands WHERE time < ?", (before,))
            return db.changes()

        return await self._write(forget)

    async def verify(self) -> tuple[str, ...]:
        """See `Journal.verify`."""
        return await self._read(verify)

    async def statistics(self) -> Statistics:
        """See `Journal.statistics`."""
        found = await self._read(lambda db: sqlite_read.statistics(db, tuple(self._schemas)))
        return msgspec.structs.replace(found, group_commits=self._store.groups, appends=self._appends)

    async def survey(self, seconds: float) -> EventSurvey:
        """See `Journal.survey`."""
        return await self._read(lambda db: sqlite_survey.survey(db, seconds))

    def status(self) -> StoreStatus:
        """See `Journal.status`. The log is looked at by its name, never opened (rule S4)."""
        log = Path(f"{self._path}-wal")
        return StoreStatus("sqlite", self._waiting, log.stat().st_size if log.exists() else 0)

    async def ping(self) -> None:
        """See `Journal.ping`."""
        await self._read(lambda db: sqlite_read.head(db, ""))
        await self._write(self._store.prove)

    async def close(self) -> None:
        """See `Journal.close`."""
        if self._closing is None:
            self._timer.cancel()
            self._watch.close()
            self._loop.call_soon(self._news.tell)
            self._hand_over()
            self._closing = asyncio.create_task(asyncio.to_thread(self._let_go))
        await asyncio.shield(self._closing)

    def _let_go(self) -> None:
        """End the threads; the writer finishes what was taken in, and goes last so that it may tidy the log."""
        self._readers.shutdown()
        for db in self._opened:
            db.close()
        self._checkpointer.stop()
        self._writer.stop()
        self._neighbours.close()

    def _check_open(self) -> None:
        if self._closing is not None:
            raise JournalUnavailable("the journal is closed")

    async def _read(self, read: Callable[[apsw.Connection], T]) -> T:
        self._check_open()
        return await self._loop.run_in_executor(self._readers, self._on_reader, read)

    def _on_reader(self, read: Callable[[apsw.Connection], T]) -> T:
        try:
            db: apsw.Connection | None = getattr(self._read_here, "db", None)
            if db is None:
                db = self._read_here.db = self._connect_reader()
                self._opened.append(db)
            return read(db)
        except apsw.Error as error:
            raise unavailable(error) from error
        except msgspec.MsgspecError as error:
            raise JournalError(f"what is stored is damaged: {error}") from error

    async def _write(self, write: Callable[[apsw.Connection], T]) -> T:
        self._check_open()
        future: asyncio.Future[T] = self._loop.create_future()
        self._hand_over()
        self._writer.put([Job(write, future)])
        return await future
