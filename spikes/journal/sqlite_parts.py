"""The parts in which a text is found, and the rows that they belong to.

The newest parts with a text are looked up piece by piece, with the columns of the scope that stand beside each, until
enough of them are within it. To look for a text and for a word of the scope together, the index goes through all that
it has of both; that is the better way only for a scope that has few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from spikes.journal.port import RANKED, Condition, Query, RowSchema, TextTerm
from spikes.journal.sqlite_pages import read_json, read_list
from spikes.journal.sqlite_scope import COLUMN, FURTHER, scope_match
from spikes.journal.sqlite_where import Sql, condition, joined, match

PIECE = RANKED
PIECES = 4
"""How many parts are looked up at once, and how often."""

FEW = 2 * RANKED
"""A word of the scope that is in no more parts is looked for together with the text."""

LATEST = 2**63 - 1
"""No part comes after it."""

GONE_THROUGH = 5 * RANKED
"""How many parts of its rarest word a text of several words is looked for in: the newest."""

PROBED = 4
"""How many words of a text are looked at to find a rare one."""


class FoundParts(NamedTuple):
    """The rows of some parts, whether there are more such parts, and the oldest part of those looked at."""

    rows: list[int]
    more: bool
    oldest: int


class _Piece(NamedTuple):
    """How many parts were found, and the oldest of them; those of them that are within, and their rows."""

    size: int
    oldest: int
    parts: list[int]
    rows: list[int]

    def and_then(self, piece: _Piece) -> _Piece:
        return _Piece(self.size + piece.size, piece.oldest, self.parts + piece.parts, self.rows + piece.rows)


class Parts:
    """The parts of one kind, within the conditions of one query. `rest` are those that parts can't tell.

    `known` has the row of each part that was found so far. A text that is `gathered` costs the same whatever number of
    its parts is asked for, so they are not read in pieces.
    """

    def __init__(self, db: apsw.Connection, query: Query, schema: RowSchema, gathered: bool = False) -> None:
        self._db = db
        self._at_once, self._times = (PIECES * PIECE, 1) if gathered else (PIECE, PIECES)
        self._kind = query.kind
        self.known: dict[int, int] = {}
        self._sizes: dict[str, int] = {}
        self._fts = f'"{query.kind}_fts"'
        inside, self.rest = scope_match(schema, query.where)
        self._scope: Sequence[Condition] = [each for each, _ in inside]
        self._words = [text for _, text in inside]
        self._fields = f"{{{' '.join(f't_{name}' for name in schema.text)}}}"
        few = (text for text in self._words if " OR " not in text and not self.more_than(FEW, text))
        self._narrow = [text for text in (next(few, None),) if text]

    def more_than(self, number: int, text: str, since: int = 0) -> bool:
        """Tell whether a text is found in more parts than this, of whatever scope."""
        if text in self._sizes and not since:
            return self._sizes[text] > number
        found = f"SELECT rowid FROM {self._fts} WHERE {self._fts} MATCH ? AND rowid >= ? LIMIT ?"
        return int(self._db.execute(f"SELECT count(*) FROM ({found})", (text, since, number + 1)).get) > number

    def since(self, terms: Sequence[TextTerm], texts: Sequence[str]) -> int:
        """Return from which part on a text of several words is looked for: 0 for all, if one of the words is rare."""
        words = [(word, self._word(word)) for term in terms if len(term.words) > 1 for word in term.words]
        if self._narrow and not words:
            return 0
        alone = [(term.words[0], text) for term, text in zip(terms, texts, strict=True) if len(term.words) == 1]
        asked = sorted([*words, *alone], key=lambda each: len(each[0]), reverse=True)  # long words are often rare
        if len(asked) < 2:
            return 0
        last = f"SELECT rowid FROM {self._fts} WHERE {self._fts} MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
        found = []
        for _, text in asked[:PROBED]:
            part_id = self._db.execute(last, (text, GONE_THROUGH)).get
            if part_id is None:
                return 0
            found.append(int(part_id) + 1)
        return min(found)

    def rows(self, text: str, most: int, since: int) -> set[int]:
        """Return the rows of those of the newest parts with a text that are known."""
        found = f"SELECT rowid FROM {self._fts} WHERE {self._fts} MATCH ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?"
        asked = " AND ".join([text, *self._narrow])
        parts = read_list(self._db, Sql(f"SELECT json_group_array(rowid) FROM ({found})", (asked, since, most)))
        return {self.known[part_id] for part_id in parts if part_id in self.known}

    def find(self, text: str, most: int, further: bool = False, since: int = 0) -> FoundParts:
        """Return the rows of the newest parts in which a text is found; with `further`, of others than the first."""
        asked = [text, *self._narrow, *([f"{COLUMN} : {FURTHER}"] * further)]
        found = self._looked_up(asked, most, since)
        if found is None:
            found = self._read([*asked, *self._words], most + 1, since, LATEST, Sql("TRUE"))
        elif asked == [text] and not since and len(found.rows) <= most:
            self._sizes[text] = found.size
        self.known.update(zip(found.parts, found.rows, strict=True))
        return FoundParts(found.rows[:most], len(found.rows) > most, found.parts[:most][-1] if found.parts else 0)

    def _looked_up(self, texts: Sequence[str], most: int, since: int) -> _Piece | None:
        """Return the newest parts within the scope, looked up piece by piece until there are more than `most`.

        None if too few of those looked up are within it.
        """
        holds = joined([Sql("TRUE"), *(condition(self._kind, each, "p") for each in self._scope)])
        all_of_it = _Piece(0, LATEST + 1, [], [])
        for left in reversed(range(self._times)):
            piece = self._read(texts, self._at_once, since, all_of_it.oldest - 1, holds)
            all_of_it = all_of_it.and_then(piece)
            if piece.size < self._at_once or len(all_of_it.rows) > most:
                return all_of_it
            if len(all_of_it.rows) + left * len(piece.rows) <= most:
                break
        return None

    def _read(self, texts: Sequence[str], limit: int, since: int, last: int, holds: Sql) -> _Piece:
        """Return the newest parts of a stretch in which all texts are found, without those that are not within."""
        read = f"""
            WITH found AS MATERIALIZED (
                SELECT rowid AS part_id FROM {self._fts} WHERE {self._fts} MATCH ? AND rowid BETWEEN ? AND ?
                ORDER BY rowid DESC LIMIT ?
            )
            SELECT json_array(
                (SELECT count(*) FROM found), (SELECT coalesce(min(part_id), 0) FROM found),
                json_group_array(p.part_id), json_group_array(p.row_id)
            )
            FROM found CROSS JOIN "{self._kind}_parts" AS p ON p.part_id = found.part_id WHERE {holds.text}
            """
        values = (" AND ".join(texts), since, last, limit, *holds.values)
        return _Piece(*read_json(self._db, Sql(read, values)))

    def _word(self, word: str) -> str:
        return f"{self._fields} : {match(TextTerm((word,)))}"
