"""Moving the write-ahead log into the database file, off the writer's path (rule S7)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import apsw

MOVE_PAGES = 2_000
"""After how many new pages in the log they are moved, which keeps nobody waiting."""

RESTART_PAGES = 64 * 1024 * 1024 // 4096
"""At how many pages the log is made to start again, which keeps writers waiting for the rest of the move."""


class Checkpointer:
    """A thread with a connection of its own. The writer tells it how much it wrote.

    That is asked of the connection after a commit, rather than told by SQLite's hook in the middle of it: for the
    hook, the thread would have to win back the interpreter lock once more.
    """

    def __init__(self, connect: Callable[[], apsw.Connection]) -> None:
        self._connect = connect
        self._asked = 0
        self._stopped = False
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, pages: int) -> None:
        """Take note of how many pages the writing connection has written to the log, since it was opened."""
        if not 0 <= pages - self._asked < MOVE_PAGES:
            self._asked = pages
            self._wanted.set()

    def stop(self) -> None:
        """End the thread. Waits for it; not to be called on the loop."""
        self._stopped = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        db = self._connect()
        try:
            while self._wanted.wait() and not self._stopped:
                self._wanted.clear()
                self._move(db)
        finally:
            db.close()

    def _move(self, db: apsw.Connection) -> None:
        """Move without keeping anybody waiting; if the log is long all the same, what is left is moved for good."""
        try:
            pages, _ = db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if pages >= RESTART_PAGES:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        except apsw.Error:
            # Another process is at it, or the disk is full: nothing is lost, the log just stays longer.
            return
