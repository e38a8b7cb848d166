"""The streams of events: reading them, appending to them, and the fence (rules K1 to K4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import NamedTuple

import msgspec
from cassandra.query import BoundStatement

from spikes.journal.cassandra_cql import STREAM_BUCKET
from spikes.journal.cassandra_session import Rows, Session
from spikes.journal.errors import JournalCorrupt
from spikes.journal.port import Append, Metadata, StoredEvent

MOST_EVENTS = 20_000
"""The most events of one append: it is one batch, in one partition."""

MOST_BYTES = 12 * 1024 * 1024
"""The most bytes of one append's events; Cassandra takes no mutation over 16 MiB by default."""

READ_ROWS = 200
READ_BYTES = 2 * 1024 * 1024
MOST_READ = 2_000
"""How much of a stream one read asks for: rows at first, then as many as come to about so many bytes, and not more."""

SHORT = 64
"""How many events are read at a time where most likely few are wanted."""

KNOWN_CLAIMS = 10_000
"""Of how many claims it is remembered what the events that were read say of them."""

_encode = msgspec.json.Encoder().encode
_decode_metadata = msgspec.json.Decoder(Metadata).decode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


class Head(NamedTuple):
    """The last sequence number of a bucket (None without events), and the fence that an append has to name."""

    number: int | None
    epoch: int | None


NOTHING = Head(None, None)


def bucket_of(expected: int) -> int:
    """Return the bucket of an append that follows this sequence number."""
    return expected // STREAM_BUCKET


def is_young(expected: int) -> bool:
    """Tell whether an append that follows this number may be the first of its bucket.

    The last append of the bucket before may reach over by almost as many events as an append can have.
    """
    return expected >= STREAM_BUCKET and expected % STREAM_BUCKET < MOST_EVENTS


class Streams:
    """All streams of events."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._claimed: dict[tuple[str, bytes], tuple[bool, int, int]] = {}

    async def head(self, persistence_id: str, bucket: int, *, surely: bool = False) -> Head:
        """Read the head of a bucket; `surely` first finishes whatever append is under way."""
        name = "head_surely" if surely else "head"
        rows = (await self._session.run(name, persistence_id, bucket)).rows
        return Head(*rows[0]) if rows else NOTHING

    async def append(self, append: Append, head: Head) -> Rows:
        """Send the one conditional batch that stores an append behind `head` (rule K1)."""
        bucket, session = bucket_of(append.expected_sequence_nr), self._session
        moved = session.bound("move_head", append.sequence_nr, append.persistence_id, bucket, head.number, head.epoch)
        return await session.run_batch("append", [moved, *self._events("put_event", append, bucket)])

    async def bring(self, append: Append) -> None:
        """Store an append of an import, which nobody else writes beside (rule K13).

        Its cells are older than those of any conditional write, so they never hide one.
        """
        bucket, session = bucket_of(append.expected_sequence_nr), self._session
        head = session.bound("bring_head", append.sequence_nr, append.persistence_id, bucket)
        await session.run_together("bring", [head, *self._events("bring_event", append, bucket)])

    def _events(self, statement: str, append: Append, bucket: int) -> list[BoundStatement]:
        """Return the statements that store the events; the first one says which claims they take and let go of."""
        taken, released = ([claim.digest for claim in claims] or None for claims in (append.take, append.release))
        of_claims = [(taken, released), *[(None, None)] * (len(append.events) - 1)]
        return [
            self._session.bound(statement, append.persistence_id, bucket, *_values(event), *claims)
            for event, claims in zip(append.events, of_claims, strict=True)
        ]

    async def fence(self, persistence_id: str, expected: int) -> None:
        """Make every append that is under way behind `expected`, or later, impossible if it is not stored (rule K2).

        Later, because a claim's row names but one of several attempts of its holder that rely on it, and that may be
        an older one, while another is already in the next bucket.
        """
        bucket = bucket_of(expected)
        while True:
            number, epoch = await self.head(persistence_id, bucket, surely=True)
            if (await self._session.run("fence", (epoch or 0) + 1, persistence_id, bucket, epoch)).applied:
                if number is None or number < (bucket + 1) * STREAM_BUCKET:
                    return
                bucket += 1

    async def metadata(self, persistence_id: str, sequence_nr: int, expected: int) -> Metadata | None:
        """Read who wrote an event, after finishing whatever is under way; None if there is no such event."""
        rows = (await self._session.run("metadata_surely", persistence_id, bucket_of(expected), sequence_nr)).rows
        return _decode_metadata(rows[0][0]) if rows else None

    async def events(self, persistence_id: str, after: int, limit: int) -> list[StoredEvent]:
        """Read events in order. Raises JournalCorrupt for a gap: nothing is ever skipped (rule K1)."""
        found: list[StoredEvent] = []
        bucket, last, most = _first_bucket(after), after, READ_ROWS
        while len(found) < limit:
            asked = min(limit - len(found), most)
            page = await self._page(persistence_id, bucket, last, asked)
            for event in page:
                if event.sequence_nr != last + 1:
                    raise JournalCorrupt(f"{persistence_id}: event {last + 1} is missing before {event.sequence_nr}")
                last = event.sequence_nr
            found += page
            if len(page) < asked:  # the bucket has no more; a next one begins where this one is full
                if last < (bucket + 1) * STREAM_BUCKET:
                    break
                bucket += 1
            elif page:
                most = max(1, min(MOST_READ, READ_BYTES * len(page) // size_of(page)))
        return found

    async def those_behind(
        self, persistence_id: str, expected: int, wanted: Callable[[StoredEvent], bool]
    ) -> list[StoredEvent]:
        """Read the events that follow a place, up to the first one that is not wanted."""
        found: list[StoredEvent] = []
        while page := await self.events(persistence_id, expected + len(found), SHORT):
            found += (some := list(takewhile(wanted, page)))
            if len(some) < SHORT:
                break
        return found

    async def _page(self, persistence_id: str, bucket: int, after: int, limit: int) -> list[StoredEvent]:
        rows = (await self._session.run("events", persistence_id, bucket, after, limit)).rows
        return [_event(row) for row in rows if row[0] is not None]

    async def claims_of(self, persistence_id: str, digest: bytes) -> bool:
        """Tell whether the stream's events hold a claim: the last one that names it says so (rule K7).

        What was read once is not read again: events never change.
        """
        held, bucket, last = self._claimed.pop((persistence_id, digest), (False, 0, 0))
        while True:
            rows = (await self._session.run("claimed", persistence_id, bucket, last, READ_ROWS)).rows
            for number, taken, released in rows:
                last = number or last
                held = (held or digest in (taken or ())) if digest not in (released or ()) else digest in (taken or ())
            if not rows or rows[-1][0] is None:
                if last < (bucket + 1) * STREAM_BUCKET:
                    self._claimed[persistence_id, digest] = held, bucket, last
                    if len(self._claimed) > KNOWN_CLAIMS:
                        del self._claimed[next(iter(self._claimed))]
                    return held
                bucket += 1


def size_of(events: Sequence[StoredEvent]) -> int:
    """Return about how many bytes the events take on their way."""
    return sum(len(event.payload) + len(event.type) + 300 for event in events)


def _first_bucket(after: int) -> int:
    """Return the first bucket that may hold what follows `after`: an append is never split, so it may reach over."""
    return bucket_of(max(0, after - MOST_EVENTS))


def _values(event: StoredEvent) -> tuple[object, ...]:
    return (
        event.sequence_nr,
        event.type,
        _encode(event.metadata),
        event.payload,
        event.encoding,
        event.key_id,
        _encode(event.tags) if event.tags else None,
    )


def _event(row: Sequence[object]) -> StoredEvent:
    number, name, metadata, payload, encoding, key_id, tags = row
    return StoredEvent(
        number,  # type: ignore[arg-type]
        name,  # type: ignore[arg-type]
        payload,  # type: ignore[arg-type]
        _decode_metadata(metadata),  # type: ignore[arg-type]
        _decode_tags(tags) if tags else (),  # type: ignore[arg-type]
        encoding,  # type: ignore[arg-type]
        key_id,  # type: ignore[arg-type]
    )
