"""Journals on the shared Cassandra: one keyspace for all tests of a process, emptied before each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Thread

from cassandra.cluster import Session as DriverSession

from spikes.journal.cassandra import CassandraJournal, open_over
from spikes.journal.cassandra_connected import connected
from spikes.journal.cassandra_cql import TABLES
from spikes.journal.cassandra_session import BorrowedSession, Session
from spikes.journal.cassandra_target import target_of
from spikes.journal.port import RowSchema

KEYSPACE = (
    "CREATE KEYSPACE {} WITH replication = {{'class': 'NetworkTopologyStrategy', '{}': 1}} AND durable_writes = false"
)
"""What is emptied so often need not survive a crash: emptying costs a fifth."""


def make(session: DriverSession, keyspace: str) -> None:
    """Create a keyspace for tests, without tables."""
    (host,) = session.cluster.metadata.all_hosts()
    session.execute(KEYSPACE.format(keyspace, host.datacenter))


def empty(session: DriverSession, keyspace: str) -> None:
    """Leave nothing in a keyspace but what says that it is one of ours."""
    there = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    tables = [f"{keyspace}.{row.table_name}" for row in there if row.table_name in TABLES]
    looks = [(table, session.execute_async(f"SELECT * FROM {table} LIMIT 1")) for table in tables]
    for emptied in [session.execute_async(f"TRUNCATE {table}") for table, look in looks if look.result().one()]:
        emptied.result()


class Connections:
    """The connections of a process to Cassandra, for all the journals that its tests open one after another.

    They live on a loop of their own, for each test has another.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, tuple[str, ...]], Session] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def open(self, url: str, schemas: Sequence[RowSchema]) -> CassandraJournal:
        """Open a journal; make its tables if they are not there."""
        target = target_of(url)
        key = url, tuple(sorted(name for schema in schemas for name in schema.ranges))
        if key not in self._kept:
            self._kept[key] = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(connected(target), self._loop))
        return await open_over(BorrowedSession(self._kept[key]), target, schemas, migrate=True)

    def close(self) -> None:
        """Close the connections; every journal is closed."""
        for session in self._kept.values():
            asyncio.run_coroutine_threadsafe(session.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
