"""A copy of the file as it is at one moment, made by SQLite's backup API while a service goes on writing (rule S4).

The copy is made under another name beside the target, looked through, and only then given its name, by a hard link:
a target that is there already is never overwritten, and one that appears is whole and on disk.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw
import msgspec

from spikes.journal.errors import JournalCorrupt, JournalUnusable
from spikes.journal.sqlite_open import connect_reader
from spikes.journal.sqlite_schema import read_meta
from spikes.journal.sqlite_verify import verify

PAGES = 2_000
"""Pages copied between two reports, 8 MB of them; none of it holds up who writes."""


class Backup(msgspec.Struct, frozen=True):
    """What was copied; with findings the copy is damaged, as the journal is then, and the target was not made."""

    events: int
    bytes: int
    findings: tuple[str, ...] = ()


def back_up(source: str, target: Path, show: Callable[[int, int], None] = lambda done, total: None) -> Backup:
    """Copy the journal at `source` to the new file `target`; `show` is told how many pages of how many are done.

    What is stored after the start is not in the copy. Only this user may read it. Raises JournalUnusable if the source
    is no journal or can't be read, FileExistsError if the target is there, another OSError if it can't be written.
    """
    with _partial(target) as partial:
        events = _copy(source, partial, show)
        findings = _looked_through(partial, events)
        if not findings:
            os.link(partial, target)
            _sync(target.parent)
        return Backup(events, partial.stat().st_size, findings)


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """Make a file beside the target, for the time being."""
    if os.path.lexists(target):
        raise FileExistsError(f"{target} is there already")
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink()


def _copy(source: str, partial: Path, show: Callable[[int, int], None]) -> int:
    """Copy every page; return how many events there are."""
    try:
        with closing(connect_reader(source)) as journal, closing(apsw.Connection(str(partial))) as copy:
            if read_meta(journal, source) is None:
                raise JournalUnusable(f"{source} has no journal in it yet; there is nothing to back up")
            journal.execute("BEGIN")  # every step reads the same moment; else each write began the copy anew
            events = int(journal.execute("SELECT count(*) FROM events").get)
            copy.pragma("synchronous", "EXTRA")
            with copy.backup("main", journal, "main") as pages:
                while not pages.step(PAGES):
                    show(pages.page_count - pages.remaining, pages.page_count)
            return events
    except (apsw.NotADBError, apsw.CorruptError) as problem:
        raise JournalCorrupt(f"{source} is damaged or no SQLite file ({problem}); go back to an older backup") from None
    except (apsw.FullError, apsw.IOError) as problem:
        raise OSError(f"writing it failed ({problem}); there must be room for the whole journal") from None
    except apsw.Error as problem:
        raise JournalUnusable(f"{source} can't be read: {problem}") from None


def _looked_through(partial: Path, events: int) -> tuple[str, ...]:
    """Return what is wrong with the copy; `immutable`, as it would get files beside it otherwise."""
    uri = f"file:{quote(str(partial.absolute()))}?immutable=1"
    with closing(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)) as copy:
        copied = int(copy.execute("SELECT count(*) FROM events").get)
        return verify(copy) if copied == events else (f"{copied} of {events} events were copied",)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
