"""Journals on the shared Cassandra: one keyspace for all tests of a process, emptied before each."""

from __future__ import annotations

from collections.abc import Iterable

from cassandra.cluster import Session

from spikes.journal.cassandra_cql import TABLES
from tests.cassandra.shared import Contact


def url_of(contact: Contact, keyspace: str, **options: object) -> str:
    """Return the URL of a journal in a keyspace; it keeps each row once."""
    given = {"replication": 1, **options}
    return f"cassandra://{contact.host}:{contact.port}/{keyspace}?{'&'.join(f'{k}={v}' for k, v in given.items())}"


def empty(session: Session, keyspace: str, tables: Iterable[str] = TABLES) -> None:
    """Leave nothing in a keyspace but what says that it is one of ours."""
    if keyspace not in session.cluster.metadata.keyspaces:
        return
    for table in tables:
        if session.execute(f"SELECT * FROM {keyspace}.{table} LIMIT 1").one() is not None:
            session.execute(f"TRUNCATE {keyspace}.{table}")
