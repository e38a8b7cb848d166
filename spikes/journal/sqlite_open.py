"""Opening the file: what stops a start, with a message that says what would be right, and the connections."""

from __future__ import annotations

import os
import random
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import apsw

from spikes.journal.errors import JournalCorrupt, JournalUnusable
from spikes.journal.port import RowSchema
from spikes.journal.sqlite_schema import migrate, read_meta

BUSY_SECONDS = 2.0
"""How long a transaction waits for other processes before it is given up as not stored (rule S6)."""

START_BUSY_SECONDS = 5.0
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs"})
_NETWORK_FUSE = ("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.ceph", "fuse.davfs")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_SMALLEST = 512  # bytes of the smallest page that SQLite has
_OPEN_READER = apsw.SQLITE_OPEN_READONLY
_OPEN_WRITER = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


def prepare_file(path: str, schemas: Sequence[RowSchema], vfs: str | None = None) -> str:
    """Make the directory, check and migrate the file; return the journal's identity. Raises JournalUnusable.

    Nothing but SQLite ever opens the file: even a look at its header would drop the locks of a journal that is
    already open in this process (rule S4).
    """
    directory = Path(path).absolute().parent
    _prepare_directory(directory)
    refuse_network(directory)
    _refuse_scrap(path)
    try:
        return _migrated(path, schemas, vfs)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise JournalCorrupt(f"{path} is damaged or no SQLite file ({error}); restore it from a backup") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise JournalUnusable(f"{path} is held busy by another program; end that one first") from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise JournalUnusable(f"{path} can't be written ({error}); make it writable for this user") from error
    except apsw.FullError as error:
        raise JournalUnusable(f"no room to open {path}: the disk is full") from error
    except apsw.Error as error:
        raise JournalUnusable(f"{path} can't be opened: {error}") from error


def _refuse_scrap(path: str) -> None:
    """Refuse what is too short for a database, which SQLite would take for an empty one and overwrite."""
    if os.path.exists(path) and 0 < os.stat(path).st_size < _SMALLEST:
        raise JournalCorrupt(f"{path} is damaged or no SQLite file (it is too short); restore it from a backup")


def _prepare_directory(directory: Path) -> None:
    try:
        _make_durably(directory)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise JournalUnusable(
            f"the data directory {directory} can't be written ({error.strerror}); "
            "make it writable for this user, or choose another by SPIKES_DATA_DIR"
        ) from error


def _make_durably(directory: Path) -> None:
    """Make the directory; each new one is named on disk in its parent before anything relies on it (rule S7)."""
    if directory.is_dir():
        return
    _make_durably(directory.parent)
    directory.mkdir(exist_ok=True)
    handle = os.open(directory.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_network(directory: Path, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Raises JournalUnusable where the directory can be seen to be on another machine: locks don't hold there."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return
    kind = _file_system(str(directory.resolve()), lines)
    if kind in _NETWORK or kind.startswith(_NETWORK_FUSE):
        raise JournalUnusable(
            f"{directory} is on a network file system ({kind}), where SQLite's locks can't be relied on; "
            "choose a directory on a local disk"
        )


def _file_system(directory: str, mountinfo: list[str]) -> str:
    """Return the type of the file system that `directory` is on: of the longest mount point above it, the last."""
    longest, kind = "", ""
    for line in mountinfo:
        before, _, after = line.partition(" - ")
        point = _ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), before.split(" ")[4]).rstrip("/") + "/"
        if f"{directory}/".startswith(point) and len(point) >= len(longest):
            longest, kind = point, after.split(" ")[0]
    return kind


def _migrated(path: str, schemas: Sequence[RowSchema], vfs: str | None) -> str:
    with closing(_open(path, vfs, START_BUSY_SECONDS)) as db:
        read_meta(db, path)  # before anything is changed, so that a file of another program is left as it is
        _configure(db, path)
        db.execute("BEGIN IMMEDIATE")
        identity = migrate(db, path, schemas)
        db.execute("COMMIT")
    return identity


def connect_writer(path: str, vfs: str | None = None, busy_seconds: float | None = None) -> apsw.Connection:
    """Open a connection that may write: every commit on disk before it returns, checkpoints left to others."""
    db = _open(path, vfs, BUSY_SECONDS if busy_seconds is None else busy_seconds)
    try:
        _configure(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _open(path: str, vfs: str | None, busy_seconds: float) -> apsw.Connection:
    db = apsw.Connection(path, flags=_OPEN_WRITER, vfs=vfs, statementcachesize=400)
    db.set_busy_handler(Patience(busy_seconds))
    return db


def _configure(db: apsw.Connection, path: str) -> None:
    if db.pragma("journal_mode", "wal") != "wal":
        raise JournalUnusable(f"{path} can't be shared by several connections; choose a directory on a local disk")
    db.pragma("synchronous", "FULL")
    db.pragma("wal_autocheckpoint", 0)
    db.pragma("cache_size", -32 * 1024)
    db.pragma("temp_store", "MEMORY")


def connect_reader(path: str, vfs: str | None = None, cache_kib: int = 8 * 1024) -> apsw.Connection:
    """Open a connection that only reads."""
    db = apsw.Connection(path, flags=_OPEN_READER, vfs=vfs, statementcachesize=200)
    db.set_busy_handler(Patience(BUSY_SECONDS))
    db.pragma("cache_size", -cache_kib)
    return db


class Patience:
    """A busy handler that asks again every 0.2 to 0.6 ms, so that nobody starves, and gives up in the end (rule S6)."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0

    def __call__(self, calls: int) -> bool:
        now = time.monotonic()
        if calls == 0:
            self._until = now + self._seconds
        if now >= self._until:
            return False
        time.sleep(random.uniform(0.0002, 0.0006))
        return True
