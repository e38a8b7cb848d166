"""The live feed on Cassandra: at least once, without a gap, from whichever process one listens to (rule K11).

Three things hold it together:

*Rows.* An event has a row in the feed of each user it concerns, at a time of the store's clock that was drawn after the
event was stored. A row that is not known to be stored within a second of its time is written again, at a later time.
So a time that is `LAG` ago is settled: what is there can be read, and nothing will be put there any more, as long as
two processes are less than a second apart about the store's clock.

*Arrivals.* What this process writes arrives in its ring at once, what others write when it is settled. For each home
that is listened to, everything up to `reached` has arrived. Positions are the times of arrival, but none is more than
`SLACK` after what has been reached in all homes. So whoever has come to position p, here, has been given every row up
to p minus `SLACK`, even while some homes can't be read.

*Going on.* From a position that this very ring has given, the ring goes on exactly, if it still has what followed and
all the homes were listened to since. From any other position the tables are read from `SLACK` before it: by the
sentence above, nothing that stands before was missed, whichever process gave the position. What is not in the tables
at that moment arrives later: others' rows, because these homes are listened to by now and what was not settled is still
to be read; or it is this process's own and on its way into the tables, and is added. So there is no gap, but there are
repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog

from spikes.journal.cassandra_clock import Clock
from spikes.journal.cassandra_cql import FEED_TTL
from spikes.journal.cassandra_feed_rows import SECOND, Drawn, FeedRows, Row
from spikes.journal.cassandra_ring import OWN, TABLES, UNSETTLED, Key, Ring, micros_of, position_of, tag_of
from spikes.journal.cassandra_session import Session
from spikes.journal.errors import FeedOverrun, JournalError, JournalUnavailable
from spikes.journal.news import News
from spikes.journal.port import PositionedEvent, StoredEvent

LAG = 2 * SECOND
"""Microseconds after which a time is settled."""

SLACK = 5 * SECOND
"""Microseconds before a position in which something may not have been given yet to whoever has come to it."""

LIFE = FEED_TTL * SECOND
REACH = position_of(24 * 60 * 60 * SECOND, 0)
LEEWAY = position_of(SLACK, 0)
"""How far behind and ahead of `head` a position may be; see `Journal`."""

EVERY = 0.5
"""Seconds between two looks into the homes that are listened to."""

PATIENCE = 2.0
"""Seconds that one home is waited for, until the next look."""

KEPT = 60 * SECOND
"""Microseconds for which it is remembered how far a home was reached that nobody listens to any more."""

CLOSING = 3.0
"""Seconds that `close` waits for rows to be stored."""

log = structlog.get_logger(__name__)


class Home:
    """One user's feed: the position since which it is listened to, and up to when everything in it has arrived."""

    __slots__ = ("left", "reached", "since")

    def __init__(self, since: int, reached: int) -> None:
        self.since = since
        self.reached = reached
        self.left = 0


class CassandraFeed:
    """The feed's part of the journal. Lives on one event loop."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._clock = clock
        self._rows = FeedRows(session, clock)
        self._ring = Ring(self._ceiling, SLACK)
        self._news = News()
        self._homes: dict[str, Home] = {}
        self._left: dict[str, Home] = {}
        self._reached: int | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._untold: dict[object, tuple[str, tuple[StoredEvent, ...], frozenset[str]]] = {}
        self._waiting = 0
        self._polling: asyncio.Task[None] | None = None
        self._due = 0.0
        self._failing = False
        self._closed = False

    # ---------------------------------------------------------------------------------------------------------- writing

    @contextmanager
    def telling(self, persistence_id: str, events: tuple[StoredEvent, ...], homes: frozenset[str]) -> Iterator[Drawn]:
        """Return the rows of events that are known to be stored, to be written at once by whoever asks.

        Meanwhile the events count as on their way: whoever reads the tables too early to find them gets them all the
        same. Before it is over, `told` has to be called if they were written, else `publish`.
        """
        key = object()
        self._untold[key] = persistence_id, events, homes
        try:
            yield self._rows.draw(persistence_id, events, homes)
        finally:
            del self._untold[key]

    def told(
        self, persistence_id: str, events: tuple[StoredEvent, ...], homes: frozenset[str], drawn: Drawn
    ) -> asyncio.Task[None] | None:
        """Let events arrive here whose rows were written; None if that was in time, else see `publish`."""
        if not homes:
            return None
        if not self._rows.in_time(drawn):
            return self.publish(persistence_id, events, homes)
        self._arrive((persistence_id, event, OWN) for event in events)
        return None

    def publish(
        self, persistence_id: str, events: tuple[StoredEvent, ...], homes: frozenset[str], *, again: bool = False
    ) -> asyncio.Task[None]:
        """Let events arrive here at once, and write them into the feeds of `homes` (users' ids).

        Only for what is known to be stored. The intent has to stay until the task is done; it goes on trying until it
        succeeds, and is cancelled if the journal closes before. A sweeper does it `again`: whoever stored the events
        may have told them, or not.
        """
        if homes:
            written = self._clock.micros() if again else OWN
            self._arrive((persistence_id, event, written) for event in events)
        task = asyncio.create_task(self._rows.write(persistence_id, events, homes))
        self._writing.add(task)
        self._untold[task] = persistence_id, events, homes
        task.add_done_callback(self._writing.discard)
        task.add_done_callback(self._untold.__delitem__)
        return task

    def _arrive(self, events: Iterable[tuple[str, StoredEvent, int]]) -> None:
        """Put events into the ring, each with whose it is and when its row was written."""
        arrived = [self._ring.put(*each) for each in events]
        if any(arrived):
            self._news.tell()

    # ---------------------------------------------------------------------------------------------------------- reading

    def listen(self, homes: frozenset[str]) -> None:
        """See `Journal.listen`. A new home begins with what is not settled yet; one left lately goes on."""
        now = self._clock.micros()
        for home in self._homes.keys() - homes:
            self._left[home] = left = self._homes.pop(home)
            left.left = now
        for home in [home for home, left in self._left.items() if now - left.left > KEPT]:
            del self._left[home]
        new = homes - self._homes.keys()
        since = self._ring.mark() if new else 0
        for home in new:
            self._homes[home] = self._left.pop(home) if home in self._left else Home(since, now - LAG)
        self._look_how_far()

    async def head(self) -> int:
        """See `Journal.head`. It is the present."""
        return self._ring.mark()

    async def wait_for_more(self, after: int) -> None:
        """See `Journal.wait_for_more`."""
        self._waiting += 1
        try:
            while not self._ring.has_more(after):
                if self._closed:
                    raise JournalUnavailable("the journal is closed")
                if self._polling is None:
                    self._polling = asyncio.create_task(self._poll())
                await self._news.wait()
        finally:
            self._waiting -= 1

    async def stream(self, after: int, limit: int, homes: frozenset[str] | None = None) -> tuple[PositionedEvent, ...]:
        """See `Journal.stream`. What is not settled yet comes all at once, whatever `limit` says.

        Once nothing is left in the tables, the last event has a position of this ring: it goes on from there.
        """
        if homes is None and self._ring.is_own(after):
            if not self._ring.reaches(after):
                raise FeedOverrun(f"too much has arrived since position {after} for all of it to be here still")
            return self._ring.after(after, limit)
        homes = frozenset(self._homes) if homes is None else homes
        if self._ring.knows(after) and all(self._listens(home, after) for home in homes):
            return self._ring.after(after, limit)
        return await self._stored(after, limit, homes)

    def _listens(self, home: str, after: int) -> bool:
        return home in self._homes and self._homes[home].since <= after

    async def _stored(self, after: int, limit: int, homes: frozenset[str]) -> tuple[PositionedEvent, ...]:
        """Read the tables: first what is settled, page by page; last what is not, and what is on its way there."""
        arrived = self._ring.mark()
        now = self._clock.micros()
        settled, written = now - LAG, self._on_their_way(homes)
        start = max(now - LIFE, micros_of(after) - (0 if tag_of(after) == TABLES else SLACK))

        def enough(rows: list[Row]) -> bool:
            return len(rows) > limit and rows[limit].micros <= settled

        parts = await asyncio.gather(*(self._rows.read(home, start, now + SLACK, enough) for home in homes))
        rows = sorted((row for part in parts for row in part), key=lambda row: row.micros)
        if enough(rows):  # whoever has the last of a time has all of it
            return _positioned([row for row in rows if row.micros <= rows[limit - 1].micros], settled)
        found: dict[Key, PositionedEvent] = {}
        for each in (*_positioned(rows, settled), *written):
            found.setdefault((each.persistence_id, each.event.sequence_nr), each)
        if not found:
            return ()
        *before, last = found.values()
        return (*before, PositionedEvent(arrived, last.persistence_id, last.event))

    def _on_their_way(self, homes: frozenset[str]) -> list[PositionedEvent]:
        """Return what this process has not yet got into the feeds of any of `homes`."""
        now = self._clock.micros()
        return [
            PositionedEvent(position_of(now, UNSETTLED), persistence_id, event)
            for persistence_id, events, feeds in self._untold.values()
            if feeds & homes
            for event in events
        ]

    # -------------------------------------------------------------------------------------------------- what others do

    async def _poll(self) -> None:
        """Look into the homes for as long as somebody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting and not self._closed:
                await asyncio.sleep(self._due - loop.time())
                self._due = loop.time() + EVERY
                await self.look()
        finally:
            self._polling = None

    async def look(self) -> None:
        """Let arrive what others have put into the homes that are listened to."""
        homes = list(self._homes.items())
        fine = all(await asyncio.gather(*(self._look_into(name, home) for name, home in homes)))
        if self._failing == fine:
            self._failing = not fine
            log.info("feeds_can_be_read_again") if fine else log.warning("feeds_cannot_be_read")
        self._look_how_far()

    async def _look_into(self, name: str, home: Home) -> bool:
        """Let arrive what others have put into a home; tell whether it could be read."""
        until = self._clock.micros() - LAG
        try:
            rows = await self._rows.read(name, home.reached, until, lambda _: False, PATIENCE)
        except JournalError:
            return False
        self._arrive((row.persistence_id, row.event, row.micros) for row in rows)
        home.reached = max(home.reached, until)
        return True

    def _look_how_far(self) -> None:
        self._reached = min((home.reached for home in self._homes.values()), default=None)

    def _ceiling(self) -> int:
        """Return the highest time for what arrives now: it promises everything up to `SLACK` before."""
        now = self._clock.micros()
        return now if self._reached is None else min(now, self._reached + SLACK)

    async def close(self) -> None:
        """Let what is being written be stored, if it does not take too long. Safe to call twice."""
        self._closed = True
        self._news.tell()
        if self._polling is not None:
            self._polling.cancel()
        if self._writing:
            _, late = await asyncio.wait(self._writing, timeout=CLOSING)
            await _cancelled(late)


def _positioned(rows: Iterable[Row], settled: int) -> tuple[PositionedEvent, ...]:
    return tuple(
        PositionedEvent(
            position_of(row.micros, TABLES if row.micros <= settled else UNSETTLED), row.persistence_id, row.event
        )
        for row in rows
    )


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
