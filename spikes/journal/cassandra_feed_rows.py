"""The tables of the feed: one row for each event and user in whose feed it is, in partitions of an hour (rule K11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import structlog

from spikes.journal.cassandra_clock import Clock
from spikes.journal.cassandra_rows import Write
from spikes.journal.cassandra_session import Session
from spikes.journal.errors import JournalError, JournalUnavailable
from spikes.journal.port import StoredEvent

SECOND = 1_000_000
BUCKET = 60 * 60 * SECOND
"""Microseconds of one partition."""

ACKNOWLEDGED = 1 * SECOND
"""Microseconds from the drawing of a position until the row is known to be stored, else it is written again (K11)."""

AGAIN = 0.25
"""Seconds until a row that the store did not take is written again."""

WRITTEN_TOGETHER = 64
READ_TOGETHER = 32
"""How many rows of one append are on their way at the same time, and how many homes are read at the same time."""

DRAWN_TOGETHER = 4
"""The most rows of one append that are written together with the entity's own."""

READ_ROWS = 200
"""The most rows of one answer."""

log = structlog.get_logger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StoredEvent).decode


class Row(NamedTuple):
    """One event in a feed, and when the store's clock said that it was put there."""

    micros: int
    persistence_id: str
    event: StoredEvent


class Drawn(NamedTuple):
    """Rows with their positions: when the first was drawn, and what writes them."""

    first: int
    writes: Sequence[Write]


class FeedRows:
    """Reads and writes the feed tables."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._drawn = 0
        self._turns = asyncio.Semaphore(READ_TOGETHER)

    async def write(self, persistence_id: str, events: Iterable[StoredEvent], homes: Iterable[str]) -> None:
        """Write a row for each event and home; return only once all are stored, within a second of their position."""
        rows = [(home, event) for event in events for home in homes]
        for start in range(0, len(rows), WRITTEN_TOGETHER):
            while not await self._stored(persistence_id, rows[start : start + WRITTEN_TOGETHER]):
                log.info("feed_row_written_again", persistence_id=persistence_id)

    def draw(self, persistence_id: str, events: Iterable[StoredEvent], homes: Iterable[str]) -> Drawn:
        """Give each event a position in each home, of now, for whoever writes the rows and then asks `in_time`.

        For a few rows; of many, none is drawn.
        """
        rows = [(home, event) for event in events for home in homes]
        return self._draw(persistence_id, rows if len(rows) <= DRAWN_TOGETHER else ())

    def in_time(self, drawn: Drawn) -> bool:
        """Tell whether rows that are acknowledged by now were so within a second of their positions.

        The clock is what counts: a process that was stopped meanwhile finds the answer and the end of its time at once.
        """
        return bool(drawn.writes) and self._clock.micros() - drawn.first <= ACKNOWLEDGED

    async def _stored(self, persistence_id: str, rows: Sequence[tuple[str, StoredEvent]]) -> bool:
        """Write rows with positions of now; tell whether they were acknowledged in time."""
        drawn = self._draw(persistence_id, rows)
        try:
            async with asyncio.timeout(ACKNOWLEDGED / SECOND):
                await asyncio.gather(*(self._session.run(*write) for write in drawn.writes))
        except (JournalError, TimeoutError):
            await asyncio.sleep(AGAIN)
            return False
        return self.in_time(drawn)

    def _draw(self, persistence_id: str, rows: Iterable[tuple[str, StoredEvent]]) -> Drawn:
        positioned = [(self._position(), home, event) for home, event in rows]
        writes = [
            ("put_feed", home, at // BUCKET, at, persistence_id, event.sequence_nr, _encode(event))
            for at, home, event in positioned
        ]
        return Drawn(positioned[0][0] if positioned else 0, writes)

    def _position(self) -> int:
        self._drawn = max(self._drawn + 1, self._clock.micros())
        return self._drawn

    async def read(
        self, home: str, after: int, until: int, enough: Callable[[list[Row]], bool], patience: float | None = None
    ) -> list[Row]:
        """Read what stands in a home from behind a time up to another, until there is enough of it.

        Raises JournalUnavailable, also if it takes longer than `patience` seconds.
        """
        found: list[Row] = []
        async with self._turns:
            try:
                async with asyncio.timeout(patience):
                    async for rows in self._pages(home, after, until):
                        found += [row for row in rows if row.micros <= until]
                        if enough(found) or rows[-1].micros > until:
                            break
            except TimeoutError:
                raise JournalUnavailable(f"the feed of {home} could not be read within {patience:g} seconds") from None
        return found

    async def _pages(self, home: str, after: int, until: int) -> AsyncIterator[list[Row]]:
        for bucket in range((after + 1) // BUCKET, until // BUCKET + 1):
            full = True
            while full:
                page = (await self._session.run("feed", home, bucket, after, READ_ROWS)).rows
                full = len(page) == READ_ROWS
                if full:  # others may have drawn the last time too, and stand on the next page
                    page = [row for row in page if row[0] < page[-1][0]]
                if page:
                    yield [Row(micros, persistence_id, _decode(event)) for micros, persistence_id, _, event in page]
                    after = page[-1][0]
