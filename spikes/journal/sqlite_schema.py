"""The tables of the SQLite journal: migrations forward, and the tables of each declared kind of row.

A migration only adds, so that two releases can run on one file side by side (rule R4).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw

from spikes.journal.errors import JournalCorrupt, JournalTooNew
from spikes.journal.port import RowSchema
from spikes.journal.sqlite_counts import declare_counts
from spikes.journal.sqlite_scope import COLUMN

APPLICATION_ID = 0x53504B45
"""Stands in the header of every file of ours, so that no other program's file is taken for one."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        identity TEXT NOT NULL,
        generation INTEGER NOT NULL,        -- raised by every fence (rule S3)
        schema_version INTEGER NOT NULL,    -- how many migrations have run
        oldest_version INTEGER NOT NULL,    -- the oldest schema version whose release may open this file (rule R4)
        created INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE kinds (
        kind TEXT PRIMARY KEY,
        state_version INTEGER NOT NULL      -- of the newest release that declared the kind
    ) STRICT;

    CREATE TABLE events (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        persistence_id TEXT NOT NULL,
        sequence_nr INTEGER NOT NULL,
        type TEXT NOT NULL,
        time INTEGER NOT NULL,
        metadata TEXT NOT NULL,             -- JSON, with the attempt id (rule C1)
        payload BLOB NOT NULL,
        encoding TEXT,
        key_id TEXT,
        tags TEXT,                          -- a JSON array, or NULL for none
        UNIQUE (persistence_id, sequence_nr)
    ) STRICT;

    CREATE TABLE snapshots (
        persistence_id TEXT PRIMARY KEY,
        sequence_nr INTEGER NOT NULL,
        state_version INTEGER NOT NULL,
        state BLOB NOT NULL,
        encoding TEXT,
        key_id TEXT
    ) STRICT;

    CREATE TABLE claims (
        digest BLOB PRIMARY KEY,
        persistence_id TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE commands (
        id TEXT PRIMARY KEY,
        persistence_id TEXT NOT NULL,
        sequence_nr INTEGER NOT NULL,
        fingerprint BLOB NOT NULL,
        time INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
)

VERSION = len(MIGRATIONS)
OLDEST_VERSION = 1
"""What a release must know at least to open a file that this one has written to."""


@dataclass(frozen=True)
class Meta:
    """What the file says of itself."""

    identity: str
    schema_version: int
    oldest_version: int


def read_meta(db: apsw.Connection, path: str) -> Meta | None:
    """Return what the file says of itself, None if it is empty. Raises JournalCorrupt or JournalTooNew.

    All of it is read at one moment: another process may be founding the journal just now.
    """
    with db:
        row = _meta_row(db, path)
    if row is None:
        return None
    meta = Meta(*row)
    if meta.oldest_version > VERSION:
        raise JournalTooNew(
            f"{path} was written by a newer release (version {meta.schema_version}, to be opened by version "
            f"{meta.oldest_version} or later; this release is version {VERSION}); use that release, or restore a backup"
        )
    return meta


def _meta_row(db: apsw.Connection, path: str) -> tuple[str, int, int] | None:
    if db.pragma("application_id") != APPLICATION_ID:
        if db.execute("SELECT count(*) FROM sqlite_schema").get:
            raise JournalCorrupt(f"{path} is an SQLite file of another program; name a new file or a journal of ours")
        return None
    row: tuple[str, int, int] | None = db.execute("SELECT identity, schema_version, oldest_version FROM meta").get
    if row is None:
        raise JournalCorrupt(f"{path} has lost its meta data; restore it from a backup")
    return row


def migrate(db: apsw.Connection, path: str, schemas: Sequence[RowSchema]) -> str:
    """Bring the file up to date within the caller's transaction; return the journal's identity."""
    meta = read_meta(db, path)
    done = meta.schema_version if meta else 0
    for step in MIGRATIONS[done:]:
        db.execute(step)
    identity = meta.identity if meta else str(uuid.uuid4())
    if meta is None:
        _found(db, identity)
    elif done < VERSION:
        db.execute(
            "UPDATE meta SET schema_version = ?, oldest_version = max(oldest_version, ?)", (VERSION, OLDEST_VERSION)
        )
    for schema in schemas:
        declare(db, schema)
    return identity


def _found(db: apsw.Connection, identity: str) -> None:
    db.pragma("application_id", APPLICATION_ID)
    now = time.time_ns() // 1_000_000
    db.execute("INSERT INTO meta VALUES (1, ?, 0, ?, ?, ?)", (identity, VERSION, OLDEST_VERSION, now))


def declare(db: apsw.Connection, schema: RowSchema) -> None:
    """Make or extend the tables of one kind. Only the newest release takes away indexes, so that two don't quarrel."""
    kind = schema.kind
    known = db.execute("SELECT state_version FROM kinds WHERE kind = ?", (kind,)).get
    _make_tables(db, schema)
    _add_columns(db, schema)
    _make_indexes(db, schema, drop=known is None or known <= schema.state_version)
    declare_counts(db, schema)
    if schema.text:
        _make_text(db, kind, [*(f"t_{name}" for name in schema.text), COLUMN])
    db.execute(
        """
        INSERT INTO kinds (kind, state_version) VALUES (?, ?)
        ON CONFLICT DO UPDATE SET state_version = max(state_version, excluded.state_version)
        """,
        (kind, schema.state_version),
    )


def _make_tables(db: apsw.Connection, schema: RowSchema) -> None:
    columns = "".join(f"c_{name} {declared.upper()}, " for name, declared in schema.columns.items())
    db.execute(
        f"""
        CREATE TABLE IF NOT EXISTS "{schema.kind}_rows" (
            row_id INTEGER PRIMARY KEY,
            persistence_id TEXT NOT NULL UNIQUE,
            sequence_nr INTEGER NOT NULL,
            state_version INTEGER NOT NULL,
            listed INTEGER NOT NULL,        -- 0 keeps the version of a row that left the lists (rule R2)
            {columns}
            terms TEXT NOT NULL,            -- JSON of what stands in the terms table, for comparison
            item BLOB
        ) STRICT;

        CREATE TABLE IF NOT EXISTS "{schema.kind}_terms" (
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            row_id INTEGER NOT NULL,
            PRIMARY KEY (name, value, row_id)
        ) STRICT, WITHOUT ROWID;
        """
    )
    _make_parts(db, schema)


def _make_parts(db: apsw.Connection, schema: RowSchema) -> None:
    """Make the table of search parts. Of one that lacks a column of the scope, nothing is kept, see `_make_text`."""
    table, scope = f"{schema.kind}_parts", {f"c_{name}": schema.columns[name] for name in schema.scope}
    present = names(db, table)
    if present and not scope.keys() <= set(present):
        db.execute(f'DROP TABLE "{table}"; DROP TABLE IF EXISTS "{schema.kind}_fts"')
    columns = "".join(f"{name} {declared.upper()}, " for name, declared in scope.items())
    db.execute(
        f"""
        CREATE TABLE IF NOT EXISTS "{table}" (
            part_id INTEGER PRIMARY KEY,    -- the row of the full text index
            row_id INTEGER NOT NULL,
            part TEXT NOT NULL,
            digest BLOB NOT NULL,           -- of the texts, which are not kept
            {columns}                       -- as in the row, to be read with the part
            UNIQUE (row_id, part)
        ) STRICT
        """
    )


def _add_columns(db: apsw.Connection, schema: RowSchema) -> None:
    present = set(names(db, f"{schema.kind}_rows"))
    for name, declared in schema.columns.items():
        if f"c_{name}" not in present:
            db.execute(f'ALTER TABLE "{schema.kind}_rows" ADD COLUMN c_{name} {declared.upper()}')


def _make_indexes(db: apsw.Connection, schema: RowSchema, drop: bool) -> None:
    """Make the declared indexes; each holds only listed rows and ends in the persistence id, which breaks ties.

    One more has the rows of older state versions: none, mostly, so that to learn this takes no look at every row.
    """
    table, version = f"{schema.kind}_rows", schema.state_version
    columns = {f"{table}_by-{'-'.join(index)}": "".join(f"c_{name}, " for name in index) for index in schema.indexes}
    wanted = {name: f"({listed}persistence_id) WHERE listed = 1" for name, listed in columns.items()}
    wanted[f"{table}_before-{version}"] = f"(persistence_id) WHERE state_version < {version}"
    rows = db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql NOT NULL", (table,))
    present = {str(name) for (name,) in rows.fetchall()}
    for name in present - wanted.keys() if drop else ():
        db.execute(f'DROP INDEX "{name}"')
    for name in wanted.keys() - present:
        db.execute(f'CREATE INDEX "{name}" ON "{table}" {wanted[name]}')


def _make_text(db: apsw.Connection, kind: str, fields: list[str]) -> None:
    """Make the full text index. One that lacks a field is made anew, empty: the raised state version (rule R1)
    makes every row be written again."""
    present = names(db, f"{kind}_fts")
    if set(fields) <= set(present):
        return
    if present:
        db.execute(f'DROP TABLE "{kind}_fts"; DELETE FROM "{kind}_parts"')
    columns = ", ".join([*present, *(field for field in fields if field not in present)])
    db.execute(
        f"""
        CREATE VIRTUAL TABLE "{kind}_fts" USING fts5(
            {columns}, content = '', contentless_delete = 1, prefix = '3',
            tokenize = 'unicode61 remove_diacritics 2'
        )
        """
    )
    # Merging as soon as a tenth of a segment is deleted (the default) makes a changed text cost five times as much.
    db.execute(f'INSERT INTO "{kind}_fts" ("{kind}_fts", rank) VALUES (\'deletemerge\', 40)')


def names(db: apsw.Connection, table: str) -> list[str]:
    """Return the columns of a table, none if there is no such table."""
    return [str(name) for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()]


def kinds(db: apsw.Connection) -> Iterable[str]:
    """Return all kinds the file has tables for, those of other releases included."""
    return [str(kind) for (kind,) in db.execute("SELECT kind FROM kinds ORDER BY kind").fetchall()]
