"""Connecting the driver: who is asked, how consistently, and what it may do when no answer comes (rules K3, K12)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from cassandra import ConsistencyLevel, ProtocolVersion
from cassandra.cluster import Cluster, ExecutionProfile
from cassandra.cluster import Session as DriverSession
from cassandra.connection import Connection as DriverConnection
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import tuple_factory

from spikes.journal.cassandra_cql import Way

RECONNECT = 1.0
"""Seconds between two attempts to reach a host that went away."""

CONNECT = 10.0
"""Seconds that connecting to a host, and reading its schema, may take."""

HEARTBEAT = 5
"""Seconds after which an idle connection is tried, and within which it has to answer: one that was cut says nothing."""

PROTOCOL = ProtocolVersion.V4
"""Version 5 frames each message once more, with checksums that the driver computes in Python: 10 % of its time."""

logging.getLogger("cassandra").setLevel(logging.ERROR)  # a host that goes away is told of by the journal, once


class Consistency(NamedTuple):
    """How many replicas have to agree (rule K12): on plain statements, and on conditional ones."""

    plain: int
    serial: int


CONSISTENCY = {
    "global": Consistency(ConsistencyLevel.QUORUM, ConsistencyLevel.SERIAL),
    "local": Consistency(ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_SERIAL),
}


class ReadAgain(RetryPolicy):  # type: ignore[misc] # the driver has no types
    """Ask for a read again as often as the settings say, on the next host; everything else has its own rules (K3)."""

    def __init__(self, times: int) -> None:
        self._times = times

    def on_read_timeout(self, query: Any, consistency: Any, *_: Any, retry_num: int = 0, **__: Any) -> Any:
        """Try again after a time-out on the replicas."""
        return self._again(consistency, retry_num)

    def on_unavailable(self, query: Any, consistency: Any, *_: Any, retry_num: int = 0, **__: Any) -> Any:
        """Try again where replicas seemed to be missing."""
        return self._again(consistency, retry_num)

    def on_request_error(self, query: Any, consistency: Any, error: Any, retry_num: int) -> Any:
        """Try again after a lost connection or an overloaded host."""
        return self._again(consistency, retry_num)

    def on_write_timeout(self, query: Any, consistency: Any, *_: Any, retry_num: int = 0, **__: Any) -> Any:
        """Send a write with its own timestamp again: it can be there only once."""
        return self._again(consistency, retry_num)

    def _again(self, consistency: Any, retry_num: int) -> Any:
        if retry_num >= self._times:
            return self.RETHROW, None
        return self.RETRY_NEXT_HOST, consistency


class Connection(NamedTuple):
    """What the driver needs to be told. `options` are those of `Cluster`: credentials, TLS, a bundle."""

    options: Mapping[str, Any]
    datacenter: str | None
    scope: str
    read_retries: int
    request_timeout: float
    most_in_flight: int


def connect(connection: Connection, connections: type[DriverConnection]) -> tuple[Cluster, DriverSession]:
    """Connect, on a thread that is not of the connections' loop. Raises what the driver raises."""
    consistency = CONSISTENCY[connection.scope]

    def profile(policy: RetryPolicy, level: int) -> ExecutionProfile:
        return ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(
                DCAwareRoundRobinPolicy(connection.datacenter or ""), shuffle_replicas=False
            ),
            retry_policy=policy,
            consistency_level=level,
            serial_consistency_level=consistency.serial,
            request_timeout=connection.request_timeout,
            row_factory=tuple_factory,
        )

    again = ReadAgain(connection.read_retries)
    cluster = Cluster(
        execution_profiles={
            Way.READ: profile(again, consistency.plain),
            Way.SERIAL: profile(again, consistency.serial),
            Way.WRITE: profile(again, consistency.plain),
            Way.LWT: profile(FallthroughRetryPolicy(), consistency.plain),
        },
        protocol_version=PROTOCOL,
        connection_class=connections,
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        connect_timeout=CONNECT,
        control_connection_timeout=CONNECT,
        idle_heartbeat_interval=HEARTBEAT,
        idle_heartbeat_timeout=HEARTBEAT,
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT, max_attempts=None),
        **connection.options,
    )
    try:
        return cluster, cluster.connect()
    except BaseException:
        cluster.shutdown()
        raise
