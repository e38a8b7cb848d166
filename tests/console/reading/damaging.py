"""Which journals a test runs on, and damage to what they store, which no journal would do by itself."""

from __future__ import annotations

import pytest

from spikes.journal.cassandra import CassandraJournal
from spikes.journal.cassandra_cql import Cql, Way
from spikes.journal.port import Journal
from spikes.journal.sqlite import SqliteJournal

GAPS = pytest.mark.parametrize(
    "journal_url", ["sqlite", pytest.param("cassandra", marks=pytest.mark.cassandra)], indirect=True
)
"""The journals whose streams can have gaps."""

EVERYWHERE = pytest.mark.parametrize(
    "journal_url", ["memory", "sqlite", pytest.param("cassandra", marks=pytest.mark.cassandra)], indirect=True
)
"""All journals."""


async def lose(journal: Journal, persistence_id: str, number: int) -> None:
    """Lose an event. A journal in memory can't: its streams are lists."""
    match journal:
        case SqliteJournal():
            delete = "DELETE FROM events WHERE persistence_id = ? AND sequence_nr = ?"
            await journal._write(lambda db: db.execute(delete, (persistence_id, number)).fetchall())
        case CassandraJournal():
            delete = "DELETE FROM events WHERE persistence_id = ? AND bucket = 0 AND sequence_nr = ?"
            await journal.session.ask(Cql(f"{delete} IF EXISTS", Way.LWT), persistence_id, number)
        case _:
            raise TypeError(f"{type(journal).__name__} can't lose events")
