"""Search: which rows a text is found in, and which of them are the best.

The full text index answers with parts (a note, a comment), the newest first. What is done for each of them costs the
same however many notes there are, and everything is done for so many at most; a search that leaves some out says so.
Each term may be found in another part of a row; most are found in one.

Whose a part is and who may see it stands beside it (`sqlite_parts`). Conditions on the other columns are looked up
last, row by row in the order of the page, until the page is full.

How good a row is: for each term what `bm25` gives to its best part. For a term that is found in many parts that would
take long and say little; there a hit in the first field counts, little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import apsw
from msgspec.structs import replace

from spikes.journal.port import RANKED, Condition, Cursor, Page, Query, RowSchema, Sort, TextTerm
from spikes.journal.sqlite_pages import Found, array, load, read_found, read_list
from spikes.journal.sqlite_parts import Parts
from spikes.journal.sqlite_prefixes import expression, is_gathered
from spikes.journal.sqlite_walks import walk
from spikes.journal.sqlite_where import Sql, condition, joined, searchable

LOOKED_AT = 2 * RANKED
"""How many of the newest parts are looked at when conditions have to be looked up for each row."""

RATED = 8
"""How many terms count for the rank; all have to be found."""

RATED_COMMON = 2
"""How many of them may be common ones."""

RATED_PARTS = 5_000
"""A term that is found in more parts than this is a common one."""

MOST_CONFIRMED = 1_000
"""How many parts are looked up one by one."""

AT_ONCE = 500
"""How many rows are looked up together."""

SORTABLE = 1_000
"""How many rows are sorted by a column that is looked up for each; for more, an index is read in order."""

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


class _Search:
    """One search over one kind of row."""

    def __init__(self, db: apsw.Connection, query: Query, schema: RowSchema) -> None:
        self.db = db
        self.kind = query.kind
        self.terms = searchable(query)
        self.fields = [f"t_{name}" for name in schema.text]
        self.asked = {term: expression(db, query.kind, term) for term in self.terms}
        self.texts = [f"{{{' '.join(self.fields)}}} : {asked}" for asked in self.asked.values()]
        gathered = any(is_gathered(term, asked) for term, asked in self.asked.items())
        self.parts = Parts(db, query, schema, gathered)
        self.most = LOOKED_AT if self.parts.rest else RANKED
        self.since = self.parts.since(self.terms, self.texts)
        self.oldest = 0

    def matched(self) -> _Matched:
        """Return the rows in which all terms are found."""
        found = self.parts.find(" AND ".join(self.texts), self.most, since=self.since)
        rows, truncated, self.oldest = set(found.rows), found.more or self.since > 0, found.oldest
        if len(self.terms) > 1 and len(rows) < self.most:
            across, more = self._across(rows)
            rows |= across
            truncated = truncated or more
        newest = sorted(rows, reverse=True)
        return _Matched(newest[: self.most], truncated or len(newest) > self.most)

    def _across(self, known: set[int]) -> tuple[set[int], bool]:
        """Return other rows, in which each term is found in some part, and whether there may be more.

        At least one of the terms is in a part that is not the first: a comment, say.
        """
        further = self.parts.find(f"({' OR '.join(self.texts)})", RANKED, further=True, since=self.since)
        if not further.rows:
            return set(), False
        parts = {text: self.parts.find(text, RANKED, since=self.since) for text in self.texts}
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
        asked = array(sorted(rows, reverse=True))
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
        found = read_list(self.db, Sql(hits, (array(parts[:MOST_CONFIRMED]), text)))
        return set(found), len(parts) > MOST_CONFIRMED

    def ranks(self) -> dict[int, int]:
        """Return how good rows are, those that are any good: the sum over the terms of their best part."""
        ranks: defaultdict[int, int] = defaultdict(int)
        common = 0
        for term, text in zip(self.terms[:RATED], self.texts, strict=False):
            if not (self.since or self.parts.more_than(RATED_PARTS, text)):
                rated = self._by_bm25(text)
            elif (common := common + 1) <= RATED_COMMON:
                rated = self._common(term)
            else:
                continue
            for row_id, rank in rated.items():
                ranks[row_id] += rank
        return ranks

    def _by_bm25(self, text: str) -> dict[int, int]:
        """Rate the rows of those parts that were found."""
        fts, weights = f'"{self.kind}_fts"', ", ".join([str(FIRST_FIELD), *["1.0"] * (len(self.fields) - 1)])
        rated = f"""
            SELECT json_group_array(json_array(part_id, CAST(-score * {UNIT} AS INTEGER)))
            FROM (SELECT rowid AS part_id, bm25({fts}, {weights}) AS score FROM {fts} WHERE {fts} MATCH ? LIMIT ?)
            """
        best: dict[int, int] = {}
        for part_id, rank in read_list(self.db, Sql(rated, (text, RATED_PARTS))):
            row_id = self.parts.known.get(part_id)
            if row_id is not None:
                best[row_id] = max(rank, best.get(row_id, 0))
        return best

    def _common(self, term: TextTerm) -> dict[int, int]:
        """Rate the rows that have a common term in the first field, together with the others."""
        others = [text for text, other in zip(self.texts, self.terms, strict=True) if other != term]
        text = " AND ".join([f"{{{self.fields[0]}}} : {self.asked[term]}", *others])
        return dict.fromkeys(self.parts.rows(text, LOOKED_AT, self.oldest), COMMON_HIT)


def search(db: apsw.Connection, query: Query, schema: RowSchema) -> Page:
    """Read one page of what is found."""
    asked = _Search(db, query, schema)
    matched = asked.matched()
    if query.sort is not None:
        return _by_column(db, query, schema, query.sort, matched)
    ranks = asked.ranks()
    found = set(matched.rows)
    good = sorted(((rank, row_id) for row_id, rank in ranks.items() if rank and row_id in found), reverse=True)
    # Of equally good rows the last stored one comes first, as in `matched.rows`.
    rows = [*good, *((0, row_id) for row_id in matched.rows if not ranks.get(row_id))]
    if query.after is not None:
        place = _place(db, query.kind, query.after)
        rows = [row for row in rows if row < place]
    shown = _holding(db, query, asked.parts.rest, [row_id for _, row_id in rows])
    return _page(db, query, [Found(ranks.get(row_id, 0), "", row_id) for row_id in shown], matched.truncated)


def _holding(db: apsw.Connection, query: Query, rest: Sequence[Condition], rows: Sequence[int]) -> list[int]:
    """Return the rows of a page, and one more, for which the rest of the conditions hold."""
    last = query.offset + query.limit + 1
    if not rest:
        return list(rows[query.offset : last])
    holds = joined([condition(query.kind, each) for each in rest])
    text = f"""
        SELECT json_group_array(r.row_id) FROM json_each(?) AS found
        CROSS JOIN "{query.kind}_rows" AS r ON r.row_id = found.value WHERE {holds.text}
        """
    shown: list[int] = []
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        holding = set(read_list(db, Sql(text, (array(some), *holds.values))))
        shown += [row_id for row_id in some if row_id in holding]
        if len(shown) >= last:
            break
    return shown[query.offset : last]


def _place(db: apsw.Connection, kind: str, after: Cursor) -> tuple[int, int]:
    found = db.execute(f'SELECT row_id FROM "{kind}_rows" WHERE persistence_id = ?', (after.persistence_id,)).get
    assert isinstance(after.value, int)
    return after.value, int(found or 0)


def _page(db: apsw.Connection, query: Query, rows: Sequence[Found], truncated: bool) -> Page:
    shown = rows[: query.limit]
    listed = load(db, query.kind, [row.row_id for row in shown])
    more = len(rows) > len(shown)
    return Page(listed, Cursor(shown[-1].value, listed[-1].persistence_id) if more else None, truncated)


def _by_column(db: apsw.Connection, query: Query, schema: RowSchema, sort: Sort, matched: _Matched) -> Page:
    """Sort what is found; rows without a sort value come last."""
    if len(matched.rows) > SORTABLE and not query.offset:
        found = walk(db, query, schema, among=matched.rows)
        if found is not None:
            return replace(found, truncated=matched.truncated)
    column, direction = f"r.c_{sort.column}", "DESC" if sort.descending else "ASC"
    holds = joined([_after(sort, query.after), *(condition(query.kind, each) for each in query.where)])
    text = f"""
        SELECT {column} AS value, r.persistence_id, r.row_id
        FROM json_each(?) AS found CROSS JOIN "{query.kind}_rows" AS r ON r.row_id = found.value
        WHERE {holds.text} ORDER BY {column} IS NULL, {column} {direction}, r.persistence_id {direction}
        LIMIT ? OFFSET ?
        """
    values = (array(matched.rows), *holds.values, query.limit + 1, query.offset)
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
