"""What all ways to read a page share. Answers come as one JSON each: every step of a statement gives the interpreter
lock away, and a busy loop is slow to give it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import apsw
import msgspec

from spikes.journal.port import Cursor, Listed
from spikes.journal.sqlite_where import Sql


class Found(NamedTuple):
    """A row on its way to a page: its sort value, and who it is."""

    value: int | str | None
    persistence_id: str
    row_id: int

    @property
    def cursor(self) -> Cursor:
        """Return the place behind this row."""
        return Cursor(self.value, self.persistence_id)


@contextmanager
def reading(db: apsw.Connection) -> Iterator[None]:
    """Let several statements see the same moment: what a filter has let through can't change before it is shown."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:  # some errors end it
            db.execute("ROLLBACK")


def read_json(db: apsw.Connection, sql: Sql) -> Any:
    """Return what a statement answers with as one JSON."""
    return msgspec.json.decode(db.execute(sql.text, sql.values).get)


def read_list(db: apsw.Connection, sql: Sql) -> list[Any]:
    """Return the array that a statement answers with."""
    answer: list[Any] = read_json(db, sql)
    return answer


def read_found(db: apsw.Connection, sql: Sql) -> list[Found]:
    """Return what a statement finds that has the columns value, persistence_id and row_id."""
    text = f"SELECT json_group_array(json_array(value, persistence_id, row_id)) FROM ({sql.text})"
    return [Found(*each) for each in read_list(db, Sql(text, sql.values))]


def array(numbers: Sequence[int]) -> str:
    """Return numbers as one value to bind."""
    return msgspec.json.encode(numbers).decode()


def load(db: apsw.Connection, kind: str, row_ids: Sequence[int]) -> tuple[Listed, ...]:
    """Return rows in the order asked for."""
    text = f"""
        SELECT json_group_array(json_array(r.row_id, r.persistence_id, r.sequence_nr, hex(r.item)))
        FROM json_each(?) AS asked CROSS JOIN "{kind}_rows" AS r ON r.row_id = asked.value
        """
    rows = read_list(db, Sql(text, (array(row_ids),)))
    listed = {row_id: Listed(pid, number, bytes.fromhex(item)) for row_id, pid, number, item in rows}
    return tuple(listed[row_id] for row_id in row_ids)
