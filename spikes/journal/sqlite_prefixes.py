"""Beginnings of words.

The full text index has an index of its own for those of three letters. For a longer one it gathers all places of all
words that begin so before it gives out the first, which costs the more the more common they are. So the words are
looked up here, one jump from each to the next, and if they are few, searched for by name.
"""

from __future__ import annotations

import apsw

from spikes.journal.port import TextTerm
from spikes.journal.sqlite_pages import read_list
from spikes.journal.sqlite_where import Sql, match
from spikes.journal.words import words

INDEXED = 3
"""The length of the beginnings that the full text index knows."""

MOST_WORDS = 128
"""How many words a beginning may stand for; of more, the full text index finds the places itself."""


def prepare(db: apsw.Connection, kind: str) -> None:
    """Make the words of the full text index readable on this connection; not within a transaction."""
    if not db.execute("SELECT count(*) FROM temp.sqlite_schema WHERE name = ?", (f"{kind}_words",)).get:
        db.execute(f'CREATE VIRTUAL TABLE temp."{kind}_words" USING fts5vocab(main, "{kind}_fts", instance)')


def expression(db: apsw.Connection, kind: str, term: TextTerm) -> str:
    """Return the term in the language of FTS5: a long beginning as the words that begin so."""
    found = words(" ".join(term.words))
    if not term.prefix or len(found) != 1 or len(found[0]) <= INDEXED:
        return match(term)
    beginning = _words(db, kind, found[0])
    if not beginning or len(beginning) > MOST_WORDS:
        return match(term)
    return f"({' OR '.join(match(TextTerm((word,))) for word in beginning)})"


def is_gathered(term: TextTerm, asked: str) -> bool:
    """Tell whether `asked`, of `expression`, leaves it to the full text index to gather the places of many words."""
    return term.prefix and asked == match(term) and len(term.words[-1]) > INDEXED


def _words(db: apsw.Connection, kind: str, beginning: str) -> list[str]:
    """Return the words that begin so, in order, up to one more than `MOST_WORDS`."""
    following = f'SELECT term FROM temp."{kind}_words" WHERE term >= {{}} AND term < ?2 LIMIT 1'
    text = f"""
        WITH RECURSIVE found (term, number) AS (
            SELECT ({following.format("?1")}), 1
            UNION ALL
            SELECT ({following.format("found.term || char(1)")}), number + 1
            FROM found WHERE term IS NOT NULL AND number <= ?3
        )
        SELECT json_group_array(term) FROM found WHERE term IS NOT NULL
        """
    return read_list(db, Sql(text, (beginning, beginning + "\U0010ffff", MOST_WORDS)))
