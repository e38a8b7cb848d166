"""Many rows in few statements.

Each step of SQLite gives up the interpreter lock and must win it back from a busy event loop, which costs more than
the step itself. So a group of appends runs a dozen statements with many rows each, and reads come back as one JSON.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import apsw
import msgspec

Value = str | int | float | bytes | None

_MOST = 64  # rows a statement; the driver keeps statements of up to 16 KiB prepared


def run_many(db: apsw.Connection, statement: str, rows: Sequence[Sequence[Value]]) -> None:
    """Run `statement`, in which `{rows}` stands for the VALUES list, with all rows."""
    for chunk in _chunks(rows):
        db.execute(_text(statement, len(chunk), len(chunk[0])), tuple(chain.from_iterable(chunk)))


def read_many(db: apsw.Connection, statement: str, rows: Sequence[Sequence[Value]]) -> list[list[Any]]:
    """Run a query that answers with one JSON array of arrays for all of `rows`; return the arrays."""
    found: list[list[Any]] = []
    for chunk in _chunks(rows):
        answer = db.execute(_text(statement, len(chunk), len(chunk[0])), tuple(chain.from_iterable(chunk))).get
        found += msgspec.json.decode(answer)
    return found


def _chunks(rows: Sequence[Sequence[Value]]) -> Iterator[Sequence[Sequence[Value]]]:
    """Cut into powers of two, so that a few texts serve all lengths and stay prepared."""
    start = 0
    while start < len(rows):
        size = min(_MOST, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size


@functools.cache
def _text(statement: str, count: int, width: int) -> str:
    row = f"({','.join('?' * width)})"
    return statement.replace("{rows}", ",".join([row] * count))
