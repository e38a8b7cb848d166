"""What several processes have of the feed on one Cassandra, in one process: a connection, a clock and a feed each."""

from __future__ import annotations

import asyncio

from spikes.journal.cassandra_clock import Clock
from spikes.journal.cassandra_cql import statements
from spikes.journal.cassandra_driver import Connection
from spikes.journal.cassandra_feed import CassandraFeed
from spikes.journal.cassandra_feed_rows import SECOND
from spikes.journal.cassandra_session import Session
from spikes.journal.port import PositionedEvent
from tests.journal.samples import event

SOON = 20.0
ANN, BOB = "ann", "bob"


class SkewedClock(Clock):
    """A clock that is wrong by so many seconds."""

    skew = 0.0

    def micros(self) -> int:
        return super().micros() + round(self.skew * SECOND)


class Replica:
    """One process's part of the feed."""

    def __init__(self, session: Session, clock: SkewedClock) -> None:
        self.session = session
        self.clock = clock
        self.feed = CassandraFeed(session, clock)

    def publish(self, pid: str, *numbers: int, home: str = ANN) -> asyncio.Task[None]:
        """Let events be told in the feed of `home`; the task is done when their rows are stored."""
        events = tuple(event(number) for number in numbers or (1,))
        return self.feed.publish(pid, events, frozenset((home,)))

    async def write(self, pid: str, *numbers: int, home: str = ANN) -> None:
        """Publish, and wait until the rows are stored."""
        await asyncio.wait_for(self.publish(pid, *numbers, home=home), SOON)

    async def begin(self, *homes: str) -> int:
        """Listen to these homes, Ann's unless told; return from where on."""
        self.feed.listen(frozenset(homes or (ANN,)))
        return await self.feed.head()

    async def next(self, after: int, timeout: float = SOON) -> PositionedEvent:
        """Wait for what arrives here after a position."""
        await asyncio.wait_for(self.feed.wait_for_more(after), timeout)
        return (await self.feed.stream(after, 1))[0]

    async def resume(self, after: int, *homes: str, limit: int = 100) -> list[PositionedEvent]:
        """Go on from a position page by page, as a listener does, until nothing is left."""
        found: list[PositionedEvent] = []
        while events := await self.feed.stream(after, limit, frozenset(homes or (ANN,))):
            found += events
            after = found[-1].position
        return found

    async def close(self) -> None:
        await self.feed.close()
        await self.clock.close()
        await self.session.close()


async def start_replica(host: str, port: int, keyspace: str) -> Replica:
    """Connect to a keyspace that has the table."""
    options = {"contact_points": [host], "port": port}
    session = await Session.start(Connection(options, None, "global", 1, 10.0, 10_000))
    await asyncio.to_thread(session.use, keyspace)
    await session.prepare({name: statements(())[name] for name in ("put_feed", "feed", "clock")})
    clock = await SkewedClock.start(session)
    assert isinstance(clock, SkewedClock)
    return Replica(session, clock)
