"""The inbox: a group of appends in one statement, which SQLite runs from its start to the synced commit in one go.

Each statement gives up the interpreter lock and has to win it back from a busy event loop, which costs more than the
statement itself. So the writing connection has a temporary view, the inbox, and a group is *lines* inserted into it
all at once. Triggers put each line where it belongs, in order, and check that it may be. The insert is a transaction
of its own: if any line breaks anything, nothing of the group is stored.

What is refused here, and what has no lines, takes the careful way (`sqlite_append`), which tells who is to blame.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import apsw

from spikes.journal.port import RowSchema
from spikes.journal.sqlite_batch import Value
from spikes.journal.sqlite_search import text_columns

Line = tuple[Value, ...]

_EVENT = ("persistence_id", "expected", "type", "time", "metadata", "payload", "encoding", "key_id", "tags")
_CLAIMS = ("take", "take2", "release", "release2")
_COMMAND = ("command", "fingerprint")
_SNAPSHOT = ("state_number", "state_version", "state", "state_encoding", "state_key")
_ROW = ("kind", "number", "version", "base", "listed", "terms", "item", "part", "digest")

_LONGEST = 16 * 1024 - 64
"""The driver keeps longer statements not prepared."""

_COMMON = """
    CREATE TEMP TRIGGER inbox_event INSTEAD OF INSERT ON inbox WHEN NEW.type IS NOT NULL BEGIN
        SELECT RAISE(ABORT, 'not the next event') WHERE NEW.expected <> coalesce(
            (SELECT max(sequence_nr) FROM events WHERE persistence_id = NEW.persistence_id), 0);
        INSERT INTO events (persistence_id, sequence_nr, type, time, metadata, payload, encoding, key_id, tags)
        VALUES (NEW.persistence_id, NEW.expected + 1, NEW.type, NEW.time, NEW.metadata, NEW.payload, NEW.encoding,
            NEW.key_id, NEW.tags);
    END;
    CREATE TEMP TRIGGER inbox_claims INSTEAD OF INSERT ON inbox
    WHEN NEW.take IS NOT NULL OR NEW.release IS NOT NULL BEGIN
        DELETE FROM claims WHERE digest IN (NEW.release, NEW.release2) AND persistence_id = NEW.persistence_id;
        INSERT INTO claims (digest, persistence_id)
        SELECT NEW.take, NEW.persistence_id WHERE NEW.take IS NOT NULL;
        INSERT INTO claims (digest, persistence_id)
        SELECT NEW.take2, NEW.persistence_id WHERE NEW.take2 IS NOT NULL;
    END;
    CREATE TEMP TRIGGER inbox_command INSTEAD OF INSERT ON inbox WHEN NEW.command IS NOT NULL BEGIN
        INSERT INTO commands (id, persistence_id, sequence_nr, fingerprint, time)
        VALUES (NEW.command, NEW.persistence_id, NEW.number, NEW.fingerprint, NEW.time);
    END;
    CREATE TEMP TRIGGER inbox_snapshot INSTEAD OF INSERT ON inbox WHEN NEW.state_number IS NOT NULL BEGIN
        INSERT INTO snapshots (persistence_id, sequence_nr, state_version, state, encoding, key_id)
        VALUES (NEW.persistence_id, NEW.state_number, NEW.state_version, NEW.state, NEW.state_encoding, NEW.state_key)
        ON CONFLICT DO UPDATE SET
            sequence_nr = excluded.sequence_nr, state_version = excluded.state_version, state = excluded.state,
            encoding = excluded.encoding, key_id = excluded.key_id
        WHERE (excluded.sequence_nr, excluded.state_version) > (snapshots.sequence_nr, snapshots.state_version);
    END;
    """

_ROWS = """
    CREATE TEMP TRIGGER "inbox_{kind}_new" INSTEAD OF INSERT ON inbox
    WHEN NEW.kind = '{kind}' AND NEW.expected = 0 BEGIN
        INSERT INTO "{kind}_rows" (persistence_id, sequence_nr, state_version, terms, item, {names})
        VALUES (NEW.persistence_id, NEW.number, NEW.version, NEW.terms, NEW.item, {values});
        INSERT INTO "{kind}_terms" (name, value, row_id)
        SELECT value ->> 0, value ->> 1, last_insert_rowid() FROM json_each(NEW.terms) WHERE NEW.terms <> '[]';
        {first_part}
    END;
    CREATE TEMP TRIGGER "inbox_{kind}_change" INSTEAD OF INSERT ON inbox
    WHEN NEW.kind = '{kind}' AND NEW.expected > 0 BEGIN
        SELECT RAISE(ABORT, 'not over the row that was expected') WHERE NOT EXISTS (
            SELECT 1 FROM "{kind}_rows" WHERE persistence_id = NEW.persistence_id AND {expected});
        DELETE FROM "{kind}_terms" WHERE (name, value, row_id) IN (
            SELECT old.value ->> 0, old.value ->> 1, r.row_id FROM "{kind}_rows" AS r, json_each(r.terms) AS old
            WHERE r.persistence_id = NEW.persistence_id AND r.terms <> NEW.terms);
        INSERT INTO "{kind}_terms" (name, value, row_id)
        SELECT new.value ->> 0, new.value ->> 1, r.row_id FROM "{kind}_rows" AS r, json_each(NEW.terms) AS new
        WHERE r.persistence_id = NEW.persistence_id AND r.terms <> NEW.terms;
        UPDATE "{kind}_rows" SET
            sequence_nr = NEW.number, state_version = NEW.version, terms = NEW.terms, item = NEW.item{plain}
        WHERE persistence_id = NEW.persistence_id;
        {indexed}
        {unlisted}
    END;
    """

_INDEXED = """
    UPDATE "{kind}_rows" SET {name} = NEW.{value}
    WHERE persistence_id = NEW.persistence_id AND {name} IS NOT NEW.{value};
    """

_FIRST_PART = """
        INSERT INTO "{kind}_parts" (row_id, part, digest{scope})
        SELECT last_insert_rowid(), NEW.part, NEW.digest{scope_values} WHERE NEW.part IS NOT NULL;
        INSERT INTO "{kind}_fts" (rowid, {fields})
        SELECT last_insert_rowid(), {texts} WHERE NEW.part IS NOT NULL;
    """

_UNLISTED = """
        DELETE FROM "{kind}_fts" WHERE NEW.listed = 0 AND rowid IN (
            SELECT p.part_id FROM "{kind}_rows" AS r JOIN "{kind}_parts" AS p USING (row_id)
            WHERE r.persistence_id = NEW.persistence_id);
        DELETE FROM "{kind}_parts" WHERE NEW.listed = 0 AND row_id = (
            SELECT row_id FROM "{kind}_rows" WHERE persistence_id = NEW.persistence_id);
    """

_PART = """
    CREATE TEMP TRIGGER "inbox_{kind}_part" INSTEAD OF INSERT ON inbox
    WHEN NEW.kind = '{kind}' AND NEW.expected IS NULL BEGIN
        DELETE FROM "{kind}_fts" WHERE rowid = (
            SELECT p.part_id FROM "{kind}_rows" AS r JOIN "{kind}_parts" AS p USING (row_id)
            WHERE r.persistence_id = NEW.persistence_id AND p.part = NEW.part AND p.digest IS NOT NEW.digest);
        DELETE FROM "{kind}_parts" WHERE NEW.digest IS NULL AND part = NEW.part AND row_id = (
            SELECT row_id FROM "{kind}_rows" WHERE persistence_id = NEW.persistence_id);
        INSERT INTO "{kind}_parts" (row_id, part, digest{scope})
        SELECT row_id, NEW.part, NEW.digest{scope} FROM "{kind}_rows"
        WHERE persistence_id = NEW.persistence_id AND NEW.digest IS NOT NULL
        ON CONFLICT (row_id, part) DO UPDATE SET digest = excluded.digest WHERE digest <> excluded.digest;
        INSERT INTO "{kind}_fts" (rowid, {fields})
        SELECT p.part_id, {texts} FROM "{kind}_rows" AS r JOIN "{kind}_parts" AS p USING (row_id)
        WHERE changes() = 1 AND r.persistence_id = NEW.persistence_id AND p.part = NEW.part;
    END;
    """


class Inbox:
    """The view and its triggers for some kinds. Its lines have `width` values."""

    def __init__(self, schemas: Iterable[RowSchema]) -> None:
        schemas = tuple(schemas)
        columns = [f"column{n}" for n in range(max((len(each.columns) for each in schemas), default=0))]
        texts = [f"text{n}" for n in range(max((len(text_columns(each)) for each in schemas), default=0))]
        names = [*_EVENT, *_CLAIMS, *_COMMAND, *_SNAPSHOT, *_ROW, *columns, *texts]
        self.width = len(names)
        self.columns, self.texts = len(columns), len(texts)
        nothing = ", ".join(f"NULL AS {name}" for name in names)
        self._view = f"CREATE TEMP VIEW inbox AS SELECT {nothing}; {_COMMON} {''.join(map(_triggers, schemas))}"
        self._line = f"({','.join('?' * self.width)})"
        self.most = (_LONGEST - 32) // (len(self._line) + 1) - _STEP
        self._nothing = (None,) * self.width
        self._text = functools.cache(self._statement)

    def install(self, db: apsw.Connection) -> None:
        """Give a connection the inbox. The tables of all kinds are there."""
        db.execute(self._view)

    def post(self, db: apsw.Connection, lines: Sequence[Line]) -> None:
        """Store all lines and commit. Raises apsw.ConstraintError if one is refused; nothing is stored then."""
        count = len(lines) if len(lines) <= _STEP else -(-len(lines) // _STEP) * _STEP
        values = tuple(chain.from_iterable(lines)) + self._nothing * (count - len(lines))
        db.execute(self._text(count), values)

    def _statement(self, count: int) -> str:
        return f"INSERT INTO inbox VALUES {','.join([self._line] * count)}"


_STEP = 8
"""Statements for up to so many lines, then for multiples of it, are kept; what is missing is filled with nothing."""


def _triggers(schema: RowSchema) -> str:
    """Return the triggers of one kind."""
    kind = schema.kind
    value = {"listed": "listed"} | {f"c_{name}": f"column{n}" for n, name in enumerate(schema.columns)}
    indexed = {"listed", *(f"c_{name}" for index in schema.indexes for name in index)}
    text = text_columns(schema)
    texts = {
        "fields": ", ".join(text),
        "texts": ", ".join(f"NEW.text{n}" for n in range(len(text))),
        "scope": "".join(f", c_{name}" for name in schema.scope),
        "scope_values": "".join(f", NEW.{value[f'c_{name}']}" for name in schema.scope),
    }
    rows = _ROWS.format(
        kind=kind,
        names=", ".join(value),
        values=", ".join(f"NEW.{each}" for each in value.values()),
        expected=_expected(schema, value),
        plain="".join(f", {name} = NEW.{value[name]}" for name in value if name not in indexed),
        # SQLite writes an index anew for every column that a statement sets, whether it differs or not.
        indexed="".join(_INDEXED.format(kind=kind, name=name, value=value[name]) for name in value if name in indexed),
        unlisted=_UNLISTED.format(kind=kind) if text else "",
        first_part=_FIRST_PART.format(kind=kind, **texts) if text else "",
    )
    return rows + (_PART.format(kind=kind, **texts) if text else "")


def _expected(schema: RowSchema, value: Mapping[str, str]) -> str:
    """Return the condition on a row that is to be written over: an older one (rule R2).

    With text, only the parts that changed come. That is enough if the row is the one they were compared with, and
    if the words of the scope, which stand in all parts, stay as they are.
    """
    older = "(sequence_nr, state_version) < (NEW.number, NEW.version)"
    if not schema.text:
        return older
    same = "".join(f" AND c_{name} IS NEW.{value[f'c_{name}']}" for name in schema.scope)
    compared = f"(sequence_nr, state_version, listed) = (NEW.base, NEW.version, 1){same}"
    return f"{older} AND (NEW.listed = 0 OR {compared})"
