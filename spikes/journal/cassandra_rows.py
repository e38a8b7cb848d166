"""Writing rows: the snapshot by id, and the listing rows in every home (rules R2, K9).

Each cell carries the row's version as its timestamp, so rows may be written in any order and again. A row leaves a home
by being overwritten with nothing, never by a deletion, which the store would forget one day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

from spikes.journal import cassandra_places as at
from spikes.journal.cassandra_places import Place
from spikes.journal.cassandra_session import Session
from spikes.journal.checks import kind_of
from spikes.journal.errors import JournalError
from spikes.journal.port import EntityRow, IndexPart, RowSchema, RowVersion, Snapshot

TOGETHER = 10
TOGETHER_BYTES = 16 * 1024
"""The most writes, and their bytes, that go in one request. Cassandra refuses batches of 50 KiB by default."""

KNOWN_BUCKETS = 100_000
"""How many partitions are remembered as listed in `buckets`; then they are written once more."""


Write = tuple[Any, ...]
"""The name of a statement, and its values."""


class StoredRow(NamedTuple):
    """A row as it is stored: its version, what it was made of, where it stands, and the state."""

    row_nr: int | None
    row_version: int | None
    digest: bytes | None
    listed: bool | None
    item: bytes | None
    facts: bytes | None
    places: bytes | None
    sequence_nr: int | None
    state_version: int | None
    state: bytes | None
    encoding: str | None
    key_id: str | None
    row_written: int | None
    state_written: int | None

    @property
    def version(self) -> RowVersion | None:
        """The version of the row."""
        return version_of(self.row_nr, self.row_version)

    @property
    def snapshot(self) -> Snapshot | None:
        """The stored state."""
        return snapshot_of((self.sequence_nr, self.state_version, self.state, self.encoding, self.key_id))


class Shown(NamedTuple):
    """What the listings of a row hold: nothing where it is `gone`; `ranged` are the columns lists ask ranges of."""

    gone: bool
    item: bytes
    facts: bytes
    terms: Set[str]
    ranged: Sequence[int]


def version_of(number: int | None, state_version: int | None) -> RowVersion | None:
    """Return the version of a stored row."""
    return None if number is None or state_version is None else RowVersion(number, state_version)


def snapshot_of(values: Sequence[Any]) -> Snapshot | None:
    """Return the snapshot of stored columns; "" stands for no encoding and no key."""
    number, version, state, encoding, key_id = values
    if number is None:
        return None
    return Snapshot(number, version, state or b"", encoding or None, key_id or None)


class Rows:
    """The rows of all entities."""

    def __init__(self, session: Session, schemas: Mapping[str, RowSchema], ranges: Sequence[str]) -> None:
        self._session = session
        self._schemas = schemas
        self._ranges = ranges
        self._known: set[tuple[str, int]] = set()
        self._nothing = Shown(True, b"", b"", frozenset(), at.ranged_values(ranges, None))

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds whose rows are kept."""
        return frozenset(self._schemas)

    def places(self, persistence_id: str, index: IndexPart | None) -> tuple[Place, ...]:
        """Return where a row with this index part stands."""
        schema = self._schemas.get(kind_of(persistence_id))
        return () if schema is None else at.places(schema.kind, schema, index)

    async def write(
        self, row: EntityRow, leave: Iterable[Place] = (), revision: int = 0, beside: Sequence[Write] = ()
    ) -> None:
        """Write a row wherever it stands, and nothing where it stood: at `leave` (rule K9); and what goes beside it.

        A small row goes in one request. A large one is over what Cassandra takes in a batch, and goes place by place.
        What goes beside it goes in the same request if it fits in, too.
        """
        places, shown = self.places(row.persistence_id, row.index), self._shown(row)
        writes = [
            *self._snapshot_writes(row, places, shown, revision),
            *(self._listing_write(row, place, shown, revision) for place in places),
            *(self._listing_write(row, place, self._nothing, revision) for place in set(leave).difference(places)),
        ]
        new = [(place.home, place.bucket) for place in places if (place.home, place.bucket) not in self._known]
        size = _size(row, shown) * len(writes)
        if _go_together(len(writes) + len(beside), size + _bytes_of(beside)):
            writes, beside = [*writes, *beside], ()
        if _go_together(len(writes), size):
            work = [self._session.run_together("rows", [self._session.bound(*write) for write in writes])]
        else:
            work = [self._write(*write) for write in writes]
        work += [self._write(*write) for write in beside]
        await _all(*work, *(self._make_known(bucket) for bucket in new))

    async def _write(self, name: str, *values: Any) -> None:
        await self._session.run(name, *values)

    async def write_anew(self, row: EntityRow, leave: Iterable[Place], revision: int = 0) -> None:
        """Write a row that others than its append have made, who may have been overtaken.

        Whoever wrote a newer row meanwhile may not know of this one's places, as another release may have others. There
        it is taken away again; where the newer row stands, that is without effect.
        """
        await self.write(row, leave, revision)
        version, _ = await self._standing(row.persistence_id)
        if version is not None and version > row.version:
            places = self.places(row.persistence_id, row.index)
            await _all(
                *(self._write(*self._listing_write(row, place, self._nothing, revision + 1)) for place in places)
            )

    async def read(self, persistence_id: str) -> StoredRow | None:
        """Read everything that is stored of a row."""
        rows = (await self._session.run("row", persistence_id)).rows
        return StoredRow(*rows[0]) if rows else None

    async def stands_at(self, persistence_id: str) -> tuple[Place, ...]:
        """Read where the row stands."""
        return (await self._standing(persistence_id))[1]

    async def _standing(self, persistence_id: str) -> tuple[RowVersion | None, tuple[Place, ...]]:
        """Read the version of the stored row, and its places."""
        rows = (await self._session.run("standing", persistence_id)).rows
        number, state_version, places = rows[0] if rows else (None, None, None)
        return version_of(number, state_version), at.decode_places(places) if places else ()

    def _shown(self, row: EntityRow) -> Shown:
        """Return what a row's listings hold, alike in every home."""
        index, schema = row.index, self._schemas.get(kind_of(row.persistence_id))
        if index is None or schema is None:
            return self._nothing
        facts, terms = at.encode(at.facts_of(index)), at.indexed_terms(schema, index)
        return Shown(False, index.item, facts, terms, at.ranged_values(self._ranges, index))

    def _snapshot_writes(self, row: EntityRow, places: Sequence[Place], shown: Shown, revision: int) -> Sequence[Write]:
        written, snapshot = at.timestamp(row.sequence_nr, row.state_version, revision), row.snapshot
        values = (
            *(row.sequence_nr, row.state_version, at.digest(row)),
            *(not shown.gone, shown.item, shown.facts, at.encode(places)),
        )
        if snapshot is None:
            return [("put_row", row.persistence_id, *values, written)]
        state = _snapshot_values(snapshot)
        version = (snapshot.sequence_nr, snapshot.state_version)
        if version == (row.sequence_nr, row.state_version):
            return [("put_row_and_snapshot", row.persistence_id, *values, *state, written)]
        return [
            ("put_row", row.persistence_id, *values, written),
            ("put_snapshot", row.persistence_id, *state, at.timestamp(*version, revision)),
        ]

    def _listing_write(self, row: EntityRow, place: Place, shown: Shown, revision: int) -> Write:
        return (
            *("put_listing", place.home, place.bucket, place.key, row.persistence_id),
            *(shown.gone, row.sequence_nr, row.state_version, shown.item, shown.facts, shown.terms, *shown.ranged),
            at.timestamp(row.sequence_nr, row.state_version, revision),
        )

    async def _make_known(self, bucket: tuple[str, int]) -> None:
        """Let readers of the home find the partition."""
        await self._session.run("put_bucket", *bucket)
        if len(self._known) >= KNOWN_BUCKETS:
            self._known.clear()
        self._known.add(bucket)

    # ------------------------------------------------------------------------------------------------- rows made anew

    async def replace(self, row: EntityRow) -> bool:
        """Write a recomputed row unless a newer one is stored; tell whether anything differed."""
        stored = await self.read(row.persistence_id)
        differs = False
        if self._may_replace(row.version, stored and stored.version):
            differs = await self._replace_row(row, stored)
        return await self._replace_snapshot(row, stored) or differs

    def _may_replace(self, version: RowVersion, stored: RowVersion | None) -> bool:
        return stored is None or version >= stored

    async def _replace_row(self, row: EntityRow, stored: StoredRow | None) -> bool:
        before = at.decode_places(stored.places) if stored and stored.places else ()
        same = stored is not None and stored.version == row.version
        places = self.places(row.persistence_id, row.index)
        if stored and same and stored.digest == at.digest(row) and before == places and await self._stands(row, places):
            return False
        revision = _next_revision(row.version, stored.row_written if stored and same else None)
        bare = EntityRow(row.persistence_id, row.sequence_nr, row.state_version, row.index, None)
        await self.write_anew(bare, before, revision)
        return True

    async def _stands(self, row: EntityRow, places: Sequence[Place]) -> bool:
        """Tell whether the row is in each of its homes as it should be."""
        index = row.index
        facts = at.encode(at.facts_of(index)) if index is not None else b""
        keys = ((place.home, place.bucket, place.key, row.persistence_id) for place in places)
        found = await asyncio.gather(*(self._session.run("listing", *key) for key in keys))
        right = (False, row.sequence_nr, index.item if index is not None else b"", facts)
        return all(each.rows and tuple(each.rows[0][2:]) == right for each in found)

    async def _replace_snapshot(self, row: EntityRow, stored: StoredRow | None) -> bool:
        new, old = row.snapshot, stored.snapshot if stored else None
        if new is None or new == old:
            return False
        same = old is not None and (old.sequence_nr, old.state_version) == (new.sequence_nr, new.state_version)
        if old is not None and not same and (old.sequence_nr, old.state_version) > (new.sequence_nr, new.state_version):
            return False
        version = RowVersion(new.sequence_nr, new.state_version)
        revision = _next_revision(version, stored.state_written if stored and same else None)
        written = at.timestamp(new.sequence_nr, new.state_version, revision)
        await self._session.run("put_snapshot", row.persistence_id, *_snapshot_values(new), written)
        return True


async def _all(*work: Awaitable[None]) -> None:
    """Wait for all of it, then raise what one of them raised."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _go_together(writes: int, size: int) -> bool:
    return writes <= TOGETHER and size <= TOGETHER_BYTES


def _size(row: EntityRow, shown: Shown) -> int:
    """Return about how many bytes the largest write of a row takes."""
    state = len(row.snapshot.state) if row.snapshot else 0
    terms = sum(4 + (len(term) if term.isascii() else 4 * len(term)) for term in shown.terms)
    return max(state, terms) + len(shown.item) + len(shown.facts) + 200


def _bytes_of(writes: Iterable[Write]) -> int:
    return sum(len(value) for write in writes for value in write if isinstance(value, bytes | str))


def _snapshot_values(snapshot: Snapshot) -> tuple[Any, ...]:
    """Return the columns of a snapshot. None would be a deletion, which the store forgets one day."""
    return (
        snapshot.sequence_nr,
        snapshot.state_version,
        snapshot.state,
        snapshot.encoding or "",
        snapshot.key_id or "",
    )


def _next_revision(version: RowVersion, written: int | None) -> int:
    """Return the revision that replaces a damaged row of the same version."""
    if written is None:
        return 0
    revision = written - at.timestamp(version.sequence_nr, version.state_version) + 1
    if revision not in range(at.REVISIONS):
        raise JournalError(f"a row of version {version} was mended {at.REVISIONS - 1} times already; what damages it?")
    return revision
