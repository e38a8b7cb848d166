"""One append, from its intent to its rows (rules K1 to K8). Read `Appender._attempt` from top to bottom.

What is surely refused leaves nothing; what may be stored is looked for until that is known, or left to the sweeper.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from spikes.journal.cassandra_claims import Claims, stamp_of
from spikes.journal.cassandra_feed import CassandraFeed
from spikes.journal.cassandra_intents import Attempt, Intents, Ticket
from spikes.journal.cassandra_places import Place
from spikes.journal.cassandra_rows import Rows
from spikes.journal.cassandra_stream import MOST_BYTES, MOST_EVENTS, Head, Streams, bucket_of, is_young, size_of
from spikes.journal.cassandra_taken import Taken
from spikes.journal.errors import (
    ClaimTaken,
    DeadlinePassed,
    DuplicateCommand,
    EventTooLarge,
    JournalError,
    JournalUnavailable,
    OutcomeUnknown,
    SequenceConflict,
)
from spikes.journal.port import Append, Appended, Claim

log = structlog.get_logger(__name__)

RESTARTS = 10
"""How often an append that was fenced, and not overtaken, begins again."""

RESOLVE = 10.0
"""Seconds for which an append whose outcome is unknown is asked about; then the sweeper finds out."""

PAUSE = 0.1
MEND = 1.0
"""Seconds between two tries: to learn an outcome, and to write a row of a stored append."""

KNOWN_EPOCHS = 100_000
"""How many fences are remembered; one that is not costs an append that begins again."""

Feeds = Callable[[Append], frozenset[str]]
"""Tells in whose feeds the events of an append are."""

Published = asyncio.Task[None] | None
"""What is left to do until the events are in those feeds."""


class Fenced(Exception):
    """The append was refused, and only because somebody has raised the fence: begin again (rule K2)."""

    ticket: Ticket | None = None
    """The intent of the run that was refused."""


class Appender:
    """Stores appends. `crash_point` is called with the name of each step that is done, for tests of crashes."""

    def __init__(
        self,
        streams: Streams,
        claims: Claims,
        intents: Intents,
        rows: Rows,
        feed: CassandraFeed,
        feeds: Feeds,
        crash_point: Callable[[str], Awaitable[None] | None] = lambda step: None,
    ) -> None:
        self._streams = streams
        self._claims = claims
        self._intents = intents
        self._rows = rows
        self._feed = feed
        self._feeds = feeds
        self._crash_point = crash_point
        self._epochs: dict[tuple[str, int], int | None] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def append(self, append: Append) -> Appended:
        """See `Journal.append`."""
        _refuse_large(append)
        before: Ticket | None = None
        for _ in range(RESTARTS):
            try:
                return await self._attempt(append, before)
            except Fenced as fenced:
                before = fenced.ticket
        raise JournalUnavailable(f"{append.persistence_id}: fenced off {RESTARTS} times; nothing was stored")

    async def bring(self, append: Append) -> Appended:
        """Store an append of an import, beside which nobody else writes (rule K13): nothing has to be fenced.

        It leaves no intent, for an import that was interrupted is run again. Claims are taken as ever: two entities of
        an import may have had one value after another.
        """
        _refuse_large(append)
        expected = append.expected_sequence_nr
        head = await self._streams.head(append.persistence_id, bucket_of(expected))
        if (head.number or 0) != expected and not (head.number is None and bucket_of(expected)):
            raise SequenceConflict(append.persistence_id, expected, head.number or 0)
        taken = Taken(self._claims, append, stamp_of(append, head.epoch))
        leave = (*self._rows.places(append.persistence_id, append.before), *await self._standing(append))
        try:
            await self._take(append, head, taken)
        except JournalError:
            await taken.undo()
            raise
        await self._streams.bring(append)
        await self._rows.write(append.row, leave)
        for claim in append.release:
            if claim not in append.take:
                await self._claims.release(append.persistence_id, claim, append.sequence_nr)
        return Appended(append.sequence_nr)

    async def _attempt(self, append: Append, before_it: Ticket | None) -> Appended:
        """Intent, claims, append, rows, release; then the intent goes (rule K5), and that of a run before with it."""
        _refuse_late(append)
        head = await self._head(append)
        before = self._rows.places(append.persistence_id, append.before)
        ticket, standing = await asyncio.gather(
            self._intents.open(self._attempt_of(append, before)), self._standing(append)
        )
        leave = (*before, *standing)
        if before_it is not None:
            self._intents.done(before_it)
        await self._passed("intent")
        taken = Taken(self._claims, append, stamp_of(append, head.epoch))
        try:
            if not await self._take(append, head, taken):
                await self._passed("claims")
                await self._send(append, head)
        except OutcomeUnknown:
            raise  # the intent stays: the sweeper finds out what became of it
        except Fenced as fenced:  # what was not new is taken again; to look at it would raise the fence once more
            fenced.ticket = ticket
            await self._left(taken.let_go_new())
            raise
        except JournalError:
            if await self._left(taken.undo()):
                self._intents.done(ticket)
            raise
        await self._passed("append")
        await self._finish(append, leave, ticket)
        return Appended(append.sequence_nr)

    async def _passed(self, step: str) -> None:
        waiting = self._crash_point(step)
        if waiting is not None:
            await waiting

    # ------------------------------------------------------------------------------------------------------ before it

    async def _head(self, append: Append) -> Head:
        """Return what the batch has to find: the expected number, and the fence as far as it is known."""
        expected = append.expected_sequence_nr
        bucket = bucket_of(expected)
        epoch = self._epochs.get((append.persistence_id, bucket))
        if not is_young(expected):
            return Head(expected or None, epoch)
        return await self._head_of_young_bucket(append, bucket)

    async def _head_of_young_bucket(self, append: Append, bucket: int) -> Head:
        """The first append of a bucket finds nothing there; that it follows the last bucket has to be looked at."""
        expected = append.expected_sequence_nr
        head = await self._streams.head(append.persistence_id, bucket, surely=True)
        if head.number is None:
            before = await self._streams.head(append.persistence_id, bucket - 1, surely=True)
            if before.number == expected:
                return head
        return Head(expected, head.epoch)  # where it follows nothing, this is not found, and that refuses it

    async def _standing(self, append: Append) -> tuple[Place, ...]:
        """Return where the row stands, which a release with other homes may have written (rule K9)."""
        return await self._rows.stands_at(append.persistence_id) if append.expected_sequence_nr else ()

    def _attempt_of(self, append: Append, before: tuple[Place, ...]) -> Attempt:
        places = {*before, *self._rows.places(append.persistence_id, append.row.index)}
        return Attempt(
            append.attempt_id,
            append.persistence_id,
            append.expected_sequence_nr,
            tuple(places),
            tuple((claim.place, claim.digest) for claim in (*append.take, *append.release)),
            append.command.id if append.command else None,
            tuple(self._feeds(append)),
        )

    async def _take(self, append: Append, head: Head, taken: Taken) -> bool:
        """Take client key and claims at once, or refuse in the order of rule C4; True if all is stored already."""
        tries: list[Coroutine[Any, Any, None]] = [taken.take_command()] if append.command else []
        by_place: dict[bytes, list[Claim]] = {}
        for claim in append.take:
            by_place.setdefault(claim.place, []).append(claim)
        tries += [taken.take(claims) for claims in by_place.values()]
        results = await asyncio.gather(*tries, return_exceptions=True) if tries else ()
        problems = [result for result in results if isinstance(result, BaseException)]
        if not problems:
            return False
        problem = next((each for each in problems if isinstance(each, DuplicateCommand)), problems[0])
        if isinstance(problem, DuplicateCommand | ClaimTaken):
            if await self._is_stored(append):
                return True
            if isinstance(problem, ClaimTaken):
                await self._refuse_overtaken(append, head)
        raise problem

    async def _refuse_overtaken(self, append: Append, head: Head) -> None:
        """The sequence number comes before the claims (rule C4)."""
        bucket = bucket_of(append.expected_sequence_nr)
        found = await self._streams.head(append.persistence_id, bucket, surely=True)
        if found.number != head.number:
            raise await self._conflict(append, found)

    async def _conflict(self, append: Append, found: Head) -> SequenceConflict:
        """Return the refusal of an append whose bucket is at another number."""
        whose, expected = append.persistence_id, append.expected_sequence_nr
        if found.number is None and bucket_of(expected):
            found = await self._streams.head(whose, bucket_of(expected) - 1)
        return SequenceConflict(whose, expected, found.number or 0)

    async def _left(self, undoing: Awaitable[None]) -> bool:
        """Let go of what a refused append has taken; False if that is left to the sweeper."""
        try:
            await undoing
        except JournalError as problem:
            log.warning("claims_left_to_the_sweeper", problem=str(problem))
            return False
        return True

    # --------------------------------------------------------------------------------------------------- the append

    async def _send(self, append: Append, head: Head) -> None:
        """Store the events. An unknown outcome is resolved by sending the identical batch again (rule K4).

        From the first time that the batch may have arrived, nothing but an answer can say that it is not stored.
        """
        end = time.monotonic() + RESOLVE
        asked = False
        while True:
            if not asked:
                _refuse_late(append)
            try:
                answer = await self._streams.append(append, head)
                asked = True
                if not answer.applied:
                    await self._refused(append, head, Head(answer.found("head"), answer.found("epoch")))
            except (OutcomeUnknown, JournalUnavailable) as problem:
                asked = asked or isinstance(problem, OutcomeUnknown)
                if not asked:
                    raise
                if time.monotonic() > end:
                    raise OutcomeUnknown(str(problem)) from problem
            else:
                return
            await asyncio.sleep(PAUSE)

    async def _refused(self, append: Append, sent: Head, found: Head) -> None:
        """Return if the refusal is an own success (C1); else raise what it means."""
        self._remember(append, found)
        if found.number == sent.number:
            raise Fenced
        if not await self._is_stored(append):
            raise await self._conflict(append, found)

    def _remember(self, append: Append, found: Head) -> None:
        if len(self._epochs) >= KNOWN_EPOCHS:
            self._epochs.clear()
        if found.epoch is not None:
            self._epochs[append.persistence_id, bucket_of(append.expected_sequence_nr)] = found.epoch

    async def _is_stored(self, append: Append) -> bool:
        expected = append.expected_sequence_nr
        metadata = await self._streams.metadata(append.persistence_id, expected + 1, expected)
        return metadata is not None and metadata.attempt_id == append.attempt_id

    # ----------------------------------------------------------------------------------------------------- after it

    async def _finish(self, append: Append, leave: tuple[Place, ...], ticket: Ticket) -> None:
        """Write the row and the feeds', for which the answer waits. Nothing here can fail what is stored any more."""
        told = append.persistence_id, append.events, self._feeds(append)
        with self._feed.telling(*told) as drawn:
            try:
                await self._rows.write(append.row, leave, beside=drawn.writes)
            except JournalError as problem:
                log.warning("row_left_behind", persistence_id=append.persistence_id, problem=str(problem))
                self._later(self._mend(append, leave, self._feed.publish(*told), ticket))
            else:
                self._later(self._tidy(append, self._feed.told(*told, drawn), ticket))

    async def _mend(self, append: Append, leave: tuple[Place, ...], published: Published, ticket: Ticket) -> None:
        """Write the row as soon as the store takes it; until then the intent stays."""
        while True:
            await asyncio.sleep(MEND)
            try:
                await self._rows.write(append.row, leave)
            except JournalError:
                continue
            log.info("row_mended", persistence_id=append.persistence_id)
            await self._tidy(append, published, ticket)
            return

    async def _tidy(self, append: Append, published: Published, ticket: Ticket) -> None:
        """What nobody waits for: feeds that were not told in time, claims that were let go, the intent."""
        await self._passed("row")
        if published is not None:
            await published
        await self._passed("feed")
        try:
            await asyncio.gather(
                *(
                    self._claims.release(append.persistence_id, claim, append.sequence_nr)
                    for claim in append.release
                    if claim not in append.take
                )
            )
        except JournalError as problem:
            log.warning("claims_left_to_the_sweeper", problem=str(problem))
            return
        await self._passed("release")
        self._intents.done(ticket)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def settled(self) -> None:
        """Wait for what nobody waited for."""
        while self._background:
            await asyncio.wait(self._background)

    async def close(self, timeout: float) -> None:
        """Wait for what nobody waited for; what takes longer than `timeout` seconds is left to the sweeper."""
        if self._background:
            _, late = await asyncio.wait(self._background, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


def _refuse_large(append: Append) -> None:
    """Raise EventTooLarge, or JournalError for too many events at once."""
    if len(append.events) > MOST_EVENTS:
        raise JournalError(f"{append.persistence_id}: {len(append.events):,} events at once, over {MOST_EVENTS:,}")
    if (size := size_of(append.events)) > MOST_BYTES:
        raise EventTooLarge(append.persistence_id, size, MOST_BYTES)


def _refuse_late(append: Append) -> None:
    """Raise DeadlinePassed for what must not be sent any more (rule C2)."""
    if append.deadline is not None and time.monotonic() > append.deadline:
        raise DeadlinePassed(f"{append.persistence_id}: the deadline passed before the append was sent")
