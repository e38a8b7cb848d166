"""One node for a whole test run, shared by all its processes where pytest-xdist makes several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.cassandra.jars import locked
from tests.cassandra.node import CassandraNode, answers


class Contact(msgspec.Struct, frozen=True):
    """Where a Cassandra answers."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Contact:
        """Read `host:port`. Raises ValueError for anything else."""
        host, colon, port = text.rpartition(":")
        if not (host and colon and port.isdecimal()):
            raise ValueError(f"SPIKES_TEST_CASSANDRA is {text!r}; it has to be host:port, like 127.0.0.1:9042")
        return cls(host, int(port))

    def url(self, keyspace: str, **options: object) -> str:
        """Return the URL of a journal with these options, one copy of all on one node unless told."""
        query = "&".join(f"{name}={value}" for name, value in {"replication": 1, **options}.items())
        return f"cassandra://{self.host}:{self.port}/{keyspace}?{query}"


@contextmanager
def shared_node(directory: Path) -> Iterator[Contact]:
    """Use the node of this directory, and start it if no process has. It ends, with its data, after its last user."""
    directory.mkdir(exist_ok=True)
    with ExitStack() as stack:
        with locked(directory / "lock"):
            contact = _join(directory, stack) or _begin(directory, stack)
        yield contact


def _join(directory: Path, stack: ExitStack) -> Contact | None:
    """Hold the node that another process has started; None if there is none."""
    try:
        contact = msgspec.json.decode((directory / "contact").read_bytes(), type=Contact)
        hold = os.open(directory / contact.host / "holders", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # none was started, or it has ended: nobody reads its FIFO
        return None
    stack.callback(os.close, hold)
    return contact if answers(contact.host, contact.port) else None


TIMEOUTS = (
    *("read_request_timeout", "range_request_timeout", "write_request_timeout"),
    *("cas_contention_timeout", "truncate_request_timeout"),
)
"""What a node gives up by itself: later here, for a busy machine is no failure of the store."""


def _begin(directory: Path, stack: ExitStack) -> Contact:
    patient: dict[str, Any] = dict.fromkeys(TIMEOUTS, "20s")
    node = CassandraNode(directory, discard=True, **patient)
    stack.callback(node.release)
    node.start()
    contact = Contact(node.host, node.port)
    (directory / "contact").write_bytes(msgspec.json.encode(contact))
    return contact
