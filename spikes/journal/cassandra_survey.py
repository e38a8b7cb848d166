"""What looks at the whole store: its streams one after another, figures by sample, stale rows, damage.

The order of streams is that of their partitions' tokens: arbitrary, but it stays.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

from spikes.journal import cassandra_places as at
from spikes.journal.cassandra_places import Place
from spikes.journal.cassandra_rows import Rows
from spikes.journal.cassandra_session import Session
from spikes.journal.cassandra_stream import Streams, bucket_of
from spikes.journal.checks import kind_of
from spikes.journal.errors import JournalCorrupt
from spikes.journal.port import PositionedEvent

PAGE = 1000
AT_ONCE = 32
"""How many streams are read at the same time."""

PIECE = 500
"""How many events of one stream are read before the next stream's."""

SAMPLE = 5_000
"""From how many rows figures are estimated; of fewer rows they are exact."""

SAMPLED = 5.0
"""Seconds for which an estimate is good."""

TOKENS = 1 << 64
FIRST_TOKEN = -(1 << 63)


class Sample(NamedTuple):
    """Figures of the first rows in token order, and for how much of the store they stand (1 is all of it)."""

    share: float
    events: int
    listed: Mapping[str, int]
    totals: Mapping[tuple[str, str], int]

    def scaled(self, number: int) -> int:
        """Return what a figure of the sample means for the whole store."""
        return number if self.share >= 1 else round(number / self.share)


class Survey:
    """Reads that go through everything."""

    def __init__(self, session: Session, streams: Streams, rows: Rows) -> None:
        self._session = session
        self._streams = streams
        self._rows = rows
        self._stale_from: dict[tuple[str, int], str] = {}
        self._sampled: tuple[float, Sample] | None = None

    async def ids(self, after: str = "") -> AsyncIterator[str]:
        """Yield the ids of all entities that have events, from behind one of them."""
        scan = (
            self._session.scan("streams", after, page=PAGE) if after else self._session.scan("all_streams", page=PAGE)
        )
        async for page in scan:
            for persistence_id, bucket, head in page:
                if bucket == 0 and head is not None:  # a fence alone makes no entity (rule K1)
                    yield persistence_id

    async def persistence_ids(self, after: str, limit: int) -> tuple[str, ...]:
        """See `Journal.persistence_ids`."""
        found: list[str] = []
        async for persistence_id in self.ids(after):
            found.append(persistence_id)
            if len(found) == limit:
                break
        return tuple(found)

    async def events(self, after: tuple[str, int], limit: int) -> tuple[PositionedEvent, ...]:
        """See `Journal.streams`."""
        whose, number = after
        found: list[PositionedEvent] = []
        if whose:
            found += _positioned(whose, await self._streams.events(whose, number, limit))
        while len(found) < limit:
            ids = await self.persistence_ids(whose, AT_ONCE)
            if not ids:
                break
            parts = await asyncio.gather(*(self._streams.events(each, 0, PIECE) for each in ids))
            for each, part in zip(ids, parts, strict=True):
                found += _positioned(each, part)
                whose = each
                if len(part) == PIECE or len(found) >= limit:  # this stream may go on: so does the next call, here
                    return tuple(found[:limit])
        return tuple(found[:limit])

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        """See `Journal.stale_rows`. Goes on where it last found the first: what was before that is made anew."""
        found: list[str] = []
        start = self._stale_from.get((kind, state_version))
        scan = self._session.scan("rows_after", start, page=PAGE) if start else self._session.scan("rows", page=PAGE)
        last: str | None = start
        async for page in scan:
            for row in page:
                persistence_id, version = row[0], row[1] if start else row[2]
                if kind_of(persistence_id) == kind and version is not None and version < state_version:
                    if not found and last is not None:
                        self._stale_from[kind, state_version] = last
                    found.append(persistence_id)
                    if len(found) == limit:
                        return tuple(found)
                last = persistence_id
        return tuple(found)

    async def sample(self) -> Sample:
        """Count over the first rows in token order; an estimate is good for some seconds."""
        if self._sampled is not None and time.monotonic() < self._sampled[0]:
            return self._sampled[1]
        sample = await self._sample()
        if sample.share < 1:
            self._sampled = time.monotonic() + SAMPLED, sample
        return sample

    async def _sample(self) -> Sample:
        events, rows, share = 0, 0, 1.0
        listed: Counter[str] = Counter()
        totals: Counter[tuple[str, str]] = Counter()
        async for page in self._session.scan("rows", page=PAGE):
            for persistence_id, number, _, is_listed, facts, token in page:
                events += number or 0
                if is_listed:
                    kind = kind_of(persistence_id)
                    listed[kind] += 1
                    for column, value in at.decode_facts(facts).columns.items():
                        if isinstance(value, int):
                            totals[kind, column] += value
                share = (token - FIRST_TOKEN + 1) / TOKENS
            rows += len(page)
            if rows >= SAMPLE:
                return Sample(share, events, listed, totals)
        return Sample(1.0, events, listed, totals)

    # ---------------------------------------------------------------------------------------------------------- damage

    async def damage(self) -> AsyncIterator[str]:
        """Yield what is wrong, in words: with streams, with the rows made of them, with claims."""
        async for ids in _batches(self.ids()):
            for problems in await asyncio.gather(*(self._damage_of(each) for each in ids)):
                for problem in problems:
                    yield problem
        async for page in self._session.scan("claims", page=AT_ONCE):
            for found in await asyncio.gather(*(self._damage_of_claim(*row) for row in page)):
                if found is not None:
                    yield found
        async for page in self._session.scan("listings", page=PAGE):
            for problem in await self._strays(page):
                yield problem

    async def _damage_of(self, persistence_id: str) -> Sequence[str]:
        last = 0
        try:
            while events := await self._streams.events(persistence_id, last, 10 * PIECE):
                last = events[-1].sequence_nr
        except JournalCorrupt as problem:
            return (str(problem),)
        found = []
        head = await self._head(persistence_id, last)
        if head != last:
            found.append(f"{persistence_id}: the last event is {last}, but the head says {head}")
        row = await self._rows.read(persistence_id)
        if kind_of(persistence_id) in self._rows.kinds and (row is None or row.row_nr != last):
            found.append(f"{persistence_id}: the row shows event {row and row.row_nr}, the last is {last}")
        elif row is not None and row.sequence_nr is not None and row.sequence_nr > last:
            found.append(f"{persistence_id}: the snapshot shows event {row.sequence_nr}, which is not there")
        if row is not None and row.places:
            found += await self._missing(persistence_id, row.row_nr or 0, at.decode_places(row.places))
        return found

    async def _head(self, persistence_id: str, last: int) -> int:
        """Return what the newest bucket that can have a head says."""
        bucket = bucket_of(last)
        head = await self._streams.head(persistence_id, bucket)
        if head.number is None and bucket:
            head = await self._streams.head(persistence_id, bucket - 1)
        return head.number or 0

    async def _missing(self, persistence_id: str, number: int, places: Sequence[Place]) -> list[str]:
        keys = [(place.home, place.bucket, place.key, persistence_id) for place in places]
        found = await asyncio.gather(*(self._session.run("listing", *key) for key in keys))
        return [
            f"{persistence_id}: it does not stand in {place.home} as of event {number}"
            for place, rows in zip(places, found, strict=True)
            if not rows.rows or rows.rows[0][2] is not False or rows.rows[0][3] != number
        ]

    async def _damage_of_claim(self, digest: bytes, holder: str) -> str | None:
        if await self._streams.claims_of(holder, digest):
            return None
        return f"{holder}: a claim is stored for it ({digest.hex()}), which its events do not hold"

    async def _strays(self, page: Sequence[tuple[object, ...]]) -> list[str]:
        """Return the rows that stand where they should not."""
        standing = [(str(row[3]), Place(*row[:3])) for row in page if row[4] is False]  # type: ignore[arg-type]
        ids = tuple(dict.fromkeys(whose for whose, _ in standing))
        stored = await asyncio.gather(*(self._rows.stands_at(each) for each in ids))
        right = dict(zip(ids, stored, strict=True))
        return [
            f"{whose}: it stands in {place.home}, but not rightly"
            for whose, place in standing
            if place not in right[whose]
        ]


def _positioned(persistence_id: str, events: Sequence[object]) -> list[PositionedEvent]:
    return [PositionedEvent(0, persistence_id, event) for event in events]  # type: ignore[arg-type]


async def _batches(ids: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for each in ids:
        batch.append(each)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
