"""Pages of lists. Which way a page is read depends on what is asked; all of them answer alike.

by relevance, or a text is searched for     `sqlite_ranked`
each branch of the conditions has an index  `sqlite_walks`
else, or rows are skipped                   here: all rows that hold, sorted
"""

from __future__ import annotations

import apsw

from spikes.journal.port import Cursor, Listed, Page, Query, RowSchema, Sort
from spikes.journal.sqlite_batch import Value
from spikes.journal.sqlite_pages import reading
from spikes.journal.sqlite_prefixes import prepare
from spikes.journal.sqlite_ranked import search
from spikes.journal.sqlite_walks import walk
from spikes.journal.sqlite_where import Sql, found_text, searchable, where

Row = tuple[int | str | None, str, int, bytes]


def page(db: apsw.Connection, query: Query, schema: RowSchema) -> Page:
    """Read the page that follows `query.after`."""
    if searchable(query):
        prepare(db, query.kind)
        with reading(db):
            return search(db, query, schema)
    with reading(db):
        found = None if query.offset else walk(db, query, schema)
        return found or _sorted(db, query, query.sort or Sort("created", descending=True))


def count(db: apsw.Connection, query: Query) -> int:
    """Count the rows of all pages."""
    holds = where(query, found_text(query))
    return _count(db, query, holds)


def conditions(query: Query) -> tuple[str, tuple[Value, ...]]:
    """Return what holds for all rows of a list, over the rows as `r`, and the values to bind."""
    holds = where(query, found_text(query))
    return holds.text, holds.values


def _count(db: apsw.Connection, query: Query, holds: Sql) -> int:
    return int(db.execute(f'SELECT count(*) FROM "{query.kind}_rows" AS r WHERE {holds.text}', holds.values).get)


def _sorted(db: apsw.Connection, query: Query, sort: Sort) -> Page:
    rows = _rows(db, query, sort, query.limit + 1)
    shown = rows[: query.limit]
    more = len(rows) > len(shown) and bool(shown)
    return Page(tuple(Listed(*row[1:]) for row in shown), Cursor(*shown[-1][:2]) if more else None)


def _rows(db: apsw.Connection, query: Query, sort: Sort, wanted: int) -> list[Row]:
    """Read rows that have a sort value, then those that have none."""
    after, rows, offset = query.after, [], query.offset
    if after is None or after.value is not None:
        holds = _placed(query, sort, with_value=True)
        rows = _read(db, _by_column(query, sort, holds, (wanted, offset), with_value=True))
        if offset and not rows:
            offset -= _count(db, query, holds)
        elif rows:
            offset = 0
    if len(rows) < wanted:
        holds = _placed(query, sort, with_value=False)
        rows += _read(db, _by_column(query, sort, holds, (wanted - len(rows), offset), with_value=False))
    return rows


def _read(db: apsw.Connection, sql: Sql) -> list[Row]:
    return db.execute(sql.text, sql.values).fetchall()  # type: ignore[return-value]


def _placed(query: Query, sort: Sort, with_value: bool) -> Sql:
    """Return the conditions on rows that follow the cursor, those with or those without a sort value."""
    column, after = f"r.c_{sort.column}", query.after
    beyond = "<" if sort.descending else ">"
    place = Sql(f"{column} IS {'NOT ' if with_value else ''}NULL")
    if after is not None and with_value:
        place = Sql(f"({column}, r.persistence_id) {beyond} (?, ?)", (after.value, after.persistence_id))
    elif after is not None and after.value is None:
        place = Sql(f"{place.text} AND r.persistence_id {beyond} ?", (after.persistence_id,))
    return where(query, [place])


def _by_column(query: Query, sort: Sort, holds: Sql, place: tuple[int, int], with_value: bool) -> Sql:
    """Read so many rows after so many others."""
    column, direction = f"r.c_{sort.column}", "DESC" if sort.descending else "ASC"
    order = f"{column} {direction}, r.persistence_id {direction}" if with_value else f"r.persistence_id {direction}"
    return Sql(
        f"""
        SELECT {column}, r.persistence_id, r.sequence_nr, r.item FROM "{query.kind}_rows" AS r
        WHERE {holds.text} ORDER BY {order} LIMIT ? OFFSET ?
        """,
        (*holds.values, *place),
    )
