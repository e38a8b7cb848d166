"""How often each value of a term stands in the rows of a list: for tag clouds."""

from __future__ import annotations

from collections.abc import Mapping

import apsw

from spikes.journal.port import Query, RowSchema
from spikes.journal.sqlite_counts import kept_counts
from spikes.journal.sqlite_query import conditions

FEW = 5_000
"""Up to so many rows are read one by one; of more, the table of terms is read once from end to end."""


def term_counts(db: apsw.Connection, query: Query, schema: RowSchema, name: str) -> Mapping[str, int]:
    """Count the rows of a list by the values of a term, unless that is counted already."""
    kept = kept_counts(db, query, schema, name)
    return _counted(db, query, name) if kept is None else kept


def _counted(db: apsw.Connection, query: Query, name: str) -> Mapping[str, int]:
    where, values = conditions(query)
    few = f'SELECT count(*) FROM (SELECT 1 FROM "{query.kind}_rows" AS r WHERE {where} LIMIT {FEW + 1})'
    count = _by_row if db.execute(few, values).get <= FEW else _by_term
    found = db.execute(count(query.kind, where), (*values, name))
    return {str(value): int(rows) for value, rows in found}


def _by_row(kind: str, where: str) -> str:
    """The terms table can't be entered by row, so the terms are taken from the row itself."""
    return f"""
        SELECT json_extract(term.value, '$[1]'), count(*) FROM "{kind}_rows" AS r, json_each(r.terms) AS term
        WHERE {where} AND json_extract(term.value, '$[0]') = ? GROUP BY 1
        """


def _by_term(kind: str, where: str) -> str:
    return f"""
        SELECT t.value, count(*) FROM "{kind}_terms" AS t
        WHERE t.row_id IN (SELECT r.row_id FROM "{kind}_rows" AS r WHERE {where}) AND t.name = ? GROUP BY t.value
        """
