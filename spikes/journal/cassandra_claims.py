"""Claims on unique values, and client keys: taken before the append that relies on them (rules K5, K7, K8).

A claim row says who may hold the value; whether that is so say the events of the holder's stream. A row whose holder's
events don't hold the claim is of an attempt that is under way, or that has failed. To take it over, that attempt is
first made impossible (K2), then looked for once more, and only then is the row replaced, if nobody has touched it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from spikes.journal.cassandra_session import Session
from spikes.journal.cassandra_stream import Streams
from spikes.journal.errors import ClaimTaken, DuplicateCommand, JournalUnavailable, OutcomeUnknown
from spikes.journal.port import COMMAND_RETENTION, Append, Claim, RecordedCommand, StoredEvent

POLITE_WAITS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds to wait for an attempt under way before it is made impossible. Politeness, never safety (rule K7)."""

TRIES = 20
"""How often a claim is looked at again because others change it at the same time."""


class Stamped(NamedTuple):
    """A claim or key as it is stored: who may hold it, and the run of the append that says so."""

    holder: str
    stamp: str
    expected: int


class Key(NamedTuple):
    """A client key as it is stored."""

    stamped: Stamped
    fingerprint: bytes
    time: int


def stamp_of(append: Append, epoch: int | None) -> str:
    """Return what tells this run of the append from all others, of the same attempt too (rule K7)."""
    return f"{append.attempt_id}:{epoch or 0}"


class Claims:
    """Claims and client keys of the whole store."""

    def __init__(self, session: Session, streams: Streams) -> None:
        self._session = session
        self._streams = streams

    # ------------------------------------------------------------------------------------------------------- reading

    async def holder(self, claim: Claim) -> str | None:
        """Return whose events hold a claim."""
        stamped = await self._claim(claim.place, claim.digest)
        if stamped is None or not await self._streams.claims_of(stamped.holder, claim.digest):
            return None
        return stamped.holder

    async def recorded(self, command_id: str, since: int) -> RecordedCommand | None:
        """Return what was stored under a client key, if that was not before `since` (milliseconds)."""
        key = await self._key(command_id)
        return None if key is None or key.time < since else await self._record(command_id, key)

    async def _claim(self, place: bytes, digest: bytes) -> Stamped | None:
        rows = (await self._session.run("claim", place, digest)).rows
        return Stamped(*rows[0][1:]) if rows else None

    async def _key(self, command_id: str) -> Key | None:
        rows = (await self._session.run("command", command_id)).rows
        return Key(Stamped(*rows[0][:3]), *rows[0][3:]) if rows else None

    async def _record(self, command_id: str, key: Key) -> RecordedCommand | None:
        """Look for the events of the command behind the place that the key names."""
        holder, stamp, expected = key.stamped
        attempt_id = stamp.rpartition(":")[0]

        def is_own(event: StoredEvent) -> bool:
            return event.metadata.command_id == command_id or event.metadata.attempt_id == attempt_id

        own = await self._streams.those_behind(holder, expected, is_own)
        return RecordedCommand(holder, own[-1].sequence_nr, key.fingerprint) if own else None

    # -------------------------------------------------------------------------------------------------------- taking

    async def take_together(self, append: Append, claims: Sequence[Claim], stamp: str) -> bool:
        """Take claims of one place, all of which are free, by one statement; False if they have to be taken singly."""
        mine = (append.persistence_id, stamp, append.expected_sequence_nr)
        statements = [self._session.bound("take_claim", each.place, each.digest, each.kind, *mine) for each in claims]
        try:
            return (await self._session.run_batch("take_claim", statements)).applied
        except OutcomeUnknown:
            return False  # taken singly, they turn out to be the own ones

    async def take(self, append: Append, claim: Claim, stamp: str) -> bool:
        """Take a claim. True if its row is surely new: no other attempt relies on it, and no event that is stored.

        Raises ClaimTaken.
        """
        for _ in range(TRIES):
            try:
                new = await self._take(append, claim, stamp)
            except OutcomeUnknown:
                continue  # the next look finds the own stamp, or another's
            if new is not None:
                return new
        raise JournalUnavailable(f"the {claim.kind} is contended; it was not taken")

    async def _take(self, append: Append, claim: Claim, stamp: str) -> bool | None:
        """Try once; None if somebody else changed the row meanwhile."""
        mine = (append.persistence_id, stamp, append.expected_sequence_nr)
        tried = await self._session.run("take_claim", claim.place, claim.digest, claim.kind, *mine)
        if tried.applied:
            return True
        found = Stamped(*(tried.found(column) for column in ("holder", "stamp", "expected")))
        if found.stamp == stamp:  # by a try without an answer; the row may have been ours before
            return False
        ours = found.holder == append.persistence_id
        if not ours and await self._is_held(found, lambda: self._streams.claims_of(found.holder, claim.digest)):
            raise ClaimTaken(claim, found.holder)
        moved = await self._session.run("take_over_claim", *mine, claim.place, claim.digest, found.holder, found.stamp)
        return not ours if moved.applied else None

    async def _is_held(self, found: Stamped, look: Callable[[], Awaitable[bool]]) -> bool:
        """Tell whether the holder's events hold something, for good: if not, the attempt can't store it any more."""
        for wait in POLITE_WAITS:
            if await look():
                return True
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # two that wait for each other don't go on at once
        await self._fence(found)
        return await look()

    async def _fence(self, found: Stamped) -> None:
        await self._streams.fence(found.holder, found.expected)

    async def take_command(self, append: Append, stamp: str) -> bool:
        """Take the append's client key; True if its row is surely new. Raises DuplicateCommand."""
        for _ in range(TRIES):
            try:
                new = await self._take_command(append, stamp)
            except OutcomeUnknown:
                continue
            if new is not None:
                return new
        raise JournalUnavailable("the client key is contended; nothing was stored")

    async def _take_command(self, append: Append, stamp: str) -> bool | None:
        command, time = append.command, append.events[0].metadata.time
        assert command is not None
        mine = (append.persistence_id, stamp, append.expected_sequence_nr)
        tried = await self._session.run("take_command", command.id, *mine, command.fingerprint, time)
        if tried.applied:
            return True
        stamped = Stamped(*(tried.found(column) for column in ("holder", "stamp", "expected")))
        if stamped.stamp == stamp:
            return False
        key = Key(stamped, tried.found("fingerprint"), tried.found("time"))
        if key.time >= time - COMMAND_RETENTION:
            await self._refuse_repeat(command.id, key)
        moved = await self._session.run(
            "take_over_command", *mine, command.fingerprint, time, command.id, stamped.holder, stamped.stamp
        )
        return True if moved.applied else None

    async def _refuse_repeat(self, command_id: str, key: Key) -> None:
        """Raise DuplicateCommand if the key's command is stored; else see to it that it never will be.

        That takes the fence within one stream, too: the row tells but one place where the command may stand.
        """

        async def is_stored() -> bool:
            return await self._record(command_id, key) is not None

        if await self._is_held(key.stamped, is_stored):
            record = await self._record(command_id, key)
            assert record is not None
            raise DuplicateCommand(record.persistence_id, record.sequence_nr, record.fingerprint)

    # ------------------------------------------------------------------------------------------------------- letting go

    async def let_go(self, append: Append, claim: Claim, stamp: str) -> None:
        """Drop a claim that a refused append has taken anew: whoever else relies on it has stamped it again.

        One that was the entity's before is `sweep`'s: another attempt may rely on it, and not know of the new stamp.
        """
        await self._surely("drop_claim", claim.place, claim.digest, append.persistence_id, stamp)

    async def let_go_command(self, append: Append, stamp: str) -> None:
        """Drop the client key of a refused append."""
        assert append.command is not None
        await self._surely("drop_command", append.command.id, append.persistence_id, stamp)

    async def release(self, persistence_id: str, claim: Claim, sequence_nr: int) -> None:
        """Drop a claim that the events up to `sequence_nr` have let go, unless a later append relies on it again."""
        stamped = await self._claim(claim.place, claim.digest)
        if stamped is not None and stamped.holder == persistence_id and stamped.expected < sequence_nr:
            await self._surely("drop_claim", claim.place, claim.digest, persistence_id, stamped.stamp)

    async def sweep(self, persistence_id: str, place: bytes, digest: bytes) -> bool:
        """Drop a claim whose holder, fenced before, doesn't hold it; tell whether there was one (rule K7)."""
        stamped = await self._claim(place, digest)
        if stamped is None or stamped.holder != persistence_id:
            return False
        await self._fence(stamped)
        if await self._streams.claims_of(persistence_id, digest):
            return False
        return (await self._session.run("drop_claim", place, digest, persistence_id, stamped.stamp)).applied

    async def sweep_command(self, persistence_id: str, command_id: str) -> bool:
        """Drop a client key whose command was never stored."""
        key = await self._key(command_id)
        if key is None or key.stamped.holder != persistence_id:
            return False
        await self._fence(key.stamped)
        if await self._record(command_id, key) is not None:
            return False
        return (await self._session.run("drop_command", command_id, persistence_id, key.stamped.stamp)).applied

    async def _surely(self, statement: str, *values: object) -> None:
        """Run a deletion that may be run twice; one whose outcome stays unknown is the sweeper's."""
        for _ in range(3):
            try:
                await self._session.run(statement, *values)
            except OutcomeUnknown:
                continue
            return
        raise JournalUnavailable("a claim could not be let go")
