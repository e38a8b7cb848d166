"""The parts in which a text is found, and the rows that they belong to.

A text that is found in few parts has all of them looked up, with the columns of the scope that stand beside each. To
look for a text and for a word of the scope together, the index goes through all that it has of both; that is the better
way for a text that is found nearly everywhere, of which only the newest parts are wanted, and for a scope that has few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from spikes.journal.port import RANKED, Condition, Query, RowSchema, TextTerm
from spikes.journal.sqlite_pages import read_json, read_list
from spikes.journal.sqlite_scope import COLUMN, FURTHER, scope_match
from spikes.journal.sqlite_where import Sql, condition, joined, match

FEW = 2 * RANKED
"""How many parts are looked up."""

GONE_THROUGH = 5 * RANKED
"""How many parts of its rarest word a text of several words is looked for in: the newest."""

PROBED = 4
"""How many words of a text are looked at to find a rare one."""


class FoundParts(NamedTuple):
    """The rows of some parts, whether there are more such parts, and the oldest part of those looked at."""

    rows: list[int]
    more: bool
    oldest: int


class Parts:
    """The parts of one kind, within the conditions of one query. `rest` are those that parts can't tell.

    `known` has the row of each part that was found so far.
    """

    def __init__(self, db: apsw.Connection, query: Query, schema: RowSchema) -> None:
        self._db = db
        self._kind = query.kind
        self._fts = f'"{query.kind}_fts"'
        inside, self.rest = scope_match(schema, query.where)
        self._scope: Sequence[Condition] = [each for each, _ in inside]
        self._words = [text for _, text in inside]
        self._fields = f"{{{' '.join(f't_{name}' for name in schema.text)}}}"
        few = (text for text in self._words if " OR " not in text and not self.more_than(FEW, text))
        self._narrow = [text for text in (next(few, None),) if text]
        self.known: dict[int, int] = {}

    def more_than(self, number: int, text: str, since: int = 0) -> bool:
        """Tell whether a text is found in more parts than this, of whatever scope."""
        found = f"SELECT rowid FROM {self._fts} WHERE {self._fts} MATCH ? AND rowid >= ? LIMIT ?"
        return int(self._db.execute(f"SELECT count(*) FROM ({found})", (text, since, number + 1)).get) > number

    def since(self, terms: Sequence[TextTerm], texts: Sequence[str]) -> int:
        """Return from which part on a text of several words is looked for: 0 for all, if one of the words is rare."""
        words = [self._word(word) for term in terms if len(term.words) > 1 for word in term.words]
        if self._narrow and not words:
            return 0
        asked = [*words, *(text for term, text in zip(terms, texts, strict=True) if len(term.words) == 1)]
        if len(asked) < 2:
            return 0
        last = f"SELECT rowid FROM {self._fts} WHERE {self._fts} MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
        found = []
        for text in sorted(asked, key=len, reverse=True)[:PROBED]:
            part_id = self._db.execute(last, (text, GONE_THROUGH)).get
            if part_id is None:
                return 0
            found.append(int(part_id) + 1)
        return min(found)

    def rows(self, text: str, most: int, since: int) -> set[int]:
        """Return the rows of those of the newest parts with a text that are known."""
        found = f"SELECT rowid FROM {self._fts} WHERE {self._fts} MATCH ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?"
        parts = read_list(self._db, Sql(f"SELECT json_group_array(rowid) FROM ({found})", (text, since, most)))
        return {self.known[part_id] for part_id in parts if part_id in self.known}

    def find(self, text: str, most: int, further: bool = False, since: int = 0) -> FoundParts:
        """Return the rows of the newest parts in which a text is found; with `further`, of others than the first."""
        asked = [text, *self._narrow, *([f"{COLUMN} : {FURTHER}"] * further)]
        holds = joined([Sql("TRUE"), *(condition(self._kind, each, "p") for each in self._scope)])
        found = self._looked_up(asked, since, FEW, holds)
        if found is None:
            found = self._looked_up([*asked, *self._words], since, most + 1, Sql("TRUE"), limit=most + 1)
        parts, rows = found or ([], [])
        self.known.update(zip(parts, rows, strict=True))
        return FoundParts(rows[:most], len(rows) > most, parts[:most][-1] if parts else 0)

    def _looked_up(
        self, texts: Sequence[str], since: int, few: int, holds: Sql, limit: int | None = None
    ) -> tuple[list[int], list[int]] | None:
        """Return the newest parts in which all texts are found and their rows, None if there are more than a few."""
        read = f"""
            WITH found AS MATERIALIZED (
                SELECT rowid AS part_id FROM {self._fts} WHERE {self._fts} MATCH ? AND rowid >= ?
                ORDER BY rowid DESC LIMIT ?
            )
            SELECT CASE WHEN (SELECT count(*) FROM found) <= ? THEN (
                SELECT json_array(json_group_array(p.part_id), json_group_array(p.row_id))
                FROM found CROSS JOIN "{self._kind}_parts" AS p ON p.part_id = found.part_id WHERE {holds.text}
            ) ELSE 'null' END
            """
        limit = limit or few + 1
        values = (" AND ".join(texts), since, limit, few, *holds.values)
        found: tuple[list[int], list[int]] | None = read_json(self._db, Sql(read, values))
        return found

    def _word(self, word: str) -> str:
        return f"{self._fields} : {match(TextTerm((word,)))}"
