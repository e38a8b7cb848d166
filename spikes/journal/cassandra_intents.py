"""Intents: what is about to be done, so that a crash on the way leaves nothing half done (rules K5, K6).

Attempts that come while one intent is being written share the next one: one row, one round trip, one deletion.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Sequence

import msgspec

from spikes.journal.cassandra_cql import INTENT_SHARDS
from spikes.journal.cassandra_places import Place
from spikes.journal.cassandra_session import Session
from spikes.journal.errors import JournalUnavailable

MOST_SHARED = 64
"""The most attempts of one row."""

PROMPT = 30_000
"""Milliseconds within which an intent has to be stored after its minute was drawn: sweepers leave minutes behind."""

MINUTE = 60_000


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One append that was begun: whose, behind which number, the homes it touches, and what it claims.

    `claims` are places and digests of claims; `feeds` are the users in whose feed its events are told.
    """

    attempt_id: str
    persistence_id: str
    expected: int
    places: tuple[Place, ...] = ()
    claims: tuple[tuple[bytes, bytes], ...] = ()
    command: str | None = None
    feeds: tuple[str, ...] = ()


class Intent(msgspec.Struct, frozen=True):
    """One stored row of intents. `time` is in milliseconds of the store's clock."""

    shard: int
    minute: int
    id: str
    time: int
    attempts: tuple[Attempt, ...]


class Ticket:
    """The row that an attempt stands in, until all of its attempts are done."""

    __slots__ = ("id", "minute", "open", "shard")

    def __init__(self, shard: int, minute: int, name: str, attempts: int) -> None:
        self.shard = shard
        self.minute = minute
        self.id = name
        self.open = attempts


Waiting = tuple[msgspec.Raw, asyncio.Future[Ticket]]
"""An attempt, encoded: one that can't be is its own caller's problem, and nobody else's."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Attempt, ...]).decode


class Intents:
    """Writes and deletes this process's intents, and reads everybody's."""

    def __init__(self, session: Session, now: Callable[[], int]) -> None:
        self._session = session
        self._now = now
        self._writer = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, attempt: Attempt) -> Ticket:
        """Store the intent of an attempt, before anything else of it is. Raises JournalUnavailable."""
        future: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._waiting.append((msgspec.Raw(_encode(attempt)), future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await future

    def done(self, ticket: Ticket) -> None:
        """Note that nothing of an attempt is left to do; the row goes with its last attempt."""
        ticket.open -= 1
        if not ticket.open:
            task = asyncio.create_task(self._drop(ticket.shard, ticket.minute, ticket.id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST_SHARED], self._waiting[MOST_SHARED:]
                await self._write(group)
        finally:
            self._writing = None

    async def _write(self, group: Sequence[Waiting]) -> None:
        try:
            ticket = await self._stored([attempt for attempt, _ in group])
        except JournalUnavailable as problem:
            for _, future in group:
                if not future.done():
                    future.set_exception(JournalUnavailable(str(problem)))
            return
        for _, future in group:
            if not future.done():
                future.set_result(ticket)
            else:
                self.done(ticket)

    async def _stored(self, attempts: Sequence[msgspec.Raw]) -> Ticket:
        """Store one row, in a minute that no sweeper has left behind by then."""
        content = _encode(attempts)
        while True:
            now, number = self._now(), next(self._numbers)
            ticket = Ticket(number % INTENT_SHARDS, now // MINUTE, f"{self._writer}-{number}", len(attempts))
            await self._session.run("put_intent", ticket.shard, ticket.minute, ticket.id, now, content)
            if self._now() - now <= PROMPT:
                return ticket

    async def _drop(self, shard: int, minute: int, name: str) -> None:
        try:
            await self._session.run("drop_intent", shard, minute, name)
        except JournalUnavailable:
            return  # the sweeper will find that there is nothing to do

    async def of_minute(self, minute: int) -> list[Intent]:
        """Read all intents of a minute."""
        rows = (await self._session.run("intents", minute)).rows
        return [Intent(shard, at, name, time, _decode(attempts)) for shard, at, name, time, attempts in rows]

    async def put_off(self, intent: Intent, now: int, attempts: Sequence[Attempt]) -> None:
        """Move what can't be finished now into the present minute, so that it holds up no other.

        It keeps its name: processes that move it at the same time leave one row.
        """
        await self._session.run("put_intent", intent.shard, now // MINUTE, intent.id, now, _encode(attempts))
        await self.forget(intent)

    async def forget(self, intent: Intent) -> None:
        """Delete an intent that the sweeper has finished."""
        await self._session.run("drop_intent", intent.shard, intent.minute, intent.id)

    async def settled(self) -> None:
        """Wait for the deletions under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)
