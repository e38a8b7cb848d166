"""Plain statements to a Cassandra in tests, by the driver alone, with nothing of ours between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import FallthroughRetryPolicy, WhiteListRoundRobinPolicy

REQUEST_TIMEOUT = 30.0
"""Seconds that a statement may take, a change of schema too."""

PATIENT = {"connect_timeout": REQUEST_TIMEOUT, "control_connection_timeout": REQUEST_TIMEOUT}
"""For `Cluster`: its own 2 seconds to read the schema are too few where the machine has much else to do."""


@contextmanager
def connected(host: str, port: int, **options: Any) -> Iterator[Session]:
    """Open a session to this one node, which repeats nothing; `options` are those of the driver's `Cluster`."""
    only, never = WhiteListRoundRobinPolicy([host]), FallthroughRetryPolicy()
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(only, never, request_timeout=REQUEST_TIMEOUT)}
    with Cluster([host], port, execution_profiles=profiles, **PATIENT, **options) as cluster:
        yield cluster.connect()
