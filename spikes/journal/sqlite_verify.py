"""Looking for damage: the file, the streams, and rows that disagree with them."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from spikes.journal.sqlite_counts import kept_lists, recounted
from spikes.journal.sqlite_schema import kinds, names

_SHOWN = 20  # findings of one sort; a damaged file could have millions

_GAPS = """
    SELECT persistence_id || ': ' || count(*) || ' events, numbered ' || min(sequence_nr) || ' to ' || max(sequence_nr)
    FROM events GROUP BY persistence_id HAVING min(sequence_nr) <> 1 OR max(sequence_nr) <> count(*)
    """
_AHEAD = """
    SELECT s.persistence_id || ': the {what} shows event ' || s.sequence_nr || ', which is not there'
    FROM "{table}" AS s
    WHERE s.sequence_nr > coalesce(
        (SELECT max(e.sequence_nr) FROM events AS e WHERE e.persistence_id = s.persistence_id), 0)
    """
_CLAIMS = """
    SELECT c.persistence_id || ': holds the claim ' || hex(c.digest) || ', but has no events'
    FROM claims AS c WHERE NOT EXISTS (SELECT 1 FROM events AS e WHERE e.persistence_id = c.persistence_id)
    """
_TERMS = """
    SELECT r.persistence_id || ': lists do not find it by ' || j.value
    FROM "{kind}_rows" AS r, json_each(r.terms) AS j WHERE NOT EXISTS (
        SELECT 1 FROM "{kind}_terms" AS t
        WHERE t.name = j.value ->> 0 AND t.value = j.value ->> 1 AND t.row_id = r.row_id)
    UNION ALL
    SELECT r.persistence_id || ': lists find it by ' || json_array(t.name, t.value)
    FROM "{kind}_terms" AS t JOIN "{kind}_rows" AS r USING (row_id) WHERE NOT EXISTS (
        SELECT 1 FROM json_each(r.terms) AS j WHERE t.name = j.value ->> 0 AND t.value = j.value ->> 1)
    """
_ORPHANS = """
    SELECT '{kind}: a search part belongs to no listed row' FROM "{kind}_parts" AS p
    WHERE NOT EXISTS (SELECT 1 FROM "{kind}_rows" AS r WHERE r.row_id = p.row_id AND r.listed = 1)
    UNION ALL
    SELECT '{kind}: a term belongs to no listed row' FROM "{kind}_terms" AS t
    WHERE NOT EXISTS (SELECT 1 FROM "{kind}_rows" AS r WHERE r.row_id = t.row_id AND r.listed = 1)
    """
_SCOPE = """
    SELECT r.persistence_id || ': searches look for it where it is not' FROM "{kind}_parts" AS p
    JOIN "{kind}_rows" AS r USING (row_id) WHERE p.{column} IS NOT r.{column}
    """
_TEXT = """
    SELECT '{kind}: the full text has ' || (SELECT count(*) FROM "{kind}_fts_docsize") || ' parts, not '
        || (SELECT count(*) FROM "{kind}_parts")
    WHERE EXISTS (SELECT id FROM "{kind}_fts_docsize" EXCEPT SELECT part_id FROM "{kind}_parts")
        OR EXISTS (SELECT part_id FROM "{kind}_parts" EXCEPT SELECT id FROM "{kind}_fts_docsize")
    """


_COUNTS = """
    SELECT '{kind}: the rows are counted wrong by ' || json_array(name, columns, key, value)
    FROM (SELECT * FROM ({recounted}) EXCEPT SELECT * FROM "{kind}_counts")
    UNION ALL
    SELECT '{kind}: the rows are counted wrong by ' || json_array(name, columns, key, value)
    FROM (
        SELECT * FROM "{kind}_counts" WHERE (name, columns) = ('{name}', '{columns}')
        EXCEPT SELECT * FROM ({recounted}))
    """


def verify(db: apsw.Connection) -> tuple[str, ...]:
    """Return what is wrong, in words; nothing if all is well. Reads everything, so it takes its time."""
    return tuple(_findings(db))


def _findings(db: apsw.Connection) -> Iterator[str]:
    found = [str(text) for (text,) in db.execute(f"PRAGMA integrity_check({_SHOWN})")]
    yield from (text for text in found if text != "ok")
    yield from _first(db, _GAPS)
    yield from _first(db, _AHEAD.format(what="snapshot", table="snapshots"))
    yield from _first(db, _CLAIMS)
    for kind in kinds(db):
        yield from _first(db, _AHEAD.format(what="row", table=f"{kind}_rows"))
        yield from _first(db, _TERMS.format(kind=kind))
        for name, columns in kept_lists(db, kind):
            of = {"kind": kind, "name": name, "columns": ",".join(columns), "recounted": recounted(kind, name, columns)}
            yield from _first(db, _COUNTS.format(**of))
        yield from _first(db, _ORPHANS.format(kind=kind))
        if db.table_exists("main", f"{kind}_fts"):
            yield from _first(db, _TEXT.format(kind=kind))
        for column in (name for name in names(db, f"{kind}_parts") if name.startswith("c_")):
            yield from _first(db, _SCOPE.format(kind=kind, column=column))


def _first(db: apsw.Connection, statement: str) -> list[str]:
    return [str(text) for (text,) in db.execute(f"{statement} LIMIT {_SHOWN}")]
