"""Counts that are kept: how many rows are listed, and how often each value of a term stands in the lists that
`RowSchema.counted` names. So a tag cloud costs the same however many notes there are.

Triggers of the file keep them, in the transaction that writes the row, whoever writes it: an older release too. They
are a pure function of the rows table. Nothing is ever taken away, since another release may rely on it (rule R4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import apsw
import msgspec

from spikes.journal.port import Equal, Query, RowSchema
from spikes.journal.sqlite_batch import Value

ALL = ""
"""Stands for the name of a term, for the columns and for the value where all listed rows are counted."""


def declare_counts(db: apsw.Connection, schema: RowSchema) -> None:
    """Make what is missing, and count what is there, within the caller's transaction."""
    db.execute(
        f"""
        CREATE TABLE IF NOT EXISTS "{schema.kind}_counts" (
            name TEXT NOT NULL,
            columns TEXT NOT NULL,          -- whose values are the key, in order
            key TEXT NOT NULL,              -- JSON
            value TEXT NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (name, columns, key, value)
        ) STRICT, WITHOUT ROWID
        """
    )
    for name, columns in _all(schema.counted):
        if (name, columns) not in kept_lists(db, schema.kind):
            db.execute(_triggers(schema.kind, name, columns))
            db.execute(f'INSERT INTO "{schema.kind}_counts" {recounted(schema.kind, name, columns)}')


def kept_lists(db: apsw.Connection, kind: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return which terms the file counts by which columns, those of other releases included."""
    triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? AND name LIKE '%-insert'"
    names = [str(name).split("-") for (name,) in db.execute(triggers, (f"{kind}_rows",)).fetchall()]
    return [(parts[1], tuple(parts[2:-1])) for parts in names if parts[0] == f"{kind}_counts"]


def _all(counted: Mapping[str, Collection[tuple[str, ...]]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield ALL, ()
    for name, lists in counted.items():
        yield from ((name, tuple(sorted(columns))) for columns in lists)


def _key(columns: tuple[str, ...], row: str) -> str:
    return f"json_array({', '.join(f'{row}.c_{column}' for column in columns)})"


def _values(name: str, row: str) -> str:
    """Return the statement that has the values of a row which are counted."""
    if name == ALL:
        return f"SELECT '{ALL}' AS value"
    return f"SELECT each.value ->> 1 AS value FROM json_each({row}.terms) AS each WHERE each.value ->> 0 = '{name}'"


def _triggers(kind: str, name: str, columns: tuple[str, ...]) -> str:
    """Return what keeps the counts of one term by some columns."""
    trigger = "-".join((f"{kind}_counts", name, *columns))
    watched = ("listed", *(f"c_{column}" for column in columns), *(() if name == ALL else ("terms",)))
    old, new = (", ".join(f"{row}.{column}" for column in watched) for row in ("OLD", "NEW"))
    takes, adds = _takes(kind, name, columns), _adds(kind, name, columns)
    return f"""
        CREATE TRIGGER "{trigger}-insert" AFTER INSERT ON "{kind}_rows" WHEN NEW.listed = 1 BEGIN {adds} END;
        CREATE TRIGGER "{trigger}-update" AFTER UPDATE OF {", ".join(watched)} ON "{kind}_rows"
        WHEN ({old}) IS NOT ({new}) BEGIN {takes} {adds} END;
        CREATE TRIGGER "{trigger}-delete" AFTER DELETE ON "{kind}_rows" WHEN OLD.listed = 1 BEGIN {takes} END;
        """


def _adds(kind: str, name: str, columns: tuple[str, ...]) -> str:
    return f"""
        INSERT INTO "{kind}_counts" (name, columns, key, value, count)
        SELECT '{name}', '{",".join(columns)}', {_key(columns, "NEW")}, found.value, 1
        FROM ({_values(name, "NEW")}) AS found WHERE NEW.listed = 1
        ON CONFLICT DO UPDATE SET count = count + 1;
        """


def _takes(kind: str, name: str, columns: tuple[str, ...]) -> str:
    place = f"name = '{name}' AND columns = '{','.join(columns)}' AND key = {_key(columns, 'OLD')}"
    values = f"value IN (SELECT found.value FROM ({_values(name, 'OLD')}) AS found WHERE OLD.listed = 1)"
    return f"""
        UPDATE "{kind}_counts" SET count = count - 1 WHERE {place} AND {values};
        DELETE FROM "{kind}_counts" WHERE {place} AND {values} AND count = 0;
        """


def recounted(kind: str, name: str, columns: tuple[str, ...]) -> str:
    """Return the statement that counts all rows anew, with the columns that the table of counts has."""
    source, value = ("", f"'{ALL}'") if name == ALL else (", json_each(r.terms) AS each", "each.value ->> 1")
    term = "TRUE" if name == ALL else f"each.value ->> 0 = '{name}'"
    return f"""
        SELECT '{name}' AS name, '{",".join(columns)}' AS columns,
            {_key(columns, "r")} AS key, {value} AS value, count(*)
        FROM "{kind}_rows" AS r{source} WHERE r.listed = 1 AND {term} GROUP BY 3, 4
        """


def number_of_rows(db: apsw.Connection, kind: str) -> int:
    """Return how many rows of a kind are listed."""
    asked = f'SELECT count FROM "{kind}_counts" WHERE name = ? AND columns = ? AND key = ? AND value = ?'
    return db.execute(asked, (ALL, ALL, "[]", ALL)).get or 0


def kept_counts(db: apsw.Connection, query: Query, schema: RowSchema, name: str) -> Mapping[str, int] | None:
    """Return the counts over a list if they are kept, else None."""
    equal = {each.column: each.value for each in query.where if isinstance(each, Equal)}
    columns = tuple(sorted(equal))
    if query.text or len(equal) < len(query.where) or (name, columns) not in _all(schema.counted):
        return None
    key: tuple[Value, ...] = tuple(equal[column] for column in columns)
    asked = f"""
        SELECT json_group_object(value, count) FROM "{query.kind}_counts"
        WHERE name = ? AND columns = ? AND key = json_array({",".join("?" * len(key))})
        """
    found: dict[str, int] = msgspec.json.decode(db.execute(asked, (name, ",".join(columns), *key)).get)
    return found
