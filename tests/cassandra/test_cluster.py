"""Three nodes are one Cassandra: they serve together, go on when one dies, and clients find no way around proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import SimpleStatement

from tests.cassandra.cluster import proxies, settle
from tests.cassandra.cql import PATIENT, connected
from tests.cassandra.node import CassandraNode
from tests.cassandra.plugin import StartCluster

pytestmark = pytest.mark.torture

THREE_COPIES = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}"


@pytest.fixture(scope="module")
def nodes(start_cluster: StartCluster) -> list[CassandraNode]:
    """A cluster whose nodes have proxies before them; a test that ends one starts it again."""
    return start_cluster(proxied=True, heap="512m", commitlog_sync="group", batch_size_fail_threshold="1KiB")


def add(session: Session, number: int, level: int) -> None:
    session.execute(SimpleStatement("INSERT INTO kept (id) VALUES (%s)", consistency_level=level), (number,))


def stored(node: CassandraNode, keyspace: str) -> list[int]:
    with connected(node.host, node.port) as session:
        rows = session.execute(
            SimpleStatement(f"SELECT id FROM {keyspace}.kept", consistency_level=ConsistencyLevel.TWO)
        )
        return sorted(row.id for row in rows)


def test_cluster_goes_on_without_a_killed_node(nodes: list[CassandraNode], new_keyspace: str) -> None:
    one, two, three = nodes
    with connected(one.host, one.port) as session:
        session.execute(f"CREATE KEYSPACE {new_keyspace} WITH replication = {THREE_COPIES}")
        session.set_keyspace(new_keyspace)
        session.execute("CREATE TABLE kept (id int PRIMARY KEY)")
        add(session, 1, ConsistencyLevel.ALL)
        three.kill()
        settle([one, two])
        for number in range(2, 12):
            add(session, number, ConsistencyLevel.QUORUM)
    assert stored(two, new_keyspace) == list(range(1, 12))
    three.start()
    settle(nodes)
    assert stored(three, new_keyspace) == list(range(1, 12))


def test_nodes_take_settings_of_ones_own(nodes: list[CassandraNode]) -> None:
    with connected(nodes[2].host, nodes[2].port) as session:
        told = session.execute("SELECT name, value FROM system_views.settings")
        values = {row.name: row.value for row in told}
    assert values["commitlog_sync"] == "group"
    assert values["batch_size_fail_threshold"] == "1KiB"


async def ask_all(addresses: Sequence[str], port: int) -> set[str]:
    """Return the hosts that a client uses who is given one address."""
    profile = ExecutionProfile(RoundRobinPolicy())
    cluster = Cluster(addresses, port, execution_profiles={EXEC_PROFILE_DEFAULT: profile}, **PATIENT)
    session = await asyncio.to_thread(cluster.connect, wait_for_all_pools=True)
    asked = [session.execute_async("SELECT key FROM system.local") for _ in range(9)]
    await asyncio.gather(*(asyncio.to_thread(future.result) for future in asked))
    hosts = {future.coordinator_host.endpoint.address for future in asked}
    await asyncio.to_thread(cluster.shutdown)
    return hosts


async def test_driver_reaches_all_nodes_by_their_proxies(nodes: list[CassandraNode]) -> None:
    async with proxies(nodes) as before:
        used = await ask_all([before[0].host], before[0].port)
        assert all(proxy.local_ports for proxy in before)
    assert used == {"127.0.1.1", "127.0.1.2", "127.0.1.3"}
