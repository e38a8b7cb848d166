"""Rows that may be behind their entity: lists leave them out until they are written (rule K5).

An append that was begun seconds ago and is not finished has most likely met a crash between the append and the row.
What the row shows may be private by now. So while lists are asked for, the open intents are looked at once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from spikes.journal.cassandra_intents import MINUTE, Intents
from spikes.journal.cassandra_stream import Streams, bucket_of
from spikes.journal.errors import JournalUnavailable
from spikes.journal.port import Listed

EVERY = 1_000
OLD = 2_000
"""Milliseconds between two looks, and after which an intent is taken for one whose row may be behind."""


class LeftBehind:
    """The entities that open intents name. `now` is in milliseconds of the store's clock."""

    def __init__(self, intents: Intents, streams: Streams, now: Callable[[], int]) -> None:
        self._intents = intents
        self._streams = streams
        self._now = now
        self._ids: frozenset[str] = frozenset()
        self._looked = 0
        self._looking: asyncio.Task[None] | None = None

    async def without(self, rows: Sequence[Listed]) -> tuple[Listed, ...]:
        """Return the rows without those that are surely behind."""
        self._look()
        doubtful = [row for row in rows if row.persistence_id in self._ids]
        if not doubtful:
            return tuple(rows)
        behind = await asyncio.gather(*(self._is_behind(row) for row in doubtful))
        left_out = {row.persistence_id for row, is_behind in zip(doubtful, behind, strict=True) if is_behind}
        return tuple(row for row in rows if row.persistence_id not in left_out)

    async def _is_behind(self, row: Listed) -> bool:
        head = await self._streams.head(row.persistence_id, bucket_of(row.sequence_nr))
        return head.number is not None and head.number > row.sequence_nr

    def _look(self) -> None:
        """Look again, beside whoever asked: a second's delay is what this promises."""
        if self._looking is None and self._now() - self._looked >= EVERY:
            self._looking = asyncio.create_task(self._read())

    async def _read(self) -> None:
        now = self._now()
        try:
            minutes = await asyncio.gather(*(self._intents.of_minute(now // MINUTE - back) for back in range(3)))
        except JournalUnavailable:
            return  # lists can't be read either, and the next one looks again
        finally:
            self._looked, self._looking = now, None
        old = (intent for some in minutes for intent in some if now - intent.time >= OLD)
        self._ids = frozenset(attempt.persistence_id for intent in old for attempt in intent.attempts)

    async def close(self) -> None:
        """End the look under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
