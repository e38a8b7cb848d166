"""The yardstick on Cassandra: the driver alone, sending the same statements as the journal, many at a time.

    python -m tests.performance.driver HOST:PORT KEYSPACE WHAT SECONDS

prints how many were done a second: `append`, the conditional batch of a new stream; `create`, all that a new public
note takes, in the same order; `head`, a read of one row.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import FallthroughRetryPolicy, WhiteListRoundRobinPolicy
from cassandra.query import BatchStatement, BatchType, tuple_factory

from spikes.bootstrap import BEHAVIORS
from spikes.journal.cassandra_cql import statements
from spikes.journal.cassandra_driver import PROTOCOL
from tests.cassandra.shared import Contact

IN_FLIGHT = 64
EVENT = b"e" * 400
ITEM = b"i" * 500
STATE = b"s" * 600
TERMS = {f"w:word{number}" for number in range(8)} | {"c:status=New", "c:access=Public", "c:trashed", "c:owner=x"}

Step = Callable[[], Any]


class Driver:
    """Chains of statements, `IN_FLIGHT` of them at a time; each answer sends the next statement of its chain."""

    def __init__(self, contact: Contact, keyspace: str) -> None:
        profile = ExecutionProfile(
            WhiteListRoundRobinPolicy([contact.host]),
            FallthroughRetryPolicy(),
            ConsistencyLevel.QUORUM,
            ConsistencyLevel.SERIAL,
            row_factory=tuple_factory,
        )
        self.cluster = Cluster(
            [contact.host],
            contact.port,
            protocol_version=PROTOCOL,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
        self.session = self.cluster.connect(keyspace)
        self.session.use_client_timestamp = False
        ranges = sorted({name for behavior in BEHAVIORS for name in behavior.schema.ranges})
        self.ranges = len(ranges)
        wanted = ("move_head", "put_event", "take_claim", "put_row_and_snapshot", "put_listing", "put_feed", "head")
        self.prepared = {name: self.session.prepare(statements(ranges)[name].text) for name in wanted}
        self.known = f"note|{uuid.uuid4().hex}"
        self.session.execute(self.append(self.known))

    def bound(self, name: str, *values: Any) -> Any:
        return self.prepared[name].bind(values)

    def batch(self, kind: BatchType, *parts: Any) -> BatchStatement:
        batch = BatchStatement(kind)
        for part in parts:
            batch.add(part)
        return batch

    def append(self, name: str) -> BatchStatement:
        event = (name, 0, 1, "note-created@1", b"{}" * 60, EVENT, None, None, None, None, None)
        head = self.bound("move_head", 1, name, 0, None, None)
        return self.batch(BatchType.LOGGED, head, self.bound("put_event", *event))

    def chain(self, what: str) -> Iterator[Any]:
        """Yield the statements of one after another, for ever; a list is sent at once."""
        while True:
            name = f"note|{uuid.uuid4().hex}"
            if what == "head":
                yield self.bound("head", self.known, 0)
            elif what == "append":
                yield self.append(name)
            else:
                yield from self.create(name)

    def create(self, name: str) -> Iterator[Any]:
        place, now = name.encode(), time.time_ns() // 1_000_000
        claims = (self.bound("take_claim", place, kind, "slug", name, "stamp", 0) for kind in (b"own", b"all"))
        yield self.batch(BatchType.LOGGED, *claims)
        yield self.append(name)
        row = (name, 1, 1, b"d" * 32, True, ITEM, b"f" * 150, b"p" * 120, 1, 1, STATE, "", "", 1 << 20)
        listings = (
            self.bound(
                "put_listing",
                *(home, 0, now.to_bytes(8, "big"), name, False, 1, 1, ITEM, b"f" * 150, TERMS),
                *[0] * self.ranges,
                1 << 20,
            )
            for home in ("mine", "public")
        )
        feed = self.bound("put_feed", "me", 0, now * 1000, name, 1, EVENT)
        yield self.batch(BatchType.UNLOGGED, self.bound("put_row_and_snapshot", *row), *listings, feed)

    def run(self, what: str, seconds: float) -> float:
        """Return how many were done a second."""
        per = 3 if what == "create" else 1
        done, open_chains, lock = 0, IN_FLIGHT, threading.Lock()
        over, end = threading.Event(), time.monotonic() + seconds

        def next_of(chain: Iterator[Any], _: Sequence[Any] | None = None) -> None:
            nonlocal done, open_chains
            with lock:
                done += 1
                if time.monotonic() >= end:
                    open_chains -= 1
                    if not open_chains:
                        over.set()
                    return
            future = self.session.execute_async(next(chain))
            future.add_callbacks(lambda rows: next_of(chain, rows), lambda error: next_of(chain))

        for _ in range(IN_FLIGHT):
            next_of(self.chain(what))
        assert over.wait(seconds + 60)
        return (done - IN_FLIGHT) / per / seconds


def main(contact: str, keyspace: str, what: str, seconds: str) -> None:
    driver = Driver(Contact.of(contact), keyspace)
    driver.run(what, 1)
    print(f"{driver.run(what, float(seconds)):.1f}")
    driver.cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
