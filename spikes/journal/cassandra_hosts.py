"""The machines of a Cassandra, as this process's driver knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikes.journal.cassandra_session import Session
from spikes.journal.port import Host


def hosts(session: Session) -> tuple[Host, ...]:
    """Return the machines, and this process's connections to each; asks none of them."""
    pools = session.pools
    return tuple(_host(each, pools.get(each)) for each in sorted(session.metadata.all_hosts(), key=str))


def _host(host: Any, pool: Mapping[str, Any] | None) -> Host:
    connections, in_flight = (pool["open_count"], sum(pool["in_flights"])) if pool else (None, None)
    address = host.endpoint.address
    return Host(address, host.is_up, host.datacenter, host.rack, host.release_version, connections, in_flight)
