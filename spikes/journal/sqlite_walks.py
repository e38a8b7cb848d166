"""Lists by index. What may be listed is cut into branches ("public", "mine and private"); in each of them an index has
the rows in the order that is asked for, and a page is the merged beginning of those walks.

A walk looks at so many entries and no more. If what it looks for is rarer than that, another index or the terms may
have few enough candidates to sort them; if not, the page ends early, and the next one goes on from there. So no page
costs more because there are more rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import apsw

from spikes.journal.port import AnyOf, AtLeast, AtMost, Condition, Equal, HasTerm, Page, Query, RowSchema, Sort
from spikes.journal.sqlite_pages import Found, array, load, read_found
from spikes.journal.sqlite_where import LISTED, Sql, condition, joined

MOST_BRANCHES = 16
LOOKED_AT = 2_000
"""How many entries of an index a walk looks at for one page."""

SORTABLE = 5_000
"""How many candidates are sorted where a walk finds too little."""

LOOKED_AT_AMONG = 20_000
"""How many entries a walk looks at for rows that are known already: it needs nothing else of those it passes."""

Branch = tuple[Condition, ...]


class Reach(NamedTuple):
    """What a branch gave: rows in order, and where it stopped looking, None if it had reached its end or enough."""

    rows: list[Found]
    stopped: Found | None = None


class _Walk(NamedTuple):
    """A branch and the index that has it in order: its first columns hold `equal`; `rest` is looked at row by row."""

    by: str
    equal: Branch
    rest: Branch
    among: str | None = None


def walk(db: apsw.Connection, query: Query, schema: RowSchema, among: Sequence[int] | None = None) -> Page | None:
    """Read a page; None if a branch has no index in the order that is asked for.

    `among` are the only rows that are wanted; then None also if they are too few and far between to be met in time.
    """
    sort = query.sort
    if sort is None:
        return None
    walks = [_chosen(schema, branch, sort) for branch in branches(query.where)]
    if not all(walks):
        return None
    wanted = None if among is None else array(among)
    rows, stopped = _rows(db, query, sort, schema, [each._replace(among=wanted) for each in walks if each])
    if stopped and wanted is not None:
        return None
    shown = rows[: query.limit]
    listed = load(db, query.kind, [row.row_id for row in shown])
    if len(rows) > len(shown):
        return Page(listed, shown[-1].cursor)
    return Page(listed, stopped.cursor if stopped else None)


def branches(where: Sequence[Condition]) -> list[Branch]:
    """Return ways to hold all conditions, at least one of which each listed row takes."""
    plain = [each for each in where if not isinstance(each, AnyOf)]
    choices = [each.conditions for each in where if isinstance(each, AnyOf)]
    if math.prod(map(len, choices)) > MOST_BRANCHES:
        return [tuple(dict.fromkeys(where))]
    ways = [tuple(dict.fromkeys((*plain, *way))) for way in itertools.product(*choices)]
    possible = [way for way in dict.fromkeys(ways) if _can_hold(way)]
    return [way for way in possible if not any(set(other) < set(way) for other in possible)]


def _can_hold(branch: Branch) -> bool:
    equal = [each for each in branch if isinstance(each, Equal)]
    return len({each.column for each in equal}) == len(equal)


def _chosen(schema: RowSchema, branch: Branch, sort: Sort) -> _Walk | None:
    """Return the walk along the index that has most of the branch's columns before the sort column."""
    equal = {each.column: each for each in branch if isinstance(each, Equal)}
    fitting = [
        index[:place]
        for index in schema.indexes
        for place in range(len(index))
        if index[place] == sort.column and all(column in equal for column in index[:place])
    ]
    if not fitting:
        return None
    first = max(fitting, key=len)
    held = tuple(equal[column] for column in first)
    name = next(index for index in schema.indexes if index[: len(first) + 1] == (*first, sort.column))
    return _Walk(f"{schema.kind}_rows_by-{'-'.join(name)}", held, tuple(each for each in branch if each not in held))


def _rows(
    db: apsw.Connection, query: Query, sort: Sort, schema: RowSchema, walks: Sequence[_Walk]
) -> tuple[list[Found], Found | None]:
    """Return up to one row more than fits the page, and where the reading stopped if there may be others behind."""
    rows: list[Found] = []
    for with_value in (True, False):
        if not with_value and len(rows) > query.limit:
            break
        if with_value and query.after is not None and query.after.value is None:
            continue
        wanted = query.limit + 1 - len(rows)
        reached = [_reach(db, query, sort, schema, each, with_value, wanted) for each in walks]
        part, stopped = _merged(reached, sort, wanted)
        rows += part
        if stopped:
            return rows, stopped
    return rows, None


def _merged(reached: Sequence[Reach], sort: Sort, wanted: int) -> tuple[list[Found], Found | None]:
    """Return the first rows of all branches, each once, none behind the first place where a branch stopped."""

    def place(row: Found) -> tuple[object, str]:
        return (0 if row.value is None else row.value, row.persistence_id)

    rows = sorted({row for each in reached for row in each.rows}, key=place, reverse=sort.descending)
    stops = sorted((each.stopped for each in reached if each.stopped), key=place, reverse=sort.descending)
    if not stops:
        return rows[:wanted], None
    before = [
        row for row in rows if (place(row) >= place(stops[0]) if sort.descending else place(row) <= place(stops[0]))
    ]
    return before[:wanted], (stops[0] if len(before) < wanted else None)


def _reach(
    db: apsw.Connection, query: Query, sort: Sort, schema: RowSchema, walk: _Walk, with_value: bool, wanted: int
) -> Reach:
    place = _placed(query, sort, with_value)
    on_sort = tuple(each for each in walk.rest if isinstance(each, AtLeast | AtMost) and each.column == sort.column)
    rest = tuple(each for each in walk.rest if each not in on_sort)
    entries = _entries(query, sort, walk, (*walk.equal, *on_sort), place)
    if not rest and walk.among is None:
        return Reach(read_found(db, _first(entries, wanted)))
    looked_at = LOOKED_AT if walk.among is None else LOOKED_AT_AMONG
    rows = read_found(db, _filtered(query, _first(entries, looked_at), rest, wanted, walk.among))
    stopped = None if len(rows) == wanted else _entry(db, entries, looked_at)
    if stopped and walk.among is None:
        size, few = min(
            _candidates(db, query.kind, schema, walk), key=lambda each: each[0], default=(SORTABLE + 1, place)
        )
        if size <= SORTABLE:
            return Reach(read_found(db, _gathered(query, sort, walk, few, place, wanted)))
    return Reach(rows, stopped)


def _placed(query: Query, sort: Sort, with_value: bool) -> Sql:
    """Return the condition on rows that follow the cursor, those with or those without a sort value."""
    column, after = f"r.c_{sort.column}", query.after
    beyond = "<" if sort.descending else ">"
    if with_value and after is not None:
        return Sql(f"({column}, r.persistence_id) {beyond} (?, ?)", (after.value, after.persistence_id))
    if after is not None and after.value is None:
        return Sql(f"{column} IS NULL AND r.persistence_id {beyond} ?", (after.persistence_id,))
    return Sql(f"{column} IS {'NOT ' if with_value else ''}NULL")


def _entries(query: Query, sort: Sort, walk: _Walk, held: Branch, place: Sql) -> Sql:
    """Return the entries of an index that follow the cursor, in order."""
    holds = joined([LISTED, *(condition(query.kind, each) for each in held), place])
    direction = "DESC" if sort.descending else "ASC"
    return Sql(
        f"""
        SELECT r.c_{sort.column} AS value, r.persistence_id, r.row_id FROM "{query.kind}_rows" AS r
        INDEXED BY "{walk.by}" WHERE {holds.text}
        ORDER BY r.c_{sort.column} {direction}, r.persistence_id {direction}
        """,
        holds.values,
    )


def _first(entries: Sql, count: int, skipped: int = 0) -> Sql:
    return Sql(f"{entries.text} LIMIT ? OFFSET ?", (*entries.values, count, skipped))


def _entry(db: apsw.Connection, entries: Sql, number: int) -> Found | None:
    """Return where a walk stopped that has looked at so many entries, None if there are fewer."""
    return next(iter(read_found(db, _first(entries, 1, number - 1))), None)


def _filtered(query: Query, looked_at: Sql, rest: Branch, wanted: int, among: str | None) -> Sql:
    """Look at entries one after another until enough of them hold the rest."""
    known = Sql("TRUE") if among is None else Sql("e.row_id IN (SELECT value FROM json_each(?))", (among,))
    holds = joined([known, *(_condition(query.kind, each, "e") for each in rest)])
    return Sql(
        f"""
        SELECT e.value, e.persistence_id, e.row_id FROM ({looked_at.text}) AS e
        CROSS JOIN "{query.kind}_rows" AS r ON r.row_id = e.row_id WHERE {holds.text} LIMIT ?
        """,
        (*looked_at.values, *holds.values, wanted),
    )


def _gathered(query: Query, sort: Sort, walk: _Walk, candidates: Sql, place: Sql, wanted: int) -> Sql:
    """Sort those candidates that hold everything."""
    conditions = [_condition(query.kind, each, "candidate") for each in (*walk.equal, *walk.rest)]
    holds = joined([LISTED, *conditions, place])
    direction = "DESC" if sort.descending else "ASC"
    return Sql(
        f"""
        SELECT r.c_{sort.column} AS value, r.persistence_id, r.row_id
        FROM ({candidates.text}) AS candidate CROSS JOIN "{query.kind}_rows" AS r ON r.row_id = candidate.row_id
        WHERE {holds.text} ORDER BY r.c_{sort.column} {direction}, r.persistence_id {direction} LIMIT ?
        """,
        (*candidates.values, *holds.values, wanted),
    )


def _condition(kind: str, wanted: Condition, entry: str) -> Sql:
    """Return a condition on a row; whether it has a term is asked of the entry, before the row is read."""
    return condition(kind, wanted, entry if isinstance(wanted, HasTerm) else "r")


def _candidates(db: apsw.Connection, kind: str, schema: RowSchema, walk: _Walk) -> Iterator[tuple[int, Sql]]:
    """Yield other ways to find a superset of the branch that use a condition of the rest, each with its size."""
    terms = [each for each in walk.rest if isinstance(each, HasTerm)]
    if terms:
        yield _with_terms(db, kind, terms)
    for index in schema.indexes:
        held = _beginning(index, (*walk.equal, *walk.rest))
        if any(each in walk.rest for each in held):
            holds = joined([LISTED, *(condition(kind, each) for each in held)])
            rows = f'"{kind}_rows" AS r INDEXED BY "{kind}_rows_by-{"-".join(index)}"'
            yield _sized(db, Sql(f"SELECT r.row_id FROM {rows} WHERE {holds.text}", holds.values))


def _with_terms(db: apsw.Connection, kind: str, terms: Sequence[HasTerm]) -> tuple[int, Sql]:
    """Start from the rarest term and keep what has the others too, which needs no rows; a rare one is kept to."""
    text = f'SELECT r.row_id FROM "{kind}_terms" AS r WHERE r.name = ? AND r.value = ?'
    size, rarest = min((_sized(db, Sql(text, (each.name, each.value))) for each in terms), key=lambda each: each[0])
    others = [each for each in terms if (each.name, each.value) != rarest.values]
    if size > SORTABLE or not others:
        return size, rarest
    holds = joined([condition(kind, each) for each in others])
    return _sized(db, Sql(f"{rarest.text} AND {holds.text}", (*rarest.values, *holds.values)))


def _beginning(index: tuple[str, ...], branch: Branch) -> Branch:
    """Return the conditions that the index can find by: equal first columns, then a range of the next."""
    held: list[Condition] = []
    for column in index:
        equal = [each for each in branch if isinstance(each, Equal) and each.column == column]
        if not equal:
            return (*held, *(each for each in branch if isinstance(each, AtLeast | AtMost) and each.column == column))
        held += equal
    return tuple(held)


def _sized(db: apsw.Connection, candidates: Sql) -> tuple[int, Sql]:
    size = db.execute(f"SELECT count(*) FROM ({candidates.text} LIMIT ?)", (*candidates.values, SORTABLE + 1)).get
    return int(size), candidates
