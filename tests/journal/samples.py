"""Small appends, rows and queries, so that tests can say just what matters to them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from spikes.journal.port import (
    Append,
    Claim,
    CommandKey,
    Cursor,
    EntityRow,
    IndexPart,
    Journal,
    Metadata,
    Query,
    RowSchema,
    RowVersion,
    Snapshot,
    StoredEvent,
)
from spikes.journal.sqlite import SqliteJournal

NOTE = RowSchema(
    "note",
    state_version=1,
    columns={"created": "integer", "due": "integer", "title": "text", "status": "text", "owner": "text"},
    indexes=(("created",), ("status", "created"), ("status", "due"), ("title",)),
    text=("title", "body"),
    scope=("status",),
    counted={"tag": (("status",), ("created", "status"))},
    ranges=("due",),
    feed="owner",
)
USER = RowSchema("user", state_version=1, columns={"created": "integer", "notes": "integer"}, feed="")
SCHEMAS = (NOTE, USER)

_attempts = itertools.count()


def event(sequence_nr: int = 1, attempt: str = "attempt", time: int = 1_000, payload: bytes = b"{}") -> StoredEvent:
    """Return an event."""
    return StoredEvent(sequence_nr, "note-changed@1", payload, Metadata(time, attempt))


def listing(search: Mapping[str, tuple[str, ...]] | None = None, **more: Any) -> IndexPart:
    """Return what lists read of a note; keywords that are columns become columns."""
    columns = {name: more.pop(name) for name in tuple(more) if name in NOTE.columns}
    return IndexPart(columns, more.pop("item", b"item"), search=search or {}, **more)


def row(pid: str = "note|1", nr: int = 1, index: IndexPart | None = None, version: int = 1) -> EntityRow:
    """Return a row with a snapshot of the same moment."""
    return EntityRow(pid, nr, version, index, Snapshot(nr, version, b"state %d" % nr))


def append(
    pid: str = "note|1",
    after: int = 0,
    count: int = 1,
    attempt: str | None = None,
    index: IndexPart | None = None,
    time: int = 1_000,
    take: tuple[Claim, ...] = (),
    release: tuple[Claim, ...] = (),
    command: CommandKey | None = None,
    deadline: float | None = None,
    version: int = 1,
) -> Append:
    """Return an append of `count` events, an attempt of its own unless it is named."""
    attempt = attempt or f"attempt-{next(_attempts)}"
    events = tuple(event(nr, attempt, time) for nr in range(after + 1, after + count + 1))
    return Append(pid, after, events, row(pid, after + count, index, version), take, release, command, deadline)


async def ids(journal: Journal, **query: Any) -> list[str]:
    """Return the ids on the first page of a list of notes, without their kind."""
    page = await journal.query(Query("note", **query))
    return [listed.persistence_id.partition("|")[2] for listed in page.rows]


async def current(journal: Journal, pid: str, nr: int) -> bool:
    """Tell whether a fold up to an event is the newest, by a round trip where the journal can't tell without one."""
    known = journal.is_current(pid, nr)
    return await journal.check_current(pid, nr) if known is None else known


async def all_ids(journal: Journal, **query: Any) -> list[str]:
    """Return the ids of all pages."""
    found: list[str] = []
    after: Cursor | None = None
    while True:
        page = await journal.query(Query("note", after=after, **query))
        found += [listed.persistence_id.partition("|")[2] for listed in page.rows]
        if (after := page.next) is None:
            return found


def store_carefully(journal: SqliteJournal) -> None:
    """Let nothing go by way of the inbox, as if no append had lines."""
    journal._store._lines = lambda group: None  # type: ignore[method-assign]


SLUG = Claim.of("slug", "a-note")
KEY = CommandKey("key", b"fingerprint")
FIRST = RowVersion(1, 1)
