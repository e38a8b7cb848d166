"""Three nodes that are one Cassandra, on 127.0.0.1 to 127.0.0.3, with the same ports on each.

Clients may have a proxy before each node: in a cluster that is `proxied` they are told 127.0.1.1 to 127.0.1.3 in the
nodes' place, with the same port, and there `proxies()` listens. The driver learns these addresses from Cassandra, so it
finds no way around, and nothing has to be injected into what is tested.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from cassandra import ConsistencyLevel, ReadTimeout, Unavailable
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from tests.cassandra.cql import connected
from tests.cassandra.node import CassandraNode, free_ports
from tests.cassandra.proxy import Proxy

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
SETTLE_TIMEOUT = 240.0
"""Seconds until every node must know all others; the ports answer a little before."""

OF_ALL = (
    "SELECT view_name FROM system_distributed.view_build_status WHERE keyspace_name = 'none' AND view_name = 'none'"
)
"""Asks a table of Cassandra's own that has three replicas."""


def proxy_host(host: str) -> str:
    """Return where the proxy of a node listens."""
    return host.replace("127.0.0.", "127.0.1.")


@contextmanager
def cluster(directory: Path, *, proxied: bool = False, **settings: Any) -> Iterator[list[CassandraNode]]:
    """Start three nodes that know each other; they and their data go in the end. `settings` are CassandraNode's."""
    ports = free_ports([*HOSTS, *map(proxy_host, HOSTS)])
    with ExitStack() as stack:
        nodes = []
        for host in HOSTS:
            told: dict[str, Any] = {"broadcast_rpc_address": proxy_host(host)} if proxied else {}
            node = CassandraNode(directory, host, ports=ports, discard=True, **told, **settings)
            stack.callback(node.close)
            nodes.append(node)
        _start(nodes)
        settle(nodes)
        yield nodes


def _start(nodes: Sequence[CassandraNode]) -> None:
    """Start the first, whom the others ask for the ring; then these at once."""
    first, *others = nodes
    first.start()
    with ThreadPoolExecutor() as pool:
        list(pool.map(CassandraNode.start, others))


def settle(alive: Sequence[CassandraNode]) -> None:
    """Wait until each of these nodes holds all of them to be up, and no other. TimeoutError if they don't agree.

    To be called after a node was started, and after one was killed: Cassandra notices that within some 10 seconds, and
    until then lets requests run into their time-outs.
    """
    end = time.monotonic() + SETTLE_TIMEOUT
    for node in alive:
        with connected(node.host, node.port) as session:
            while (seen := (_knows(session), _replicas(session))) != (len(HOSTS), len(alive)):
                if time.monotonic() > end:
                    raise TimeoutError(
                        f"{node.host} knows {seen[0]} nodes and finds {seen[1]} up, not {len(alive)}; see {node.log}"
                    )
                time.sleep(0.2)  # Cassandra gives no signal that can be waited for; the wait is bounded


def _knows(session: Session) -> int:
    """Return of how many nodes, with itself, a node would tell clients."""
    peers = session.execute("SELECT native_port, tokens FROM system.peers_v2")
    return 1 + sum(bool(peer.native_port and peer.tokens) for peer in peers)


def _replicas(session: Session) -> int:
    """Return how many of three replicas a node holds to be up; 0 if one of them does not answer."""
    try:
        session.execute(SimpleStatement(OF_ALL, consistency_level=ConsistencyLevel.ALL))
    except Unavailable as refused:
        return int(refused.alive_replicas)
    except ReadTimeout:
        return 0
    return len(HOSTS)


@asynccontextmanager
async def proxies(nodes: Sequence[CassandraNode]) -> AsyncIterator[list[Proxy]]:
    """Stand before each node of a cluster that is `proxied`."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Proxy(node.host, node.port, proxy_host(node.host), node.port))
            for node in nodes
        ]
