"""ROOM 1: events in order per persistence id, behind a plugin that a URL chooses."""

from __future__ import annotations

from collections.abc import Sequence

from spikes.journal.errors import JournalUnusable, UnknownScheme
from spikes.journal.memory import MemoryJournal
from spikes.journal.port import Journal, RowSchema

__all__ = ["open_journal"]


async def open_journal(url: str, schemas: Sequence[RowSchema] = ()) -> Journal:
    """Open the journal that `url` names: `memory:`, or `sqlite:///` and the path of a file.

    Raises JournalUnusable, with a message that says what would be right, and ValueError for an impossible schema.
    """
    scheme, colon, rest = url.partition(":")
    match scheme if colon else "":
        case "memory":
            return MemoryJournal(schemas)
        case "sqlite":
            # Imported here so that a process on another plugin does without the driver.
            from spikes.journal.sqlite import open_sqlite

            return await open_sqlite(_path(url, rest), schemas)
        case "cassandra" | "astra":
            raise JournalUnusable(f"the plugin for {scheme}: is not in this release; use sqlite:/// and a path")
    raise UnknownScheme(f"{url!r} names no journal; memory: or sqlite:///path/spikes.db would be right")


def _path(url: str, rest: str) -> str:
    """Return what follows the three slashes; a fourth makes the path absolute."""
    path = rest.removeprefix("///")
    if path == rest or not path or path.endswith("/"):
        raise JournalUnusable(f"{url!r} names no file; sqlite:///data/spikes.db would be right")
    return path
