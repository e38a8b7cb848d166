"""What `verify` finds: each sort of damage, made by hand."""

from __future__ import annotations

import apsw
import pytest

from spikes.journal.sqlite import open_sqlite
from tests.journal.samples import SCHEMAS, SLUG, append, listing


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("DELETE FROM events WHERE sequence_nr = 2", "note|1: 2 events, numbered 1 to 3"),
        ("DELETE FROM events WHERE sequence_nr = 1", "note|1: 2 events, numbered 2 to 3"),
        ("DELETE FROM events WHERE sequence_nr = 3", "note|1: the snapshot shows event 3, which is not there"),
        ("UPDATE note_rows SET sequence_nr = 9", "note|1: the row shows event 9, which is not there"),
        ("UPDATE claims SET persistence_id = 'note|9'", "note|9: holds the claim"),
        ("DELETE FROM note_terms", 'note|1: lists do not find it by ["tag","x"]'),
        ("UPDATE note_terms SET value = 'y'", 'note|1: lists find it by ["tag","y"]'),
        ("INSERT INTO note_terms VALUES ('tag', 'x', 99)", "note: a term belongs to no listed row"),
        ("UPDATE note_counts SET count = 7 WHERE name = 'tag'", 'counted wrong by ["tag","status"'),
        ("DELETE FROM note_counts", 'counted wrong by ["","","[]",""]'),
        (
            "INSERT INTO note_counts VALUES ('tag', 'status', '[9]', 'x', 1)",
            'counted wrong by ["tag","status","[9]","x"]',
        ),
        ("UPDATE note_parts SET row_id = 99", "note: a search part belongs to no listed row"),
        ("UPDATE note_parts SET c_status = 'Done'", "note|1: searches look for it where it is not"),
        ("DELETE FROM note_fts WHERE rowid = 1", "note: the full text has 0 parts, not 1"),
        ("DELETE FROM note_fts_data WHERE id > 10", "note_fts"),
        ("CREATE TABLE lost (x); DELETE FROM sqlite_schema WHERE name = 'lost'", "never used"),
    ],
)
async def test_finds_damage(path: str, damage: str, finding: str) -> None:
    await history(path)
    edit(path, damage)
    journal = await open_sqlite(path, SCHEMAS)
    found = await journal.verify()
    await journal.close()
    assert any(finding in each for each in found), found


async def history(path: str) -> None:
    journal = await open_sqlite(path, SCHEMAS)
    for after in range(3):
        index = listing({"": ("Nuts", "")}, created=1, terms=(("tag", "x"),))
        await journal.append(append(after=after, index=index, take=(SLUG,)))
    assert await journal.verify() == ()
    await journal.close()


def edit(path: str, statement: str) -> None:
    db = apsw.Connection(path)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    db.pragma("writable_schema", True)
    db.execute(statement)
    db.close()
