"""The rows and snapshots of the journal in memory: what may replace what (rule R2)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from spikes.journal.checks import kind_of
from spikes.journal.port import EntityRow, RowVersion, Snapshot


class MemoryRows:
    """The index parts by kind, and the snapshots. A kind without a schema has snapshots only."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._kinds: dict[str, dict[str, EntityRow]] = {kind: {} for kind in kinds}
        self.snapshots: dict[str, Snapshot] = {}

    def of_kind(self, kind: str) -> Iterable[EntityRow]:
        """Return the rows of a kind, listed or not."""
        return self._kinds.get(kind, {}).values()

    def get(self, persistence_id: str) -> EntityRow | None:
        """Return the row of an entity, without its snapshot."""
        return self._kinds.get(kind_of(persistence_id), {}).get(persistence_id)

    def write(self, row: EntityRow) -> None:
        """Write a row and its snapshot, each only over an older one (rule R2)."""
        stored, old = self.get(row.persistence_id), self.snapshots.get(row.persistence_id)
        if stored is None or row.version > stored.version:
            self._put(_bare(row))
        if row.snapshot and (old is None or _version(row.snapshot) > _version(old)):
            self.snapshots[row.persistence_id] = row.snapshot

    def replace(self, row: EntityRow) -> bool:
        """Write a recomputed row unless a newer one is stored; tell whether anything differed."""
        stored, bare = self.get(row.persistence_id), _bare(row)
        differs = stored is None or (row.version >= stored.version and bare != stored)
        return (differs and self._put(bare)) | self._replace_snapshot(row.persistence_id, row.snapshot)

    def _replace_snapshot(self, persistence_id: str, snapshot: Snapshot | None) -> bool:
        old = self.snapshots.get(persistence_id)
        if snapshot is None or snapshot == old or (old is not None and _version(snapshot) < _version(old)):
            return False
        self.snapshots[persistence_id] = snapshot
        return True

    def _put(self, bare: EntityRow) -> bool:
        rows = self._kinds.get(kind_of(bare.persistence_id))
        if rows is None:
            return False
        rows[bare.persistence_id] = bare
        return True


def _bare(row: EntityRow) -> EntityRow:
    """Return the row as it is kept and compared: no snapshot, no hints, no empty columns, terms in order."""
    if row.index is None:
        return replace(row, snapshot=None)
    columns = {name: value for name, value in row.index.columns.items() if value is not None}
    index = replace(row.index, columns=columns, terms=tuple(sorted(set(row.index.terms))), changed=None, base=None)
    return replace(row, snapshot=None, index=index)


def _version(snapshot: Snapshot) -> RowVersion:
    return RowVersion(snapshot.sequence_nr, snapshot.state_version)
