"""A session with the Cassandra that a URL names: hosts or a bundle, credentials, TLS."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import NoHostAvailable

from spikes.journal.cassandra_driver import Connection
from spikes.journal.cassandra_session import Session
from spikes.journal.cassandra_target import Target
from spikes.journal.errors import JournalUnusable


async def connected(target: Target) -> Session:
    """Connect to where the target is. Raises JournalUnusable."""
    try:
        return await Session.start(connection_to(target))
    except NoHostAvailable as problem:
        raise JournalUnusable(f"{_name(target)} can't be reached: {_reasons(problem)}") from problem
    except Exception as problem:  # whatever a wrong bundle, certificate or name makes the driver raise
        raise JournalUnusable(f"{_name(target)} can't be used: {problem}") from problem


def connection_to(target: Target) -> Connection:
    """Return what the driver is told. Raises OSError for a file of the target that can't be read."""
    return Connection(
        _options(target), target.dc, target.scope, target.read_retries, target.request_timeout, target.in_flight
    )


def _name(target: Target) -> str:
    if target.bundle is not None:
        return f"Astra by the bundle {target.bundle}"
    return f"Cassandra at {', '.join(f'{host}:{port}' for host, port in target.hosts)}"


def _reasons(problem: NoHostAvailable) -> str:
    errors = problem.errors if isinstance(problem.errors, Mapping) else {}
    return "; ".join(dict.fromkeys(str(error) for error in errors.values())) or str(problem)


def _options(target: Target) -> dict[str, Any]:
    """Return what the driver is told of where and who."""
    options: dict[str, Any] = {}
    if target.credentials is not None:
        options["auth_provider"] = PlainTextAuthProvider(target.credentials.username, target.credentials.password)
    if target.bundle is not None:
        return options | {"cloud": {"secure_connect_bundle": target.bundle, "use_default_tempdir": True}}
    options |= {"contact_points": list(target.hosts), "port": target.hosts[0][1]}
    if target.tls:
        context = ssl.create_default_context(cafile=_readable(target.ca))
        if target.cert is not None:
            context.load_cert_chain(_readable(target.cert) or "", _readable(target.key))
        options |= {"ssl_context": context, "ssl_options": {"server_hostname": target.hosts[0][0]}}
    return options


def _readable(path: str | None) -> str | None:
    """Return the path of a file that can be read; OpenSSL does not say which one it can't. Raises OSError."""
    if path is not None:
        with open(path, "rb") as file:
            file.read(1)
    return path
