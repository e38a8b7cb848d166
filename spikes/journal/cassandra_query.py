"""Lists, read from homes: one partition after another, several homes merged (rule K9).

What an index can narrow is narrowed there; then every row is held against all conditions once more, so that an index is
never believed. A page ends when it is full, or when it has looked at enough.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from spikes.journal import cassandra_places as at
from spikes.journal.cassandra_cql import listing_query
from spikes.journal.cassandra_places import UNVALUED
from spikes.journal.cassandra_session import Session
from spikes.journal.checks import check_query
from spikes.journal.memory_query import holds
from spikes.journal.port import (
    RANKED,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Cursor,
    Equal,
    HasTerm,
    Home,
    IndexPart,
    Listed,
    Page,
    Query,
    RowSchema,
    Sort,
)
from spikes.journal.words import words

MOST_PARTITIONS = 100
"""How many partitions one page looks at, at the most, before it is a short page."""

AHEAD = 4
"""How many partitions are begun at once."""

CHUNK = 200
"""The most rows that one read of a partition asks for."""


class Found(NamedTuple):
    """A row of a list: its value in the list's order, its id, what is shown, and what it is made of."""

    value: str | int | None
    persistence_id: str
    listed: Listed
    part: IndexPart


class Plan(NamedTuple):
    """How a query is answered: the homes to read, what an index narrows there, and in which direction."""

    homes: Sequence[tuple[str, Home]]
    terms: Sequence[str]
    ranges: Sequence[tuple[str, str, int]]
    where: Sequence[Condition]
    ascending: bool


class Lists:
    """All lists of the store."""

    def __init__(self, session: Session, schemas: Mapping[str, RowSchema], ranges: Sequence[str]) -> None:
        self._session = session
        self._schemas = schemas
        self._ranges = frozenset(ranges)

    async def page(self, query: Query) -> Page:
        """Return a page. Raises ValueError for what this store can't do."""
        schema = check_query(query, self._schemas)
        if query.sort is None:
            raise ValueError("this journal can't rank what it finds")
        plan = self._plan(query, schema)
        if all(home.order == query.sort.column for _, home in plan.homes) and not (query.text and plan.ascending):
            return await self._walked(query, query.sort, schema, plan)
        return await self._sorted(query, query.sort, schema, plan)

    async def all(self, query: Query) -> tuple[list[Found], bool]:
        """Return the newest `RANKED` rows of a list, in the order of its homes, and whether there are more."""
        schema = check_query(query, self._schemas)
        plan = self._plan(query, schema)._replace(ascending=False)
        found: dict[str, Found] = {}
        for walk in (Walk(self._session, schema, plan, home) for home in plan.homes):
            async for row in walk.rows(None, RANKED, sys.maxsize):
                if len(found) >= RANKED and row.persistence_id not in found:
                    return list(found.values()), True
                found[row.persistence_id] = row
        return list(found.values()), False

    # -------------------------------------------------------------------------------------------------------- planning

    def _plan(self, query: Query, schema: RowSchema) -> Plan:
        """Find the homes in which all rows of the list stand. Raises ValueError if there are none."""
        homes = _homes(query.where, schema)
        if homes is None:
            raise ValueError(f"no home of {query.kind!r} has all rows of this list; name whose, or which of its terms")
        columns = at.equality_columns(schema)
        terms = [term for condition in query.where for term in _indexed(condition, columns)]
        terms += [at.word_term(word) for term in query.text for word in _words(term.words, term.prefix)]
        ascending = query.sort is not None and not query.sort.descending
        return Plan(homes, list(dict.fromkeys(terms)), self._bounds(query.where), query.where, ascending)

    def _bounds(self, where: Sequence[Condition]) -> list[tuple[str, str, int]]:
        """Return what an index narrows by: one lower and at most one upper bound a column, as CQL takes no more."""
        least: dict[str, int] = {}
        most: dict[str, int] = {}
        for condition in where:
            match condition:
                case AtLeast(column, int(value)) if column in self._ranges:
                    least[column] = max(value, least.get(column, UNVALUED + 1))
                case AtMost(column, int(value)) if column in self._ranges:
                    least.setdefault(column, UNVALUED + 1)
                    most[column] = min(value, most.get(column, value))
        return [(column, ">=", value) for column, value in least.items()] + [
            (column, "<=", value) for column, value in most.items()
        ]

    # ----------------------------------------------------------------------------------------------------------- pages

    async def _walked(self, query: Query, sort: Sort, schema: RowSchema, plan: Plan) -> Page:
        """Merge the homes, each read in the list's own order, as far as the page needs."""
        wanted = query.offset + query.limit + 1
        walks = [Walk(self._session, schema, plan, home) for home in plan.homes]
        parts = await asyncio.gather(*(_collected(walk, query.after, wanted) for walk in walks))
        merged = {row.persistence_id: row for part in parts for row in part}
        rows = sorted(merged.values(), key=_order(sort), reverse=sort.descending)
        valued, bare = [row for row in rows if row.value is not None], [row for row in rows if row.value is None]
        rows = valued + bare
        cut = _earliest([walk.stopped for walk in walks if walk.stopped is not None], sort)
        if cut is not None:  # beyond this place not all homes were looked at
            rows = [row for row in rows if not _is_behind((row.value, row.persistence_id), cut, sort)]
        shown = rows[query.offset : query.offset + query.limit]
        following: Cursor | None = None
        if len(rows) > query.offset + query.limit:
            following = Cursor(shown[-1].value, shown[-1].persistence_id)
        elif cut is not None:
            following = Cursor(*cut)
        return Page(tuple(row.listed for row in shown), following)

    async def _sorted(self, query: Query, sort: Sort, schema: RowSchema, plan: Plan) -> Page:
        """Sort what no home is ordered by: of at most `RANKED` rows."""
        found, truncated = await self.all(query)
        named = [row._replace(value=row.part.columns.get(sort.column)) for row in found]
        rows = sorted((row for row in named if row.value is not None), key=_order(sort), reverse=sort.descending)
        rows += sorted((row for row in named if row.value is None), key=_order(sort), reverse=sort.descending)
        if query.after is not None:
            after = (query.after.value, query.after.persistence_id)
            rows = [row for row in rows if _is_behind((row.value, row.persistence_id), after, sort)]
        rows = rows[query.offset :]
        shown = rows[: query.limit]
        more = len(rows) > len(shown) and bool(shown)
        following = Cursor(shown[-1].value, shown[-1].persistence_id) if more else None
        return Page(tuple(row.listed for row in shown), following, truncated)

    async def count(self, query: Query) -> int:
        """Count the rows of a list, up to `RANKED`."""
        return len((await self.all(query))[0])

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """Count the values of terms over the newest `RANKED` rows of a list."""
        found, _ = await self.all(query)
        return Counter(value for row in found for term, value in row.part.terms if term == name)


class Walk:
    """One home, read partition by partition in one direction; rows without a value come last in either."""

    def __init__(self, session: Session, schema: RowSchema, plan: Plan, home: tuple[str, Home]) -> None:
        self._session = session
        self._plan = plan
        self._name, self._home = home
        self._type = schema.columns.get(self._home.order, "integer")
        self.stopped: tuple[str | int | None, str] | None = None
        """Behind which place nothing was looked at, if this ended before the home did."""

    async def rows(self, after: Cursor | None, wanted: int, most: int = MOST_PARTITIONS) -> AsyncIterator[Found]:
        """Yield rows behind a place, in order, of at most so many partitions; asks for as many at a time as are wanted.

        A few partitions are begun at once: where little is written, a page needs many of them.
        """
        buckets, chunk = await self._buckets(after), min(CHUNK, wanted)
        for begin in range(0, len(buckets), AHEAD):
            if begin >= most:
                self.stopped = self._edge(buckets[begin])
                return
            some = buckets[begin : begin + AHEAD]
            starts = [self._start(bucket, after) for bucket in some]
            firsts = await asyncio.gather(*(self._chunk(*each, chunk) for each in zip(some, starts, strict=True)))
            for bucket, rows in zip(some, firsts, strict=True):
                async for row in self._partition(bucket, rows, chunk):
                    yield row

    async def _buckets(self, after: Cursor | None) -> list[int]:
        rows = (await self._session.run("buckets", self._name)).rows
        found = sorted((bucket for (bucket,) in rows if bucket != UNVALUED), reverse=not self._plan.ascending)
        found += [bucket for (bucket,) in rows if bucket == UNVALUED]
        if after is None:
            return found
        first = at.bucket_of(self._home, after.value)
        if first == UNVALUED:
            return [bucket for bucket in found if bucket == UNVALUED]
        ascending = self._plan.ascending
        return [bucket for bucket in found if bucket == UNVALUED or (bucket >= first if ascending else bucket <= first)]

    def _start(self, bucket: int, after: Cursor | None) -> tuple[bytes, str] | None:
        if after is None or at.bucket_of(self._home, after.value) != bucket:
            return None
        return at.key_of(after.value), after.persistence_id

    def _edge(self, bucket: int) -> tuple[str | int | None, str]:
        """Return a place before all rows of a partition."""
        if bucket == UNVALUED:
            return None, "" if self._plan.ascending else "\U0010ffff"
        span = self._home.span or 0
        return (bucket * span, "") if self._plan.ascending else ((bucket + 1) * span, "")

    async def _partition(self, bucket: int, rows: Sequence[tuple[Any, ...]], chunk: int) -> AsyncIterator[Found]:
        """Yield the rows of a partition that begins with these."""
        while True:
            for row in rows:
                found = self._found(row, bucket)
                if found is not None:
                    yield found
            if len(rows) < chunk:
                return
            rows = await self._chunk(bucket, (rows[-1][0], rows[-1][1]), chunk)

    async def _chunk(self, bucket: int, start: tuple[bytes, str] | None, chunk: int) -> Sequence[tuple[Any, ...]]:
        """Read some rows. An index is of no use against the table's order: then all rows are read and looked at."""
        plan = self._plan
        terms, ranges = ((), ()) if plan.ascending else (plan.terms, plan.ranges)
        cql = listing_query(
            len(terms), [(name, sign) for name, sign, _ in ranges], after=start is not None, ascending=plan.ascending
        )
        bounds = [value for _, _, value in ranges]
        return (await self._session.ask(cql, self._name, bucket, *(start or ()), *terms, *bounds, chunk)).rows

    def _found(self, row: tuple[Any, ...], bucket: int) -> Found | None:
        """Return a row that is there and meets all conditions."""
        key, persistence_id, gone, sequence_nr, item, facts = row
        if gone is not False or not facts:
            return None
        index = at.decode_facts(facts).part()
        if not all(holds(index, condition) for condition in self._plan.where):
            return None
        value = at.value_of(key, bucket, self._type)
        return Found(value, persistence_id, Listed(persistence_id, sequence_nr, item), index)


async def _collected(walk: Walk, after: Cursor | None, wanted: int) -> list[Found]:
    found: list[Found] = []
    async for row in walk.rows(after, wanted):
        found.append(row)
        if len(found) == wanted:
            break
    return found


# ------------------------------------------------------------------------------------------------------------ planning


def _homes(where: Sequence[Condition], schema: RowSchema) -> Sequence[tuple[str, Home]] | None:
    """Return the smallest homes that hold every row for which all conditions hold."""
    for condition in where:
        home = _home_of(condition, schema)
        if home is not None:
            return [home]
    for condition in where:
        if isinstance(condition, AnyOf):
            homes = [_home_of(each, schema) for each in condition.conditions]
            if all(homes):
                return [home for home in homes if home is not None]
    everything = next((home for home in schema.homes if home.column is None and home.term is None), None)
    return None if everything is None else [(at.home_name(schema.kind, everything), everything)]


def _home_of(condition: Condition, schema: RowSchema) -> tuple[str, Home] | None:
    for home in schema.homes:
        match condition:
            case Equal(column, value) if value is not None and home.column == column and home.value in (None, value):
                return at.home_name(schema.kind, home, value), home
            case HasTerm(name, term) if home.term == name:
                return at.home_name(schema.kind, home, term), home
            case _:
                pass
    return None


def _indexed(condition: Condition, columns: frozenset[str]) -> Sequence[str]:
    match condition:
        case Equal(column, value) if column in columns:
            return (at.column_term(column, value),)
        case HasTerm(name, value):
            return (at.term_term(name, value),)
        case _:
            return ()


def _words(texts: tuple[str, ...], prefix: bool) -> list[str]:
    """Return the words of a search term. Raises ValueError for what needs to know their places or their ends."""
    found = words(" ".join(texts))
    if prefix and found:
        raise ValueError("this journal can't search for beginnings of words")
    if len(found) > 1:
        raise ValueError("this journal can't search for phrases")
    return found


# ------------------------------------------------------------------------------------------------------------- order


def _order(sort: Sort) -> Any:
    return lambda row: (row.value if row.value is not None else 0, row.persistence_id)


def _is_behind(place: tuple[Any, str], after: tuple[Any, str], sort: Sort) -> bool:
    """Tell whether a place comes after another; those without a value come last."""
    if (place[0] is None) != (after[0] is None):
        return place[0] is None
    here, there = ((value if value is not None else 0, name) for value, name in (place, after))
    return here < there if sort.descending else here > there


def _earliest(places: Sequence[tuple[Any, str]], sort: Sort) -> tuple[Any, str] | None:
    found: tuple[Any, str] | None = None
    for place in places:
        if found is None or _is_behind(found, place, sort):
            found = place
    return found
