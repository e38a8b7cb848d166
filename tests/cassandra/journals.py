"""Journals on the shared Cassandra: one keyspace for all tests of a process, emptied before each."""

from __future__ import annotations

from collections.abc import Iterable

from cassandra.cluster import Session

from spikes.journal.cassandra_cql import TABLES


def empty(session: Session, keyspace: str, tables: Iterable[str] = TABLES) -> None:
    """Leave nothing in a keyspace but what says that it is one of ours."""
    if keyspace not in session.cluster.metadata.keyspaces:
        return
    for table in tables:
        if session.execute(f"SELECT * FROM {keyspace}.{table} LIMIT 1").one() is not None:
            session.execute(f"TRUNCATE {keyspace}.{table}")
