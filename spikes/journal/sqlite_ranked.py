"""Search: which rows a text is found in, and which of them are the best.

The full text index answers with parts (a note, a comment), the newest first, and only so many: what is done for each of
them costs the same however many there are. Each term may be found in another part of a row; most are found in one.

How good a row is: for each term what `bm25` gives to its best part. For a term that is found nearly everywhere `bm25`
would read all that the index has of it, to learn that it says nothing; there a hit in the first field counts, little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import apsw
import msgspec

from spikes.journal.port import RANKED, Condition, Cursor, Page, Query, RowSchema, Sort, TextTerm
from spikes.journal.sqlite_pages import Found, load, read_found, read_list
from spikes.journal.sqlite_prefixes import expression
from spikes.journal.sqlite_scope import COLUMN, FURTHER, scope_match
from spikes.journal.sqlite_where import Sql, condition, joined, searchable

LOOKED_AT = 2 * RANKED
"""How many of the newest parts are looked at when conditions have to be looked up for each."""

RATED = 8
"""How many terms count for the rank; all have to be found."""

RATED_COMMON = 2
"""How many of them may be common ones."""

MOST_CONFIRMED = 1_000
"""How many parts are looked up one by one."""

UNIT = 1_000_000_000
"""Ranks are whole numbers, so that they survive the way into a cursor and back: so many are one of bm25's."""

COMMON_HIT = UNIT // 1_000_000
"""What a hit of a common term counts: as much as bm25 has for one that is in more than half of all texts."""

FIRST_FIELD = 5.0
"""How much more a hit in the first field counts than in another one."""


class _Matched(NamedTuple):
    """The rows found, the last stored one first, and whether there may be more."""

    rows: list[int]
    truncated: bool


class _Found(NamedTuple):
    """The rows of some parts, whether there are more such parts, and the oldest part of those looked at."""

    rows: list[int]
    more: bool
    oldest: int


class _Search:
    """One search over one kind of row."""

    def __init__(self, db: apsw.Connection, query: Query, schema: RowSchema) -> None:
        self.db = db
        self.kind = query.kind
        self.terms = searchable(query)
        self.scope, self.rest = scope_match(schema, query.where)
        self.fields = [f"t_{name}" for name in schema.text]
        self.oldest = 0
        self.asked = {term: expression(db, query.kind, term) for term in self.terms}
        self.texts = [f"{{{' '.join(self.fields)}}} : {asked}" for asked in self.asked.values()]

    def matched(self) -> _Matched:
        """Return the rows in which all terms are found."""
        most = LOOKED_AT if self.rest else RANKED
        found = self._rows(" AND ".join(self.texts), most, self.rest)
        rows, truncated, self.oldest = set(found.rows), found.more, found.oldest
        if len(self.terms) > 1 and len(rows) < RANKED:
            across, more = self._across(rows)
            rows |= across
            truncated = truncated or more
        newest = sorted(rows, reverse=True)
        return _Matched(newest[:RANKED], truncated or len(newest) > RANKED)

    def _across(self, known: set[int]) -> tuple[set[int], bool]:
        """Return other rows, in which each term is found in some part, and whether there may be more.

        At least one of the terms is in a part that is not the first: a comment, say.
        """
        further = self._rows(f"({' OR '.join(self.texts)})", RANKED, self.rest, further=True)
        if not further.rows:
            return set(), False
        parts = {text: self._rows(text, RANKED, self.rest) for text in self.texts}
        complete = [set(found.rows) for found in parts.values() if not found.more]
        start = set(further.rows) if not (further.more and complete) else complete[0]
        rows = start.intersection(*complete) - known
        truncated = further.more and not complete
        for text, found in parts.items():
            if found.more and rows:
                rows, unsure = self._confirmed(rows, text)
                truncated = truncated or unsure
        return rows, truncated

    def _confirmed(self, rows: set[int], text: str) -> tuple[set[int], bool]:
        """Look a common term up, part by part, for rows in which the rare ones were found."""
        asked = _array(sorted(rows, reverse=True))
        of_rows = f"""
            SELECT json_group_array(part_id) FROM (
                SELECT p.part_id FROM json_each(?) AS asked
                CROSS JOIN "{self.kind}_parts" AS p ON p.row_id = asked.value LIMIT ?
            )
            """
        parts = read_list(self.db, Sql(of_rows, (asked, MOST_CONFIRMED + 1)))
        fts = f'"{self.kind}_fts"'
        hits = f"""
            SELECT json_group_array(p.row_id) FROM json_each(?) AS asked
            CROSS JOIN (SELECT rowid AS part_id FROM {fts} WHERE {fts} MATCH ?) AS hit ON hit.part_id = asked.value
            CROSS JOIN "{self.kind}_parts" AS p ON p.part_id = asked.value
            """
        found = read_list(self.db, Sql(hits, (_array(parts[:MOST_CONFIRMED]), text)))
        return set(found), len(parts) > MOST_CONFIRMED

    def _rows(
        self, text: str, most: int, rest: Sequence[Condition] = (), further: bool = False, since: int = 0
    ) -> _Found:
        """Return the rows of the newest parts in which a text is found."""
        fts, asked = f'"{self.kind}_fts"', " AND ".join([text, *self.scope, *([f"{COLUMN} : {FURTHER}"] * further)])
        holds = joined([Sql("TRUE"), *(condition(self.kind, each) for each in rest)])
        rows = f'CROSS JOIN "{self.kind}_rows" AS r ON r.row_id = p.row_id' if rest else ""
        read = f"""
            SELECT json_array(
                count(*), coalesce(min(p.part_id), 0), json_group_array(p.row_id) FILTER (WHERE {holds.text}))
            FROM (
                SELECT rowid AS part_id FROM {fts} WHERE {fts} MATCH ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?
            ) AS found
            CROSS JOIN "{self.kind}_parts" AS p ON p.part_id = found.part_id {rows}
            """
        size, oldest, found = read_list(self.db, Sql(read, (*holds.values, asked, since, most + 1)))
        return _Found(found[:most] if size > most and not rest else found, size > most, oldest)

    def ranks(self) -> dict[int, int]:
        """Return how good rows are, those that are any good: the sum over the terms of their best part."""
        ranks: defaultdict[int, int] = defaultdict(int)
        common = 0
        for term, text in zip(self.terms[:RATED], self.texts, strict=False):
            if not self._is_common(text):
                rated = self._by_bm25(text)
            elif (common := common + 1) <= RATED_COMMON:
                rated = self._common(term)
            else:
                continue
            for row_id, rank in rated.items():
                ranks[row_id] += rank
        return ranks

    def _is_common(self, text: str) -> bool:
        fts = f'"{self.kind}_fts"'
        counted = f"SELECT count(*) FROM (SELECT rowid FROM {fts} WHERE {fts} MATCH ? LIMIT ?)"
        return int(self.db.execute(counted, (text, RANKED + 1)).get) > RANKED

    def _by_bm25(self, text: str) -> dict[int, int]:
        fts, weights = f'"{self.kind}_fts"', ", ".join([str(FIRST_FIELD), *["1.0"] * (len(self.fields) - 1)])
        rated = f"""
            SELECT json_group_array(json_array(p.row_id, CAST(-found.score * {UNIT} AS INTEGER)))
            FROM (
                SELECT rowid AS part_id, bm25({fts}, {weights}) AS score FROM {fts} WHERE {fts} MATCH ? LIMIT {RANKED}
            ) AS found CROSS JOIN "{self.kind}_parts" AS p ON p.part_id = found.part_id
            """
        best: dict[int, int] = {}
        for row_id, rank in read_list(self.db, Sql(rated, (text,))):
            best[row_id] = max(rank, best.get(row_id, 0))
        return best

    def _common(self, term: TextTerm) -> dict[int, int]:
        in_first_field = self._rows(f"{{{self.fields[0]}}} : {self.asked[term]}", RANKED, since=self.oldest)
        return dict.fromkeys(in_first_field.rows, COMMON_HIT)


def search(db: apsw.Connection, query: Query, schema: RowSchema) -> Page:
    """Read one page of what is found."""
    asked = _Search(db, query, schema)
    matched = asked.matched()
    if query.sort is not None:
        return _by_column(db, query, query.sort, matched)
    ranks = asked.ranks()
    # `matched.rows` start with the last stored one, and sorting keeps that among equals.
    rows = sorted(((ranks.get(row_id, 0), row_id) for row_id in matched.rows), reverse=True)
    if query.after is not None:
        rows = [row for row in rows if row < _place(db, query.kind, query.after)]
    return _page(db, query, [Found(rank, "", row_id) for rank, row_id in rows[query.offset :]], matched.truncated)


def _place(db: apsw.Connection, kind: str, after: Cursor) -> tuple[int, int]:
    found = db.execute(f'SELECT row_id FROM "{kind}_rows" WHERE persistence_id = ?', (after.persistence_id,)).get
    assert isinstance(after.value, int)
    return after.value, int(found or 0)


def _page(db: apsw.Connection, query: Query, rows: Sequence[Found], truncated: bool) -> Page:
    shown = rows[: query.limit]
    listed = load(db, query.kind, [row.row_id for row in shown])
    more = len(rows) > len(shown)
    return Page(listed, Cursor(shown[-1].value, listed[-1].persistence_id) if more else None, truncated)


def _by_column(db: apsw.Connection, query: Query, sort: Sort, matched: _Matched) -> Page:
    """Sort what is found; rows without a sort value come last."""
    column, direction = f"r.c_{sort.column}", "DESC" if sort.descending else "ASC"
    after = _after(sort, query.after)
    text = f"""
        SELECT {column} AS value, r.persistence_id, r.row_id
        FROM json_each(?) AS found CROSS JOIN "{query.kind}_rows" AS r ON r.row_id = found.value
        WHERE {after.text} ORDER BY {column} IS NULL, {column} {direction}, r.persistence_id {direction}
        LIMIT ? OFFSET ?
        """
    values = (_array(matched.rows), *after.values, query.limit + 1, query.offset)
    return _page(db, query, read_found(db, Sql(text, values)), matched.truncated)


def _after(sort: Sort, after: Cursor | None) -> Sql:
    column, beyond = f"r.c_{sort.column}", "<" if sort.descending else ">"
    if after is None:
        return Sql("TRUE")
    if after.value is None:
        return Sql(f"{column} IS NULL AND r.persistence_id {beyond} ?", (after.persistence_id,))
    return Sql(
        f"({column} IS NULL OR ({column}, r.persistence_id) {beyond} (?, ?))", (after.value, after.persistence_id)
    )


def _array(numbers: Sequence[int]) -> str:
    return msgspec.json.encode(numbers).decode()
