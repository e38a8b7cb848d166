"""Writing rows: columns, terms and search text of one kind, many rows at a time, within the writer's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from spikes.journal.port import EntityRow, IndexPart, RowSchema, RowVersion
from spikes.journal.sqlite_batch import Value, read_many, run_many
from spikes.journal.sqlite_search import Change, SearchTables, Stored

_encode = msgspec.json.Encoder().encode


class RowTables:
    """The tables of one kind. All methods run inside the writer's transaction."""

    def __init__(self, schema: RowSchema) -> None:
        kind = schema.kind
        self.columns = tuple(schema.columns)
        self._search = SearchTables(schema) if schema.text else None
        columns = "".join(f"c_{name}, " for name in schema.columns)
        settings = ", ".join(f"c_{name} = excluded.c_{name}" for name in schema.columns)
        self._read = f"""
            WITH asked (persistence_id) AS (VALUES {{rows}})
            SELECT json_group_array(json_array(persistence_id, row_id, sequence_nr, state_version, listed, terms))
            FROM asked JOIN "{kind}_rows" USING (persistence_id)
            """
        self._last = f'SELECT coalesce(max(row_id), 0) FROM "{kind}_rows"'
        self._upsert = f"""
            INSERT INTO "{kind}_rows"
                (row_id, persistence_id, sequence_nr, state_version, listed, {columns} terms, item)
            VALUES {{rows}}
            ON CONFLICT (persistence_id) DO UPDATE SET
                sequence_nr = excluded.sequence_nr, state_version = excluded.state_version,
                listed = excluded.listed, terms = excluded.terms, item = excluded.item
                {", " + settings if settings else ""}
            """
        self._content = f"""
            SELECT sequence_nr, state_version, listed, {columns} terms, item
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
            pid: Stored(row_id, RowVersion(nr, v), bool(listed), terms) for pid, row_id, nr, v, listed, terms in found
        }

    def _changes(self, db: apsw.Connection, rows: Sequence[EntityRow], stored: dict[str, Stored]) -> list[Change]:
        row_id = db.execute(self._last).get
        changes = []
        for row in rows:
            old = stored.get(row.persistence_id)
            row_id += old is None
            changes.append(Change(old.row_id if old else row_id, row, old, _terms(row.index)))
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
        run_many(db, self._upsert, [self._values(change) for change in written])
        self._put_terms(db, written)
        return self._search.write(db, changes, trust_hints) if self._search else set()

    def _values(self, change: Change) -> tuple[Value, ...]:
        row, columns = change.row, change.listing.columns
        listed = row.index is not None
        return (
            change.row_id,
            row.persistence_id,
            row.sequence_nr,
            row.state_version,
            int(listed),
            *[columns.get(name) for name in self.columns],
            change.terms,
            change.listing.item if listed else None,
        )

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


def _is_newer(row: EntityRow, stored: Stored | None) -> bool:
    return stored is None or row.version > stored.version


def _is_older(row: EntityRow, stored: Stored | None) -> bool:
    return stored is not None and row.version < stored.version


def _terms(index: IndexPart | None) -> str:
    """Return the terms in the form in which they are stored and compared."""
    return _encode(sorted(set(index.terms))).decode() if index and index.terms else "[]"
