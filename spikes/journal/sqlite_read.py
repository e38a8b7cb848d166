"""Reading: each answer is one statement, and so of one moment, on a connection that only reads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import apsw
import msgspec

from spikes.journal.port import (
    COMMAND_RETENTION,
    PAGE,
    Claim,
    Loaded,
    Metadata,
    PositionedEvent,
    RecordedCommand,
    RowVersion,
    Snapshot,
    Statistics,
    StoredEvent,
)
from spikes.journal.sqlite_counts import number_of_rows

Read = Callable[[apsw.Connection], Any]

_EVENT = "sequence_nr, type, payload, metadata, tags, encoding, key_id"
_SNAPSHOT, _ROW = 0, 1

_decode_metadata = msgspec.json.Decoder(Metadata).decode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


@functools.cache
def _load(kind: str | None) -> str:
    """Return the statement that reads the snapshot, the version of the row and the events after the snapshot."""
    row = f"""
        UNION ALL
        SELECT {_ROW}, sequence_nr, state_version, NULL, NULL, NULL, NULL, NULL
        FROM "{kind}_rows" WHERE persistence_id = ?1
        """
    return f"""
        WITH kept AS MATERIALIZED (
            SELECT sequence_nr, state_version, state, encoding, key_id FROM snapshots
            WHERE persistence_id = ?1 AND state_version = ?2 AND sequence_nr <= ?3
        )
        SELECT {_SNAPSHOT}, sequence_nr, state_version, state, encoding, key_id, NULL, NULL FROM kept
        {row if kind else ""}
        UNION ALL
        SELECT * FROM (
            SELECT 2, {_EVENT} FROM events
            WHERE persistence_id = ?1
                AND sequence_nr > coalesce((SELECT sequence_nr FROM kept), 0) AND sequence_nr <= ?3
            ORDER BY sequence_nr LIMIT {PAGE + 1}
        )
        """


def load(db: apsw.Connection, persistence_id: str, kind: str | None, state_version: int, to: int | None) -> Loaded:
    """Read the newest snapshot of exactly this state version (rule R3), and the events after it."""
    snapshot, row, events = None, None, []
    for what, *values in db.execute(_load(kind), (persistence_id, state_version, 2**63 - 1 if to is None else to)):
        if what == _SNAPSHOT:
            snapshot = Snapshot(*values[:5])
        elif what == _ROW:
            row = RowVersion(*values[:2])
        else:
            events.append(event(*values))
    return Loaded(snapshot, tuple(events[:PAGE]), len(events) <= PAGE, row)


def event(
    sequence_nr: int, kind: str, payload: bytes, metadata: str, tags: str | None, encoding: str | None, key: str | None
) -> StoredEvent:
    """Return an event from its columns."""
    labels = _decode_tags(tags) if tags else ()
    return StoredEvent(sequence_nr, kind, payload, _decode_metadata(metadata), labels, encoding, key)


def events(db: apsw.Connection, persistence_id: str, after: int, limit: int) -> tuple[StoredEvent, ...]:
    """Read events of one stream in order."""
    rows = db.execute(
        f"SELECT {_EVENT} FROM events WHERE persistence_id = ? AND sequence_nr > ? ORDER BY sequence_nr LIMIT ?",
        (persistence_id, after, limit),
    )
    return tuple(event(*row) for row in rows)


def stream(db: apsw.Connection, after: int, limit: int) -> tuple[PositionedEvent, ...]:
    """Read events of all streams in order of their positions."""
    rows = db.execute(
        f"SELECT position, persistence_id, {_EVENT} FROM events WHERE position > ? ORDER BY position LIMIT ?",
        (after, limit),
    )
    return _positioned(rows)


def streams(db: apsw.Connection, after: tuple[str, int], limit: int) -> tuple[PositionedEvent, ...]:
    """Read events of all streams, one stream after another."""
    rows = db.execute(
        f"""
        SELECT position, persistence_id, {_EVENT} FROM events WHERE (persistence_id, sequence_nr) > (?, ?)
        ORDER BY persistence_id, sequence_nr LIMIT ?
        """,
        (*after, limit),
    )
    return _positioned(rows)


def _positioned(rows: apsw.Cursor) -> tuple[PositionedEvent, ...]:
    return tuple(PositionedEvent(position, persistence_id, event(*rest)) for position, persistence_id, *rest in rows)


def head(db: apsw.Connection, persistence_id: str) -> int:
    """Read the last sequence number of a stream, 0 if it has no events."""
    return db.execute("SELECT max(sequence_nr) FROM events WHERE persistence_id = ?", (persistence_id,)).get or 0


def holder(db: apsw.Connection, claim: Claim) -> str | None:
    """Read who holds a claim."""
    found: str | None = db.execute("SELECT persistence_id FROM claims WHERE digest = ?", (claim.digest,)).get
    return found


def command(db: apsw.Connection, command_id: str, now: int) -> RecordedCommand | None:
    """Read what was stored under a client key that is not too old."""
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT persistence_id, sequence_nr, fingerprint FROM commands WHERE id = ? AND time >= ?",
        (command_id, now - COMMAND_RETENTION),
    ).fetchall()
    return RecordedCommand(*rows[0]) if rows else None


def persistence_ids(db: apsw.Connection, after: str, limit: int) -> tuple[str, ...]:
    """Read ids that have events, in order."""
    rows = db.execute(
        "SELECT DISTINCT persistence_id FROM events WHERE persistence_id > ? ORDER BY persistence_id LIMIT ?",
        (after, limit),
    )
    return tuple(persistence_id for (persistence_id,) in rows)


def stale_rows(db: apsw.Connection, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
    """Read ids of rows of an older state version (rule R3). There is an index of them, for this very number."""
    older = f'SELECT persistence_id FROM "{kind}_rows" WHERE state_version < {state_version}'
    rows = db.execute(f"{older} ORDER BY persistence_id LIMIT ?", (limit,))
    return tuple(persistence_id for (persistence_id,) in rows)


def statistics(db: apsw.Connection, kinds: tuple[str, ...]) -> Statistics:
    """Count. Positions have no gaps and events are never deleted, so the last position is their number."""
    listed = {kind: number_of_rows(db, kind) for kind in kinds}
    size = db.pragma("page_count") * db.pragma("page_size")
    return Statistics(db.execute("SELECT max(position) FROM events").get or 0, listed, bytes=size)


def total(db: apsw.Connection, kind: str, column: str) -> int:
    """Add up a column over the listed rows."""
    return db.execute(f'SELECT sum(c_{column}) FROM "{kind}_rows" WHERE listed = 1').get or 0
