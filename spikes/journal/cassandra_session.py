"""The driver's session on the event loop: statements in, rows out, and every failure by its meaning (rule K3).

The connections live on the same loop (`cassandra_reactor`), so answers come there. What the driver says on threads of
its own (a host that is gone, say) is put into a queue, and the loop is woken once for all that came meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog
from cassandra import InvalidRequest
from cassandra.cluster import (
    Cluster,
    NoHostAvailable,
    ResponseFuture,
)
from cassandra.cluster import Session as DriverSession
from cassandra.connection import Connection as DriverConnection
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

from spikes.journal.cassandra_cql import Cql, Way
from spikes.journal.cassandra_driver import Connection, connect
from spikes.journal.cassandra_reactor import on_loop
from spikes.journal.errors import JournalError, JournalUnavailable, JournalUnusable, OutcomeUnknown

Value = Any
"""What can be bound to a statement."""

log = structlog.get_logger(__name__)


class Rows(NamedTuple):
    """What a statement answered: the names of its columns, and its rows in order."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    next: bytes | None = None
    """Where a scan goes on, None at its end."""

    @property
    def applied(self) -> bool:
        """Tell whether a conditional statement was carried out."""
        return bool(self.rows[0][0])

    def found(self, column: str) -> Any:
        """Return what a refused conditional statement found in a column of its first row; None for no row."""
        return self.rows[0][self.columns.index(column)] if column in self.columns else None


class Session:
    """Runs prepared statements. Made by `Session.start` inside a running loop, on which it then lives."""

    def __init__(self, cluster: Cluster, session: DriverSession, connection: Connection) -> None:
        self.in_flight = 0
        self.sent: dict[str, int] = {}
        self.most_in_flight = connection.most_in_flight
        self._connection = connection
        self._cluster = cluster
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._prepared: dict[str, tuple[PreparedStatement, Way]] = {}
        self._answers: deque[tuple[asyncio.Future[Rows], Rows | None, BaseException | None]] = deque()
        self._woken = False
        self._closed = False
        session.use_client_timestamp = False  # conditional writes are ordered by their ballots alone (rule K3)
        session.default_fetch_size = None

    @classmethod
    async def start(cls, connection: Connection, reactor: type[DriverConnection] | None = None) -> Session:
        """Connect, by a reactor of the driver's own if one is given. Raises what the driver raises."""
        connections = reactor or on_loop(asyncio.get_running_loop())
        cluster, session = await asyncio.to_thread(connect, connection, connections)
        return cls(cluster, session, connection)

    def use(self, keyspace: str) -> None:
        """Let all statements be of this keyspace; blocks."""
        self._session.set_keyspace(keyspace)

    @property
    def metadata(self) -> Any:
        """What the driver knows of hosts and tables."""
        return self._cluster.metadata

    @property
    def pools(self) -> Mapping[Any, Mapping[str, Any]]:
        """What the driver knows of its connections to each host: `open_count`, and `in_flights` for each of them."""
        return self._session.get_pool_state()  # type: ignore[no-any-return]

    def tables(self, keyspace: str) -> dict[str, Any]:
        """Return the tables of a keyspace as they are now; blocks. Others may have made them a moment ago."""
        self._cluster.refresh_keyspace_metadata(keyspace)
        return dict(self.metadata.keyspaces[keyspace].tables)

    async def define(self, statement: str) -> None:
        """Run one statement that changes the schema, and wait until all hosts agree. Raises JournalUnusable."""
        try:
            await asyncio.to_thread(self._session.execute, statement, timeout=60)
        except Exception as error:
            raise JournalUnusable(f"the schema can't be changed: {_told(error)}") from error

    async def prepare(self, statements: Mapping[str, Cql]) -> None:
        """Prepare statements under their names, all at once."""
        await asyncio.gather(*(self._prepare(name, cql) for name, cql in statements.items()))

    async def _prepare(self, name: str, cql: Cql) -> tuple[PreparedStatement, Way]:
        if name not in self._prepared:
            try:
                prepared = await asyncio.to_thread(self._session.prepare, cql.text)
            except Exception as error:
                raise _unavailable(error) from error
            prepared.is_idempotent = cql.way is not Way.LWT
            self._prepared[name] = prepared, cql.way
        return self._prepared[name]

    def admit(self) -> None:
        """Refuse new work while too much is under way. Raises JournalUnavailable."""
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        if self.in_flight >= self.most_in_flight:
            raise JournalUnavailable(f"{self.in_flight:,} requests to Cassandra are in flight; come again soon")

    async def run(self, name: str, *values: Value) -> Rows:
        """Run a prepared statement. Raises JournalUnavailable, and OutcomeUnknown if it was conditional."""
        prepared, way = self._prepared[name]
        return await self._send(name, prepared.bind(values), way)

    async def scan(self, name: str, *values: Value, page: int) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
        """Yield all rows of a statement that has no limit, page by page."""
        prepared, way = self._prepared[name]
        statement = prepared.bind(values)
        statement.fetch_size = page
        start: bytes | None = None
        while True:
            answer = await self._send(name, statement, way, start)
            yield answer.rows
            start = answer.next
            if start is None:
                return

    async def ask(self, cql: Cql, *values: Value) -> Rows:
        """Run a statement that was not prepared yet: it is, once."""
        prepared, way = await self._prepare(cql.text, cql)
        return await self._send("ask", prepared.bind(values), way)

    def bound(self, name: str, *values: Value) -> BoundStatement:
        """Return a statement for a batch."""
        return self._prepared[name][0].bind(values)

    async def run_batch(self, name: str, statements: Sequence[BoundStatement]) -> Rows:
        """Run conditional statements of one partition as one, all or nothing (rule K1); see `run`."""
        return await self._send(name, _batch(BatchType.LOGGED, statements), Way.LWT)

    async def run_together(self, name: str, statements: Sequence[BoundStatement]) -> None:
        """Run writes that may be run twice in one request. Some may be done where it raises."""
        batch = _batch(BatchType.UNLOGGED, statements)
        batch.is_idempotent = True
        await self._send(name, batch, Way.WRITE)

    async def _send(self, name: str, statement: Any, way: Way, start: bytes | None = None) -> Rows:
        if self._closed:
            raise JournalUnavailable("the connection to Cassandra is closed")
        future: asyncio.Future[Rows] = self._loop.create_future()
        self.in_flight += 1
        self.sent[name] = self.sent.get(name, 0) + 1
        response: ResponseFuture | None = None
        try:
            response = self._session.execute_async(statement, execution_profile=way, paging_state=start)
            response.add_callbacks(partial(self._answered, future, response), partial(self._failed, future))
            return await future
        except Exception as error:  # the driver's errors have no common root
            raise _meaning(error, way, response) from error
        finally:
            self.in_flight -= 1
            if response is not None:
                response.clear_callbacks()  # they hold the response that holds them, with its rows

    # ----------------------------------------------------------------------------------------- on whatever thread it is

    def _answered(self, future: asyncio.Future[Rows], response: ResponseFuture, rows: Any) -> None:
        self._put(future, Rows(response._col_names or (), rows or (), response._paging_state), None)

    def _failed(self, future: asyncio.Future[Rows], error: BaseException) -> None:
        self._put(future, None, error)

    def _put(self, future: asyncio.Future[Rows], rows: Rows | None, error: BaseException | None) -> None:
        self._answers.append((future, rows, error))
        if threading.get_ident() == self._thread:
            self._settle()
        elif not self._woken and not self._loop.is_closed():  # what times out later, nobody waits for any more
            self._woken = True
            self._loop.call_soon_threadsafe(self._settle)

    # --------------------------------------------------------------------------------------------------- on the loop

    def _settle(self) -> None:
        self._woken = False  # before the queue is emptied: what comes from now on wakes again
        while self._answers:
            future, rows, error = self._answers.popleft()
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                assert rows is not None
                future.set_result(rows)

    async def close(self) -> None:
        """Let go of the connections."""
        self._closed = True
        await asyncio.to_thread(self._cluster.shutdown)


class BorrowedSession(Session):
    """A session over the connections of another, maybe on another loop; they outlive it.

    For tests, which open a journal each: to connect and to prepare takes longer than most of them.
    """

    def __init__(self, owner: Session) -> None:
        super().__init__(owner._cluster, owner._session, owner._connection)
        self._prepared = owner._prepared

    async def close(self) -> None:
        """Send no more."""
        self._closed = True


def _batch(kind: BatchType, statements: Sequence[BoundStatement]) -> BatchStatement:
    batch = BatchStatement(kind)
    for statement in statements:
        batch.add(statement)
    return batch


def _meaning(error: Exception, way: Way, response: ResponseFuture | None) -> JournalError:
    """Return what a failure means. A conditional statement that was sent may be carried out still (rule K3)."""
    if isinstance(error, InvalidRequest):  # whoever asks again is refused again: the tables are not what they should be
        log.error("statement_refused_by_cassandra", problem=_told(error))
    sent = response is not None and bool(response.attempted_hosts)
    if way is Way.LWT and sent:
        return OutcomeUnknown(f"Cassandra did not say whether it was done: {_told(error)}")
    return _unavailable(error)


def _unavailable(error: Exception) -> JournalUnavailable:
    return JournalUnavailable(f"Cassandra can't be used now: {_told(error)}")


def _told(error: Exception) -> str:
    if isinstance(error, NoHostAvailable):
        errors = error.errors.values() if isinstance(error.errors, Mapping) else ()
        return "; ".join(dict.fromkeys(str(each) for each in errors)) or "no host can be reached"
    return f"{type(error).__name__}: {error}"
