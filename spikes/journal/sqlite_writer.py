"""The one thread that writes: it takes everything that waits, commits it as one group, then answers all of it.

Nothing is answered before COMMIT has returned (rule S1). What an error may have left behind is never guessed:
inside a transaction by asking SQLite whether it is still open (S2), at COMMIT by a fence (S3).
"""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

import apsw

from spikes.journal.errors import JournalError, JournalUnavailable, JournalUnusable, OutcomeUnknown
from spikes.journal.port import Append, Appended
from spikes.journal.sqlite_append import Outcome, is_stored, store_group
from spikes.journal.sqlite_neighbours import Neighbours
from spikes.journal.sqlite_rows import RowTables

GROUP = 256
"""The most appends of one commit."""

Connect = Callable[[], apsw.Connection]
Settle = Callable[[Sequence["Waiting"], Sequence[Outcome]], None]


class Waiting:
    """An append that waits for its turn, and the future that waits for its answer."""

    __slots__ = ("append", "future", "keys")

    def __init__(self, append: Append, future: Future[Appended]) -> None:
        self.append = append
        self.future = future
        claims = (claim.digest for claim in (*append.take, *append.release))
        self.keys = {append.persistence_id, *claims, *([("command", append.command.id)] if append.command else [])}


class Job:
    """Something else to do on the writer's connection, in a transaction of its own."""

    __slots__ = ("future", "run")

    def __init__(self, run: Callable[[apsw.Connection], Any], future: Future[Any]) -> None:
        self.run = run
        self.future = future


class Writer:
    """Owns the writing connection, which only its thread uses."""

    def __init__(
        self,
        connect: Connect,
        kinds: Mapping[str, RowTables],
        loop: AbstractEventLoop,
        settle: Settle,
        neighbours: Neighbours,
    ) -> None:
        self.groups = 0
        self._connect = connect
        self._kinds = kinds
        self._loop = loop
        self._settle = settle
        self._neighbours = neighbours
        self._queue: SimpleQueue[Sequence[Waiting | Job | None]] = SimpleQueue()
        self._backlog: deque[Waiting | Job | None] = deque()
        self._db = connect()
        self._fenced = True
        self._healthy = True
        self.put = self._queue.put
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what was taken in, then close the connection. Waits for that; not to be called on the loop."""
        self._queue.put([None])
        self._thread.join()

    def _run(self) -> None:
        while (first := self._take()) is not None:
            if isinstance(first, Job):
                self._answer_job(first)
            else:
                group = self._gather(first)
                outcomes = self._store([waiting.append for waiting in group])
                self._on_loop(self._settle, group, outcomes)
            self._neighbours.give_way()
        self._db.close(True)

    def _take(self) -> Waiting | Job | None:
        """Wait until something is there to do, take in all that has come meanwhile, and return the first of it."""
        while not self._backlog or not self._queue.empty():
            self._backlog.extend(self._queue.get())
        return self._backlog.popleft()

    def _gather(self, first: Waiting) -> list[Waiting]:
        """Take what else is waiting, up to the first append that depends on one of the group."""
        group, keys = [first], set(first.keys)
        while self._backlog and len(group) < GROUP:
            waiting = self._backlog[0]
            if not isinstance(waiting, Waiting) or not keys.isdisjoint(waiting.keys):
                break
            group.append(waiting)
            keys |= waiting.keys
            self._backlog.popleft()
        return group

    def _store(self, group: Sequence[Append]) -> list[Outcome]:
        """Store a group in one transaction; whatever happens, return one answer for each."""
        try:
            self._begin()
        except JournalUnavailable as error:
            return [error] * len(group)
        try:
            outcomes = store_group(self._db, self._kinds, group)
        except Exception as error:  # noqa: BLE001 - the thread must go on, and every append must be answered
            self._healthy = False
            self._roll_back()
            return self._one_by_one(group, error)
        return self._commit(group, outcomes)

    def _one_by_one(self, group: Sequence[Append], error: Exception) -> list[Outcome]:
        """Run each append in a transaction of its own, now that nothing of the group is stored (rule S2)."""
        if len(group) > 1:
            return [self._store([append])[0] for append in group]
        return [refusal(error)]

    def _begin(self) -> None:
        """Open the transaction. Raises JournalUnavailable: busy for too long is "not stored" (rule S6)."""
        if not self._fenced:
            self._fence()
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise unavailable(error) from error

    def _roll_back(self) -> None:
        """Leave nothing of the transaction behind. SQLite may have ended it already (a full disk does)."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except apsw.Error:
            self._fenced = False

    def _commit(self, group: Sequence[Append], outcomes: list[Outcome]) -> list[Outcome]:
        try:
            self._db.execute("COMMIT")
        except apsw.Error as error:
            return self._resolve(group, outcomes, error)
        self.groups += 1
        self._healthy = True
        return outcomes

    def _resolve(self, group: Sequence[Append], outcomes: list[Outcome], error: apsw.Error) -> list[Outcome]:
        """Find out what became of a commit that failed: only after a fence does a read tell (rule S3)."""
        self._fenced = self._healthy = False
        try:
            self._fence()
            return [self._resolved(append, outcome, error) for append, outcome in zip(group, outcomes, strict=True)]
        except (JournalUnavailable, apsw.Error):
            unknown = OutcomeUnknown(f"the commit failed ({error}), and so did the fence that would tell its outcome")
            return [unknown if isinstance(outcome, Appended) else outcome for outcome in outcomes]

    def _resolved(self, append: Append, outcome: Outcome, error: apsw.Error) -> Outcome:
        if isinstance(outcome, Appended) and not is_stored(self._db, append):
            return unavailable(error)
        return outcome

    def _fence(self) -> None:
        """Make sure that a commit which failed can't take effect any more (rule S3). Raises JournalUnavailable.

        The checkpoint then brings whatever did take effect into the database file and syncs that: a log that once
        failed to sync may be gone after a power cut, however readable it is now.
        """
        try:
            self._reopen()
            self._db.execute("BEGIN IMMEDIATE; UPDATE meta SET generation = generation + 1; COMMIT")
            busy, frames, moved = self._db.execute("PRAGMA wal_checkpoint(FULL)").fetchall()[0]
        except apsw.Error as error:
            raise unavailable(error) from error
        except JournalUnusable as error:
            raise JournalUnavailable(str(error)) from error
        if busy or frames != moved:
            raise JournalUnavailable("an earlier commit failed, and the log can't be brought to rest yet")
        self._fenced = True

    def _reopen(self) -> None:
        self._db.close(True)
        self._db = self._connect()

    def _answer_job(self, job: Job) -> None:
        try:
            self._begin()
            result = job.run(self._db)
        except Exception as error:  # noqa: BLE001 - the thread must go on, and every job must be answered
            self._roll_back()
            self._on_loop(_fail, job.future, refusal(error))
            return
        try:
            self._db.execute("COMMIT")
        except apsw.Error as error:
            self._fenced = self._healthy = False
            self._on_loop(_fail, job.future, unavailable(error))
        else:
            self._on_loop(_succeed, job.future, result)

    def prove(self, db: apsw.Connection) -> None:
        """Show that a write is possible, as a job. After a failure it takes a real one (a disk may be full still)."""
        if not self._healthy:
            db.execute("UPDATE meta SET generation = generation + 1")

    def _on_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is closed, so nobody waits for the answer any more.
            return


def _succeed(future: Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: Future[Any], error: JournalError) -> None:
    if not future.done():
        future.set_exception(error)


def unavailable(error: apsw.Error) -> JournalUnavailable:
    """Say in the words of the port what SQLite said; surely nothing was stored."""
    if isinstance(error, apsw.FullError):
        return JournalUnavailable(f"the disk is full, nothing was stored: {error}")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return JournalUnavailable("the journal is held busy by another program, nothing was stored")
    return JournalUnavailable(f"the journal can't be used, nothing was stored: {error}")


def refusal(error: Exception) -> JournalError:
    """Return the answer to an append that failed before its commit."""
    if isinstance(error, JournalError):
        return error
    return unavailable(error) if isinstance(error, apsw.Error) else JournalError(f"this can't be stored: {error!r}")
