"""The proxy passes everything on, and does to what a rule catches what the rule says; nothing goes around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cassandra import DriverException, OperationTimedOut
from cassandra.cluster import NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.query import BatchStatement

from tests.cassandra.cql import REQUEST_TIMEOUT, connected
from tests.cassandra.node import CassandraNode
from tests.cassandra.proxy import Proxy
from tests.cassandra.rules import Action, Request
from tests.cassandra.shared import Contact
from tests.cassandra.wire import COMPRESSED

SOON = 0.5
"""Seconds after which the driver gives up an answer that never comes."""

ADD = "INSERT INTO kept (id, text) VALUES (1, 'one')"
ADD_IF_NEW = "INSERT INTO kept (id, text) VALUES (?, ?) IF NOT EXISTS"


def is_insert(request: Request) -> bool:
    return request.opcode != "PREPARE" and request.text.startswith("INSERT")


def is_batch(request: Request) -> bool:
    return request.opcode == "BATCH"


@pytest.fixture
def table(cassandra_session: Session, keyspace: str) -> str:
    """The name of an empty table."""
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    cassandra_session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    cassandra_session.execute(f"CREATE TABLE {keyspace}.kept (id int PRIMARY KEY, text text)")
    return f"{keyspace}.kept"


@pytest.fixture
async def proxy(cassandra: Contact) -> AsyncIterator[Proxy]:
    async with Proxy(cassandra.host, cassandra.port) as proxy:
        yield proxy


class Client:
    """The driver's session through the proxy, off the loop that the proxy lives on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.cluster = session.cluster

    async def execute(self, statement: Any, *rest: Any, **options: Any) -> Any:
        return await asyncio.to_thread(self._session.execute, statement, *rest, **options)

    async def prepare(self, text: str) -> Any:
        return await asyncio.to_thread(self._session.prepare, text)

    async def close(self) -> None:
        await asyncio.to_thread(self.cluster.shutdown)


@asynccontextmanager
async def through(proxy: Proxy, **options: Any) -> AsyncIterator[Client]:
    connection = connected(proxy.host, proxy.port, **options)
    session = await asyncio.to_thread(connection.__enter__)
    yield Client(session)
    await asyncio.to_thread(connection.__exit__, None, None, None)


@pytest.fixture(params=[4, 5], ids=["protocol 4", "protocol 5"])
async def client(request: pytest.FixtureRequest, proxy: Proxy, table: str) -> AsyncIterator[Client]:
    async with through(proxy, protocol_version=request.param) as client:
        await client.execute(f"USE {table.partition('.')[0]}")
        yield client


@pytest.fixture
def kept(cassandra_session: Session, table: str) -> Any:
    """What is in the table, read past the proxy."""
    return lambda: sorted(row.id for row in cassandra_session.execute(f"SELECT id FROM {table}"))


async def test_big_rows_pass_unchanged(client: Client) -> None:
    text = "0123456789" * 100_000
    await client.execute("INSERT INTO kept (id, text) VALUES (1, %s)", (text,))
    assert (await client.execute("SELECT text FROM kept WHERE id = 1")).one().text == text


async def test_dropped_request_is_never_done(client: Client, proxy: Proxy, kept: Any) -> None:
    rule = proxy.on(is_insert, Action.DROP_REQUEST)
    with pytest.raises(OperationTimedOut):
        await client.execute(ADD, timeout=SOON)
    await rule.met()
    assert [request.text for request in rule.caught] == [ADD]
    assert kept() == []


async def test_request_with_a_dropped_answer_is_done(client: Client, proxy: Proxy, kept: Any) -> None:
    rule = proxy.on(is_insert, Action.DROP_ANSWER)
    with pytest.raises(OperationTimedOut):
        await client.execute(ADD, timeout=SOON)
    await rule.answered()
    assert kept() == [1]


async def test_held_request_arrives_after_its_client_has_gone(client: Client, proxy: Proxy, kept: Any) -> None:
    rule = proxy.on(is_insert, Action.HOLD_REQUEST)
    with pytest.raises(OperationTimedOut):
        await client.execute(ADD, timeout=SOON)
    await rule.met()
    await client.close()
    assert kept() == []
    rule.release()
    await rule.answered()
    assert kept() == [1]


async def test_held_answer_comes_when_it_is_released(client: Client, proxy: Proxy) -> None:
    rule = proxy.on(is_insert, Action.HOLD_ANSWER)
    asked = asyncio.create_task(client.execute(ADD))
    await rule.answered()
    assert not asked.done()
    rule.release()
    await asked


@pytest.mark.parametrize(("action", "done"), [(Action.CUT_BEFORE, []), (Action.CUT_AFTER, [1])])
async def test_connection_is_cut(client: Client, proxy: Proxy, kept: Any, action: Action, done: list[int]) -> None:
    rule = proxy.on(is_insert, action)
    with pytest.raises((ConnectionException, DriverException, NoHostAvailable)):
        await client.execute(ADD)
    await rule.met()
    assert kept() == done


async def test_third_batch_alone_is_caught(client: Client, proxy: Proxy, kept: Any) -> None:
    proxy.on(is_batch, Action.DROP_REQUEST, skip=2)
    for number in range(1, 5):
        batch = BatchStatement().add("INSERT INTO kept (id) VALUES (%s)", (number,))
        try:
            await client.execute(batch, timeout=SOON if number == 3 else REQUEST_TIMEOUT)
        except OperationTimedOut:
            assert number == 3
    assert kept() == [1, 2, 4]


async def test_conditional_batch_of_prepared_statements_is_told(client: Client, proxy: Proxy) -> None:
    add = await client.prepare(ADD_IF_NEW)
    rule = proxy.on(lambda request: request.is_conditional, Action.PASS, times=None)
    await client.execute(BatchStatement().add(add, (1, "one")))
    await client.execute(add, (2, "two"))
    await client.execute(ADD)
    assert rule.caught == [Request("BATCH", (ADD_IF_NEW,)), Request("EXECUTE", (ADD_IF_NEW,))]


async def test_cut_ends_connections_and_takes_new_ones(client: Client, proxy: Proxy) -> None:
    proxy.cut()
    with pytest.raises((ConnectionException, NoHostAvailable)):
        await client.execute(ADD)
    async with through(proxy) as another:
        assert (await another.execute("SELECT key FROM system.local")).one().key == "local"


async def test_unreadable_bytes_fail_the_test(cassandra: Contact) -> None:
    proxy = Proxy(cassandra.host, cassandra.port)
    async with proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        writer.write(bytes([4, COMPRESSED, 0, 0, 5, 0, 0, 0, 0]))
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ValueError, match="without compression"):
            proxy.check()


async def test_driver_never_goes_around_the_proxy(own_cassandra: CassandraNode) -> None:
    async with Proxy(own_cassandra.host, own_cassandra.port) as proxy, through(proxy) as client:
        await asyncio.to_thread(client.cluster.refresh_nodes)
        ports = {row.port for row in await client.execute("SELECT port FROM system_views.clients")}
    assert len(ports) >= 2
    assert ports <= proxy.local_ports
