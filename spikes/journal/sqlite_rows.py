"""Writing rows: columns, terms and search text of one kind, many rows at a time, within the writer's transaction."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import apsw
import msgspec

from spikes.journal.port import EntityRow, IndexPart, RowSchema, RowVersion
from spikes.journal.sqlite_batch import Value, read_many, run_many
from spikes.journal.sqlite_search import Change, SearchTables, Stored

encode = msgspec.json.Encoder().encode


class RowTables:
    """The tables of one kind. All methods run inside the writer's transaction."""

    def __init__(self, schema: RowSchema) -> None:
        kind = schema.kind
        self._columns = tuple(schema.columns)
        self._indexed = ("listed", *(f"c_{name}" for name in schema.columns))
        self._search = SearchTables(schema) if schema.text else None
        indexed = ", ".join(self._indexed)
        self._read = f"""
            WITH asked (persistence_id) AS (VALUES {{rows}})
            SELECT json_group_array(json_array(
                persistence_id, row_id, sequence_nr, state_version, terms, json_array({indexed})))
            FROM asked JOIN "{kind}_rows" USING (persistence_id)
            """
        self._last = f'SELECT coalesce(max(row_id), 0) FROM "{kind}_rows"'
        self._insert = f"""
            INSERT INTO "{kind}_rows"
                (row_id, persistence_id, sequence_nr, state_version, {indexed}, terms, item)
            VALUES {{rows}}
            """
        self._kind = kind
        self._content = f"""
            SELECT sequence_nr, state_version, {indexed}, terms, item
            FROM "{kind}_rows" WHERE row_id = ?
            """
        self._add_terms = f'INSERT OR IGNORE INTO "{kind}_terms" (name, value, row_id) VALUES {{rows}}'
        self._drop_terms = f'DELETE FROM "{kind}_terms" WHERE (name, value, row_id) IN (VALUES {{rows}})'

    def write(self, db: apsw.Connection, rows: Sequence[EntityRow]) -> None:
        """Write each row over an older one only (rule R2): columns, and terms and text where they changed."""
        stored = self._stored(db, rows)
        newer = [row for row in rows if _is_newer(row, stored.get(row.persistence_id))]
        if newer:
            self._put(db, self._changes(db, newer, stored), trust_hints=True)

    def replace(self, db: apsw.Connection, rows: Sequence[EntityRow]) -> set[str]:
        """Write recomputed rows unless a newer one is stored; return the ids of those that differed."""
        stored = self._stored(db, rows)
        held = [row for row in rows if not _is_older(row, stored.get(row.persistence_id))]
        changes = self._changes(db, held, stored)
        different = [change for change in changes if self._differs(db, change)]
        in_text = self._put(db, changes, trust_hints=False, written=different)
        return {change.row.persistence_id for change in different} | {
            change.row.persistence_id for change in changes if change.row_id in in_text
        }

    def _stored(self, db: apsw.Connection, rows: Sequence[EntityRow]) -> dict[str, Stored]:
        found = read_many(db, self._read, [(row.persistence_id,) for row in rows])
        return {
            persistence_id: Stored(row_id, RowVersion(number, version), terms, tuple(indexed))
            for persistence_id, row_id, number, version, terms, indexed in found
        }

    def _changes(self, db: apsw.Connection, rows: Sequence[EntityRow], stored: dict[str, Stored]) -> list[Change]:
        row_id = db.execute(self._last).get
        changes = []
        for row in rows:
            old = stored.get(row.persistence_id)
            row_id += old is None
            changes.append(Change(old.row_id if old else row_id, row, old, encoded_terms(row.index)))
        return changes

    def _put(
        self,
        db: apsw.Connection,
        changes: Sequence[Change],
        trust_hints: bool,
        written: Sequence[Change] | None = None,
    ) -> set[int]:
        """Write the changes; return the row ids whose text changed.

        The full text comes last: SQLite makes a savepoint before a statement of many rows, and on a savepoint FTS5
        writes out what it has gathered.
        """
        written = changes if written is None else written
        run_many(db, self._insert, [self._values(change) for change in written if change.stored is None])
        self._update_rows(db, [change for change in written if change.stored is not None])
        self._put_terms(db, written)
        return self._search.write(db, changes, trust_hints) if self._search else set()

    def _update_rows(self, db: apsw.Connection, changes: Sequence[Change]) -> None:
        """Set only the columns that differ: SQLite writes an index anew for every column that a statement sets."""
        alike: dict[tuple[str, ...], list[tuple[Value, ...]]] = {}
        for change in changes:
            before, now = change.stored.indexed if change.stored else (), self._indexed_values(change)
            pairs = zip(self._indexed, before, now, strict=True)
            differing = {name: new for name, old, new in pairs if old != new}
            row = change.row
            values = (change.row_id, row.sequence_nr, row.state_version, change.terms, change.item)
            alike.setdefault(tuple(differing), []).append((*values, *differing.values()))
        for columns, rows in alike.items():
            run_many(db, _update(self._kind, columns), rows)

    def _indexed_values(self, change: Change) -> tuple[Value, ...]:
        columns = change.listing.columns
        return (int(change.row.index is not None), *[columns.get(name) for name in self._columns])

    def _values(self, change: Change) -> tuple[Value, ...]:
        row = change.row
        version = (change.row_id, row.persistence_id, row.sequence_nr, row.state_version)
        return (*version, *self._indexed_values(change), change.terms, change.item)

    def _differs(self, db: apsw.Connection, change: Change) -> bool:
        if change.stored is None:
            return True
        content = db.execute(self._content, (change.row_id,)).fetchall()[0]
        return content != self._values(change)[2:]

    def _put_terms(self, db: apsw.Connection, changes: Sequence[Change]) -> None:
        added: list[tuple[str, str, int]] = []
        dropped: list[tuple[str, str, int]] = []
        for change in changes:
            old = change.stored.terms if change.stored else "[]"
            if old != change.terms:
                before = {(name, value) for name, value in msgspec.json.decode(old)}
                after = set(change.listing.terms)
                added += [(*term, change.row_id) for term in after - before]
                dropped += [(*term, change.row_id) for term in before - after]
        run_many(db, self._drop_terms, dropped)
        run_many(db, self._add_terms, added)


@functools.cache
def _update(kind: str, columns: tuple[str, ...]) -> str:
    names = ("sequence_nr", "state_version", "terms", "item", *columns)
    return f"""
        WITH new (row_id, {", ".join(names)}) AS (VALUES {{rows}})
        UPDATE "{kind}_rows" AS r SET {", ".join(f"{name} = new.{name}" for name in names)}
        FROM new WHERE r.row_id = new.row_id
        """


def _is_newer(row: EntityRow, stored: Stored | None) -> bool:
    return stored is None or row.version > stored.version


def _is_older(row: EntityRow, stored: Stored | None) -> bool:
    return stored is not None and row.version < stored.version


def encoded_terms(index: IndexPart | None) -> str:
    """Return the terms in the form in which they are stored and compared."""
    return encode(sorted(set(index.terms))).decode() if index and index.terms else "[]"
