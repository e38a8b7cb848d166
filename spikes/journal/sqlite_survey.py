"""The survey of all events in SQL: by ranges of positions and of ids, so that it can end in time."""

from __future__ import annotations

import time

import apsw

from spikes.journal.port import EventSurvey, TypeFigures
from spikes.journal.surveying import Tally

POSITIONS = 20_000
"""How many events are counted in one statement: about 20 ms, and no lock is held longer."""

IDS = 5_000
"""How many streams are counted in one statement."""


def survey(db: apsw.Connection, seconds: float) -> EventSurvey:
    """See `Journal.survey`. Half of the time is for the types, what is left of it for the streams."""
    tally, now = Tally(), time.monotonic()
    types = _types(db, tally, now + seconds / 2)
    streams = _streams(db, tally, now + seconds)
    return tally.survey(types and streams)


def _types(db: apsw.Connection, tally: Tally, until: float) -> bool:
    position, last = 0, db.execute("SELECT max(position) FROM events").get or 0
    while position < last:
        if time.monotonic() >= until:
            return False
        rows = db.execute(
            """
            SELECT type, count(*), min(time), max(time) FROM events WHERE position > ? AND position <= ? GROUP BY type
            """,
            (position, position + POSITIONS),
        )
        for row in rows:
            tally.add(TypeFigures(*row))
        position += POSITIONS
    return True


def _streams(db: apsw.Connection, tally: Tally, until: float) -> bool:
    after = ""
    while True:
        if time.monotonic() >= until:
            return False
        rows: list[tuple[str, int]] = db.execute(
            """
            SELECT persistence_id, count(*) FROM events WHERE persistence_id > ?
            GROUP BY persistence_id ORDER BY persistence_id LIMIT ?
            """,
            (after, IDS),
        ).fetchall()  # type: ignore[assignment] # the columns are what the table says
        for persistence_id, events in rows:
            tally.add_stream(persistence_id, events)
        if len(rows) < IDS:
            return True
        after = rows[-1][0]
