"""Storing groups of appends on the writing connection; whatever happens, each append gets one answer.

The quick way is the inbox: one statement that is a transaction of its own. A group that it refuses, or that has no
lines, takes the careful way: a transaction that first reads what speaks against each append.

What an error may have left behind is never guessed. Refused by the inbox, or busy: nothing is stored. Within a
transaction SQLite is asked whether that is still open (S2). Anything else, at COMMIT or in the statement that
commits by itself: only a fence tells (S3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import apsw

from spikes.journal.errors import JournalError, JournalUnavailable, JournalUnusable, OutcomeUnknown
from spikes.journal.port import Append, Appended, RowSchema
from spikes.journal.sqlite_append import Outcome, independent, is_stored, lateness, store_group
from spikes.journal.sqlite_inbox import Inbox, Line
from spikes.journal.sqlite_lines import Clerk
from spikes.journal.sqlite_rows import RowTables

T = TypeVar("T")

Connect = Callable[[], apsw.Connection]


class Store:
    """The writing connection. Used by one thread only."""

    def __init__(self, connect: Connect, schemas: Mapping[str, RowSchema]) -> None:
        self.groups = 0
        self._connect = connect
        self._kinds = {kind: RowTables(schema) for kind, schema in schemas.items()}
        self._inbox = Inbox(schemas.values())
        self._clerk = Clerk(tuple(schemas.values()), self._inbox.columns, self._inbox.texts)
        self._fenced = True
        self._healthy = True
        self._db = self._connected()

    def _connected(self) -> apsw.Connection:
        db = self._connect()
        self._inbox.install(db)
        return db

    def close(self) -> None:
        """Let go of the connection."""
        self._db.close(True)

    @property
    def pages_written(self) -> int:
        """How many pages this connection has written to the log since it was opened."""
        return self._db.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]

    def store(self, group: Sequence[Append]) -> list[Outcome]:
        """Store a group durably; return the answer to each, in order."""
        now = time.monotonic()
        late = [lateness(append, now) for append in group]
        if any(late):
            others = iter(self._store([append for append, passed in zip(group, late, strict=True) if not passed]))
            return [passed or next(others) for passed in late]
        return self._store(group)

    def _store(self, group: Sequence[Append]) -> list[Outcome]:
        lines = self._lines(group) if group else None
        if lines is not None:
            try:
                return self._post(group, lines)
            except apsw.ConstraintError:
                pass  # Nothing of the group is stored; find out whom the store's content speaks against.
        return [outcome for part in independent(group) for outcome in self._store_carefully(part)]

    # ------------------------------------------------------------------------------------------------- the quick way

    def _lines(self, group: Sequence[Append]) -> list[Line] | None:
        try:
            lines = self._clerk.lines(group)
        except Exception:  # noqa: BLE001 - one of them can't be stored, and the careful way tells which
            return None
        return lines if lines is not None and len(lines) <= self._inbox.most else None

    def _post(self, group: Sequence[Append], lines: Sequence[Line]) -> list[Outcome]:
        """Store all of the group or nothing. Raises apsw.ConstraintError where nothing is stored and is to be."""
        try:
            self._be_fenced()
            self._inbox.post(self._db, lines)
        except apsw.ConstraintError:
            raise
        except JournalUnavailable as error:
            return [error] * len(group)
        except (apsw.BusyError, apsw.LockedError) as error:
            return [unavailable(error)] * len(group)
        except Exception as error:  # noqa: BLE001 - the thread must go on, and every append must be answered
            return self._find_out(group, error)
        return self._stored([Appended(append.sequence_nr) for append in group])

    def _find_out(self, group: Sequence[Append], error: Exception) -> list[Outcome]:
        """Tell, by a fence (rule S3), whether a group is stored; if not, store the others than who broke it."""
        outcomes = self._resolve(group, [Appended(append.sequence_nr) for append in group], error)
        if self._fenced and not any(isinstance(outcome, Appended) for outcome in outcomes):
            return self._one_by_one(group, error)
        return outcomes

    # ----------------------------------------------------------------------------------------------- the careful way

    def _store_carefully(self, group: Sequence[Append]) -> list[Outcome]:
        """Store those of a group of independent appends that nothing speaks against, in one transaction."""
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
            return [self._store_carefully([append])[0] for append in group]
        return [refusal(error)]

    def _begin(self) -> None:
        """Open the transaction. Raises JournalUnavailable: busy for too long is "not stored" (rule S6)."""
        self._be_fenced()
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
        return self._stored(outcomes)

    def _stored(self, outcomes: list[Outcome]) -> list[Outcome]:
        self.groups += 1
        self._healthy = True
        return outcomes

    # ----------------------------------------------------------------------------------------------------- the fence

    def _resolve(self, group: Sequence[Append], outcomes: list[Outcome], error: Exception) -> list[Outcome]:
        """Find out what became of a commit that failed: only after a fence does a read tell (rule S3)."""
        self._fenced = self._healthy = False
        try:
            self._fence()
            return [self._resolved(append, outcome, error) for append, outcome in zip(group, outcomes, strict=True)]
        except (JournalUnavailable, apsw.Error):
            unknown = OutcomeUnknown(f"the commit failed ({error}), and so did the fence that would tell its outcome")
            return [unknown if isinstance(outcome, Appended) else outcome for outcome in outcomes]

    def _resolved(self, append: Append, outcome: Outcome, error: Exception) -> Outcome:
        if isinstance(outcome, Appended) and not is_stored(self._db, append):
            return refusal(error)
        return outcome

    def _be_fenced(self) -> None:
        if not self._fenced:
            self._fence()

    def _fence(self) -> None:
        """Make sure that a commit which failed can't take effect any more (rule S3). Raises JournalUnavailable.

        The checkpoint then brings whatever did take effect into the database file and syncs that: a log that once
        failed to sync may be gone after a power cut, however readable it is now.
        """
        try:
            self._db.close(True)
            self._db = self._connected()
            self._db.execute("BEGIN IMMEDIATE; UPDATE meta SET generation = generation + 1; COMMIT")
            busy, frames, moved = self._db.execute("PRAGMA wal_checkpoint(FULL)").fetchall()[0]
        except apsw.Error as error:
            raise unavailable(error) from error
        except JournalUnusable as error:
            raise JournalUnavailable(str(error)) from error
        if busy or frames != moved:
            raise JournalUnavailable("an earlier commit failed, and the log can't be brought to rest yet")
        self._fenced = True

    # ------------------------------------------------------------------------------------------------------ all else

    def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do something else in a transaction of its own. Raises JournalError."""
        try:
            self._begin()
            result = work(self._db)
        except Exception as error:
            self._roll_back()
            raise refusal(error) from error
        try:
            self._db.execute("COMMIT")
        except apsw.Error as error:
            self._fenced = self._healthy = False
            raise unavailable(error) from error
        return result

    def prove(self, db: apsw.Connection) -> None:
        """Show that a write is possible, as work to `run`. After a failure it takes a real one (a disk may be full)."""
        if not self._healthy:
            db.execute("UPDATE meta SET generation = generation + 1")


def unavailable(error: apsw.Error) -> JournalUnavailable:
    """Say in the words of the port what SQLite said; surely nothing was stored."""
    if isinstance(error, apsw.FullError):
        return JournalUnavailable(f"the disk is full, nothing was stored: {error}")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return JournalUnavailable("the journal is held busy by another program, nothing was stored")
    return JournalUnavailable(f"the journal can't be used, nothing was stored: {error}")


def refusal(error: Exception) -> JournalError:
    """Return the answer to an append of which surely nothing was stored."""
    if isinstance(error, JournalError):
        return error
    return unavailable(error) if isinstance(error, apsw.Error) else JournalError(f"this can't be stored: {error!r}")
