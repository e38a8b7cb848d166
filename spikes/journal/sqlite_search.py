"""The full text of one kind of row: one entry of the index for each search part, written only where a text changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import apsw

from spikes.journal.port import EntityRow, IndexPart, RowSchema, RowVersion
from spikes.journal.sqlite_batch import Value, read_many, run_many
from spikes.journal.sqlite_scope import COLUMN, part_text, scope_text

UNLISTED = IndexPart(columns={}, item=b"")


class Stored(NamedTuple):
    """What the rows table has of an entity."""

    row_id: int
    version: RowVersion
    terms: str
    indexed: tuple[Value, ...]
    """Whether it is listed, and the declared columns."""


class Change(NamedTuple):
    """One row to be written: over what, and with which terms."""

    row_id: int
    row: EntityRow
    stored: Stored | None
    terms: str

    @property
    def listing(self) -> IndexPart:
        """Return what lists read; of a row that is not listed, nothing."""
        return self.row.index or UNLISTED

    @property
    def item(self) -> bytes | None:
        """Return the list item, None if the row is not listed."""
        return self.row.index.item if self.row.index else None

    @property
    def hint_holds(self) -> bool:
        """Tell whether only the parts that the row names can differ: it was computed from just what is stored."""
        index, stored = self.listing, self.stored
        if stored is None or not stored.indexed[0] or index.changed is None:
            return False
        return index.base == stored.version and stored.version.state_version == self.row.state_version


class _Part(NamedTuple):
    part_id: int
    digest: bytes


class _Writes:
    """What a group changes in the tables of search parts."""

    def __init__(self, last_part: int) -> None:
        self.last_part = last_part
        self.dropped: list[tuple[int]] = []
        self.put: list[tuple[Value, ...]] = []
        self.stale: list[tuple[int]] = []
        self.texts: list[tuple[Value, ...]] = []

    def note(
        self, row_id: int, part: str, stored: _Part | None, new: tuple[str, ...] | None, scope: tuple[Value, ...]
    ) -> bool:
        """Note what has to be written for one part; tell whether it differs from what is stored."""
        digest = None if new is None else digest_of(new)
        if (stored.digest if stored else None) == digest:
            return False
        if stored:
            self.stale.append((stored.part_id,))
        if new is not None:
            part_id = stored.part_id if stored else self._next()
            self.put.append((part_id, row_id, part, digest, *scope))
            self.texts.append((part_id, *new))
        elif stored:
            self.dropped.append((stored.part_id,))
        return True

    def _next(self) -> int:
        self.last_part += 1
        return self.last_part


class SearchTables:
    """The parts and the full text index of one kind. All methods run inside the writer's transaction."""

    def __init__(self, schema: RowSchema) -> None:
        kind = schema.kind
        self._schema = schema
        fields, scope = ", ".join(text_columns(schema)), [f"c_{name}" for name in schema.scope]
        self._last = f'SELECT coalesce(max(part_id), 0) FROM "{kind}_parts"'
        self._named = f"""
            WITH asked (row_id, part) AS (VALUES {{rows}})
            SELECT json_group_array(json_array(row_id, part, part_id, hex(digest)))
            FROM asked JOIN "{kind}_parts" USING (row_id, part)
            """
        self._all = f"""
            WITH asked (row_id) AS (VALUES {{rows}})
            SELECT json_group_array(json_array(row_id, part, part_id, hex(digest)))
            FROM asked JOIN "{kind}_parts" USING (row_id)
            """
        self._put_parts = f"""
            INSERT INTO "{kind}_parts" ({", ".join(("part_id", "row_id", "part", "digest", *scope))}) VALUES {{rows}}
            ON CONFLICT (part_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in ("digest", *scope))}
            """
        self._drop_parts = f'DELETE FROM "{kind}_parts" WHERE part_id IN (VALUES {{rows}})'
        self._put_text = f'INSERT INTO "{kind}_fts" (rowid, {fields}) VALUES {{rows}}'
        self._drop_text = f'DELETE FROM "{kind}_fts" WHERE rowid IN (VALUES {{rows}})'

    def write(self, db: apsw.Connection, changes: Sequence[Change], trust_hints: bool) -> set[int]:
        """Write the parts that differ from what is stored; return the row ids that had any."""
        hinted = {each.row_id for each in changes if trust_hints and each.hint_holds and self._keeps_scope(each)}
        parts = self._stored_parts(db, changes, hinted)
        writes, differing = _Writes(db.execute(self._last).get), set()
        for change in changes:
            search, old = indexed_texts(self._schema, change.listing), parts.get(change.row_id, {})
            scope = tuple(change.listing.columns.get(name) for name in self._schema.scope)
            names = (change.listing.changed or ()) if change.row_id in hinted else search.keys() | old.keys()
            for part in names:
                if writes.note(change.row_id, part, old.get(part), search.get(part), scope):
                    differing.add(change.row_id)
        self._run(db, writes)
        return differing

    def _keeps_scope(self, change: Change) -> bool:
        """Tell whether the columns of the scope are as they are stored: if not, all parts have to be written."""
        stored = change.stored.indexed[1:] if change.stored else ()
        before = dict(zip(self._schema.columns, stored, strict=True))
        return all(before[name] == change.listing.columns.get(name) for name in self._schema.scope)

    def _run(self, db: apsw.Connection, writes: _Writes) -> None:
        run_many(db, self._drop_parts, writes.dropped)
        run_many(db, self._put_parts, writes.put)
        run_many(db, self._drop_text, writes.stale)
        # In ascending order: FTS5 writes out what it has gathered whenever a row comes before the last one.
        run_many(db, self._put_text, sorted(writes.texts))

    def _stored_parts(
        self, db: apsw.Connection, changes: Sequence[Change], hinted: set[int]
    ) -> dict[int, dict[str, _Part]]:
        """Read the parts that may differ: those named by a hint that holds, else all of the row."""
        named = [(c.row_id, part) for c in changes if c.row_id in hinted for part in c.listing.changed or ()]
        whole = [(c.row_id,) for c in changes if c.stored and c.row_id not in hinted]
        found: dict[int, dict[str, _Part]] = {}
        for row_id, part, part_id, digest in read_many(db, self._named, named) + read_many(db, self._all, whole):
            found.setdefault(row_id, {})[part] = _Part(part_id, bytes.fromhex(digest))
        return found


def text_columns(schema: RowSchema) -> list[str]:
    """Return the columns of the full text index."""
    return [*(f"t_{name}" for name in schema.text), COLUMN] if schema.text else []


def indexed_texts(schema: RowSchema, index: IndexPart) -> Mapping[str, tuple[str, ...]]:
    """Return what the full text index has of each part; the words of the scope stand beside it."""
    scope = scope_text(schema, index.columns)
    return {part: (*texts, part_text(scope, part)) for part, texts in index.search.items()}


def digest_of(texts: tuple[str, ...]) -> bytes:
    """Return what the texts of a part are compared by; short, for many parts are read in one search."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=8).digest()
