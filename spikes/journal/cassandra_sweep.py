"""The sweeper: finishes what a crash left half done, of whatever process (rule K6).

An intent that is old enough is of an attempt that is over, or that will find itself fenced and begin again. After the
fence the entity is folded as it is now, its row is written to every home that the intent names, what it claims without
holding it is let go, its events are told again, and only then does the intent go. All of it may be done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from spikes.journal.cassandra_claims import Claims
from spikes.journal.cassandra_feed import CassandraFeed
from spikes.journal.cassandra_intents import MINUTE, Attempt, Intent, Intents
from spikes.journal.cassandra_rows import Rows
from spikes.journal.cassandra_schema import Schema
from spikes.journal.cassandra_stream import Streams
from spikes.journal.errors import JournalError
from spikes.journal.port import Refold

log = structlog.get_logger(__name__)

OLD_ENOUGH = 10_000
"""Milliseconds after which an intent is taken for left behind. Politeness, never safety: the fence is that."""

SETTLED = 3
"""Minutes after which no intent comes into a minute any more: one that took 30 s to be stored is written again."""

MOST_MINUTES = 240
"""How many minutes one sweep looks at, so that one after a long time without any process comes to an end."""


class Sweeper:
    """Every process has one. They share how far the store is swept, and may meet at the same intent."""

    def __init__(
        self, streams: Streams, claims: Claims, intents: Intents, rows: Rows, schema: Schema, feed: CassandraFeed
    ) -> None:
        self._streams = streams
        self._claims = claims
        self._intents = intents
        self._rows = rows
        self._schema = schema
        self._feed = feed

    async def sweep(self, now: int, refold: Refold) -> int:
        """Finish the intents that are old enough at `now` (milliseconds); return how many attempts they held."""
        stored = await self._schema.swept(now)
        last, swept, done = now // MINUTE, stored, 0
        for minute in _minutes(stored, last):
            intents = await self._intents.of_minute(minute)
            old = [intent for intent in intents if now - intent.time >= OLD_ENOUGH]
            left = [await self._finish(intent, refold) for intent in old]
            done += sum(len(intent.attempts) for intent in old) - sum(map(len, left))
            if minute < last - SETTLED:
                for intent, attempts in zip(old, left, strict=True):
                    if attempts:
                        await self._intents.put_off(intent, now, attempts)
                swept = minute + 1 if swept == minute else swept
        await self._schema.put_swept(stored, swept)
        return done

    async def _finish(self, intent: Intent, refold: Refold) -> Sequence[Attempt]:
        """Finish the attempts of an intent, and forget it if that was all; return those that can't be finished now."""
        finished = await asyncio.gather(*(self._finished(each, refold) for each in intent.attempts))
        left = [attempt for attempt, done in zip(intent.attempts, finished, strict=True) if not done]
        if not left:
            await self._intents.forget(intent)
        return left

    async def _finished(self, attempt: Attempt, refold: Refold) -> bool:
        """Finish one attempt; False, and the reason in the log, if it has to be tried again later."""
        try:
            return await self._finish_attempt(attempt, refold)
        except JournalError as problem:
            log.warning("sweep_left_behind", persistence_id=attempt.persistence_id, problem=str(problem))
            return False

    async def _finish_attempt(self, attempt: Attempt, refold: Refold) -> bool:
        persistence_id = attempt.persistence_id
        await self._streams.fence(persistence_id, attempt.expected)
        row = await refold(persistence_id)
        if row is None:
            log.error("sweep_cannot_fold", persistence_id=persistence_id)
            return False
        if row.sequence_nr:
            await self._rows.write_anew(row, {*attempt.places, *await self._rows.stands_at(persistence_id)})
        for place, digest in attempt.claims:
            await self._claims.sweep(persistence_id, place, digest)
        if attempt.command is not None:
            await self._claims.sweep_command(persistence_id, attempt.command)
        await self._tell_again(attempt)
        log.info("swept", persistence_id=persistence_id, after=attempt.expected)
        return True

    async def _tell_again(self, attempt: Attempt) -> None:
        """Put the events of the attempt into the feeds, if it was stored (rule K11)."""
        metadata = await self._streams.metadata(attempt.persistence_id, attempt.expected + 1, attempt.expected)
        if not attempt.feeds or metadata is None or metadata.attempt_id != attempt.attempt_id:
            return
        own = await self._streams.those_behind(
            attempt.persistence_id, attempt.expected, lambda event: event.metadata.attempt_id == attempt.attempt_id
        )
        await self._feed.publish(attempt.persistence_id, tuple(own), frozenset(attempt.feeds), again=True)


def _minutes(stored: int, last: int) -> list[int]:
    """Return the minutes to look at: from the first that is not swept, and in any case the latest."""
    late = range(max(stored, last - SETTLED), last + 1)
    return sorted({*range(stored, min(last + 1, stored + MOST_MINUTES)), *late})
