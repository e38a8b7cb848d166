"""A group of appends inside one transaction: all checks by reading first, then all writes.

No other writer can come between, since the transaction holds the write lock from its start. So a refusal happens
before the append has written anything and spoils nobody else's (rule S1), and any error after the first write means
that the whole group is rolled back and run one by one (rule S2).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import apsw
import msgspec

from spikes.journal.checks import kind_of
from spikes.journal.errors import ClaimTaken, DeadlinePassed, DuplicateCommand, JournalError, SequenceConflict
from spikes.journal.port import COMMAND_RETENTION, Append, Appended, EntityRow, Metadata, Snapshot, StoredEvent
from spikes.journal.sqlite_batch import Value, read_many, run_many
from spikes.journal.sqlite_rows import RowTables

Outcome = Appended | JournalError

_HEADS = """
    WITH asked (persistence_id) AS (VALUES {rows})
    SELECT json_group_array(json_array(persistence_id, (
        SELECT max(sequence_nr) FROM events WHERE events.persistence_id = asked.persistence_id
    )))
    FROM asked
    """
_HOLDERS = """
    WITH asked (digest) AS (VALUES {rows})
    SELECT json_group_array(json_array(hex(digest), persistence_id)) FROM asked JOIN claims USING (digest)
    """
_COMMANDS = """
    WITH asked (id) AS (VALUES {rows})
    SELECT json_group_array(json_array(id, persistence_id, sequence_nr, hex(fingerprint), time))
    FROM asked JOIN commands USING (id)
    """
_PUT_EVENTS = """
    INSERT INTO events (persistence_id, sequence_nr, type, time, metadata, payload, encoding, key_id, tags)
    VALUES {rows}
    """
_PUT_SNAPSHOTS = """
    INSERT INTO snapshots (persistence_id, sequence_nr, state_version, state, encoding, key_id) VALUES {rows}
    ON CONFLICT DO UPDATE SET
        sequence_nr = excluded.sequence_nr, state_version = excluded.state_version, state = excluded.state,
        encoding = excluded.encoding, key_id = excluded.key_id
    WHERE (excluded.sequence_nr, excluded.state_version) > (snapshots.sequence_nr, snapshots.state_version)
    """
_REPLACE_SNAPSHOT = """
    INSERT INTO snapshots AS s (persistence_id, sequence_nr, state_version, state, encoding, key_id)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        sequence_nr = excluded.sequence_nr, state_version = excluded.state_version, state = excluded.state,
        encoding = excluded.encoding, key_id = excluded.key_id
    WHERE (excluded.sequence_nr, excluded.state_version) >= (s.sequence_nr, s.state_version)
        AND (excluded.sequence_nr, excluded.state_version, excluded.state, excluded.encoding, excluded.key_id)
            IS NOT (s.sequence_nr, s.state_version, s.state, s.encoding, s.key_id)
    """
_PUT_COMMANDS = """
    INSERT OR REPLACE INTO commands (id, persistence_id, sequence_nr, fingerprint, time) VALUES {rows}
    """
_PUT_CLAIMS = "INSERT OR IGNORE INTO claims (digest, persistence_id) VALUES {rows}"
_DROP_CLAIMS = "DELETE FROM claims WHERE digest IN (VALUES {rows})"
_ATTEMPT = "SELECT metadata FROM events WHERE persistence_id = ? AND sequence_nr = ?"

encode = msgspec.json.Encoder().encode
_decode_metadata = msgspec.json.Decoder(Metadata).decode


class Recorded(NamedTuple):
    """What is stored under a client key."""

    persistence_id: str
    sequence_nr: int
    fingerprint: str
    time: int


class Facts(NamedTuple):
    """What the store has to say about a group: heads of streams, holders of claims, and client keys."""

    heads: Mapping[str, int]
    holders: Mapping[str, str]
    commands: Mapping[str, Recorded]


def independent(group: Sequence[Append]) -> Iterator[list[Append]]:
    """Cut a group before each append that depends on one of the part before."""
    part: list[Append] = []
    keys: set[object] = set()
    for append in group:
        own = _keys(append)
        if not keys.isdisjoint(own):
            yield part
            part, keys = [], set()
        part.append(append)
        keys |= own
    if part:
        yield part


def _keys(append: Append) -> set[object]:
    claims = (claim.digest for claim in (*append.take, *append.release))
    return {append.persistence_id, *claims, *([("command", append.command.id)] if append.command else [])}


def lateness(append: Append, now: float) -> DeadlinePassed | None:
    """Return the answer to an append whose deadline has passed (rule C2)."""
    if append.deadline is None or now <= append.deadline:
        return None
    return DeadlinePassed(f"{append.persistence_id}: the deadline passed before the append was sent")


def store_group(db: apsw.Connection, kinds: Mapping[str, RowTables], group: Sequence[Append]) -> list[Outcome]:
    """Check and write a group of independent appends; the caller commits. Any error means: roll everything back."""
    facts = _read_facts(db, group)
    now = time.monotonic()
    outcomes = [_judge(db, append, facts, now) for append in group]
    accepted = [append for append, outcome in zip(group, outcomes, strict=True) if outcome is None]
    if accepted:
        _write(db, kinds, accepted, facts)
    return [outcome or Appended(append.sequence_nr) for append, outcome in zip(group, outcomes, strict=True)]


def _read_facts(db: apsw.Connection, group: Sequence[Append]) -> Facts:
    claims = [(claim.digest,) for append in group for claim in (*append.take, *append.release)]
    keys = [(append.command.id,) for append in group if append.command]
    return Facts(
        {pid: head or 0 for pid, head in read_many(db, _HEADS, [(append.persistence_id,) for append in group])},
        dict(read_many(db, _HOLDERS, claims)),
        {key: Recorded(*rest) for key, *rest in read_many(db, _COMMANDS, keys)},
    )


def _judge(db: apsw.Connection, append: Append, facts: Facts, now: float) -> Outcome | None:
    """Return the answer to an append that writes nothing, or None if it may be written."""
    late = lateness(append, now)
    if late is not None:
        return late
    refusal = _refusal(append, facts)
    if refusal is not None and not isinstance(refusal, ClaimTaken) and is_stored(db, append):
        return Appended(append.sequence_nr)
    return refusal


def _refusal(append: Append, facts: Facts) -> JournalError | None:
    """Check the client key, the sequence number and the claims, in this order (rule C4)."""
    recorded = facts.commands.get(append.command.id) if append.command else None
    if recorded and recorded.time >= append.events[0].metadata.time - COMMAND_RETENTION:
        return DuplicateCommand(recorded.persistence_id, recorded.sequence_nr, bytes.fromhex(recorded.fingerprint))
    head = facts.heads[append.persistence_id]
    if head != append.expected_sequence_nr:
        return SequenceConflict(append.persistence_id, append.expected_sequence_nr, head)
    for claim in append.take:
        holder = facts.holders.get(claim.digest.hex().upper(), append.persistence_id)
        if holder != append.persistence_id:
            return ClaimTaken(claim, holder)
    return None


def is_stored(db: apsw.Connection, append: Append) -> bool:
    """Tell whether the event at the expected place is of this very attempt (rule C1)."""
    metadata = db.execute(_ATTEMPT, (append.persistence_id, append.expected_sequence_nr + 1)).get
    return metadata is not None and _decode_metadata(metadata).attempt_id == append.attempt_id


def _write(db: apsw.Connection, kinds: Mapping[str, RowTables], accepted: Sequence[Append], facts: Facts) -> None:
    run_many(db, _PUT_EVENTS, [_event(each.persistence_id, event) for each in accepted for event in each.events])
    run_many(db, _DROP_CLAIMS, _released(accepted, facts))
    run_many(db, _PUT_CLAIMS, _taken(accepted, facts))
    run_many(db, _PUT_COMMANDS, [_command(append) for append in accepted if append.command])
    rows = [append.row for append in accepted]
    put_snapshots(db, rows)
    for kind, of_kind in group_by_kind(rows).items():
        if kind in kinds:
            kinds[kind].write(db, of_kind)


def _event(persistence_id: str, event: StoredEvent) -> tuple[Value, ...]:
    return (
        persistence_id,
        event.sequence_nr,
        event.type,
        event.metadata.time,
        encode(event.metadata).decode(),
        event.payload,
        event.encoding,
        event.key_id,
        encode(event.tags).decode() if event.tags else None,
    )


def _released(accepted: Sequence[Append], facts: Facts) -> list[tuple[bytes]]:
    """Only the holder releases a claim, and not one that the same append takes."""
    return [
        (claim.digest,)
        for append in accepted
        for claim in append.release
        if facts.holders.get(claim.digest.hex().upper()) == append.persistence_id and claim not in append.take
    ]


def _taken(accepted: Sequence[Append], facts: Facts) -> list[tuple[bytes, str]]:
    return [
        (claim.digest, append.persistence_id)
        for append in accepted
        for claim in append.take
        if claim.digest.hex().upper() not in facts.holders
    ]


def _command(append: Append) -> tuple[Value, ...]:
    key, time_of_event = append.command, append.events[0].metadata.time
    assert key is not None
    return (key.id, append.persistence_id, append.sequence_nr, key.fingerprint, time_of_event)


def put_snapshots(db: apsw.Connection, rows: Sequence[EntityRow]) -> None:
    """Write the snapshots, each over an older one only (rule R2)."""
    run_many(db, _PUT_SNAPSHOTS, [snapshot_values(row.persistence_id, row.snapshot) for row in rows if row.snapshot])


def snapshot_values(persistence_id: str, snapshot: Snapshot) -> tuple[Value, ...]:
    """Return the columns of a snapshot."""
    return (persistence_id, *msgspec.structs.astuple(snapshot))


def group_by_kind(rows: Sequence[EntityRow]) -> dict[str, list[EntityRow]]:
    """Return the rows of each kind."""
    found: dict[str, list[EntityRow]] = {}
    for row in rows:
        found.setdefault(kind_of(row.persistence_id), []).append(row)
    return found


def replace_rows(db: apsw.Connection, kinds: Mapping[str, RowTables], rows: Sequence[EntityRow]) -> int:
    """Write recomputed rows and snapshots over what is stored unless that is newer; return how many differed."""
    differing: set[str] = set()
    rows = list({row.persistence_id: row for row in rows}.values())
    for kind, of_kind in group_by_kind(rows).items():
        if kind in kinds:
            differing |= kinds[kind].replace(db, of_kind)
    for row in rows:
        if row.snapshot:
            db.execute(_REPLACE_SNAPSHOT, snapshot_values(row.persistence_id, row.snapshot))
            differing |= {row.persistence_id} if db.changes() else set()
    return len(differing)
