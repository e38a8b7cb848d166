"""ROOM 1: events in order per persistence id, behind a plugin that a URL chooses."""

from __future__ import annotations

from collections.abc import Sequence

from spikes.journal.cassandra_target import Credentials, target_of
from spikes.journal.errors import JournalUnusable, UnknownScheme
from spikes.journal.memory import MemoryJournal
from spikes.journal.port import Journal, RowSchema

__all__ = ["Credentials", "open_journal"]


async def open_journal(
    url: str, schemas: Sequence[RowSchema] = (), credentials: Credentials | None = None, *, migrate: bool = False
) -> Journal:
    """Open the journal that `url` names: `memory:`, `sqlite:///` and the path of a file, `cassandra://`, `astra:///`.

    `credentials` are for the last two. With `migrate` what is missing there is made; a file is made in any case. Raises
    JournalUnusable, with a message that says what would be right, and ValueError for an impossible schema.
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
            return await _open_cassandra(url, schemas, credentials, migrate)
    raise UnknownScheme(
        f"{url!r} names no journal; memory:, sqlite:///path/spikes.db, cassandra://host1,host2/spikes or "
        f"astra:///path/secure-connect.zip would be right"
    )


async def _open_cassandra(
    url: str, schemas: Sequence[RowSchema], credentials: Credentials | None, migrate: bool
) -> Journal:
    target = target_of(url, credentials)
    try:
        from spikes.journal.cassandra import open_cassandra
    except ModuleNotFoundError as problem:
        if problem.name == "cassandra":
            raise JournalUnusable("Cassandra needs its driver: pip install 'spikes[cassandra]'") from None
        raise
    return await open_cassandra(target, schemas, migrate=migrate)


def _path(url: str, rest: str) -> str:
    """Return what follows the three slashes; a fourth makes the path absolute."""
    path = rest.removeprefix("///")
    if path == rest or not path or path.endswith("/"):
        raise JournalUnusable(f"{url!r} names no file; sqlite:///data/spikes.db would be right")
    return path
