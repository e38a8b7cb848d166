"""The journal on Cassandra, for any number of processes on any number of machines (rules K of `docs/protocol.md`).

CassandraJournal      the port
  Appender            one append: intent, claims, append, rows, release (`cassandra_append`)
    Intents Claims Streams Rows
  Lists               lists from homes (`cassandra_query`)
  CassandraFeed       what happened lately, by whose feed it is in (`cassandra_feed`)
  Sweeper Survey      what crashes left; what goes through everything
  Session             statements to the driver, answers to the event loop (`cassandra_session`)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from spikes.journal.cassandra_append import Appender
from spikes.journal.cassandra_claims import Claims
from spikes.journal.cassandra_clock import Clock
from spikes.journal.cassandra_connected import connected
from spikes.journal.cassandra_cql import SETTING
from spikes.journal.cassandra_feed import LEEWAY, REACH, CassandraFeed
from spikes.journal.cassandra_hosts import hosts
from spikes.journal.cassandra_intents import Intents
from spikes.journal.cassandra_left import LeftBehind
from spikes.journal.cassandra_query import Lists
from spikes.journal.cassandra_rows import Rows, snapshot_of, version_of
from spikes.journal.cassandra_schema import IMPORTING, SERVING, Schema
from spikes.journal.cassandra_session import Session
from spikes.journal.cassandra_stream import Streams, bucket_of
from spikes.journal.cassandra_survey import Survey
from spikes.journal.cassandra_sweep import Sweeper
from spikes.journal.cassandra_target import Target
from spikes.journal.checks import by_kind, check_append, check_row, check_total, kind_of
from spikes.journal.errors import JournalUnavailable, JournalUnusable
from spikes.journal.port import (
    COMMAND_RETENTION,
    PAGE,
    Append,
    Appended,
    Claim,
    EntityRow,
    EventSurvey,
    IndexPart,
    Listed,
    Loaded,
    Page,
    PositionedEvent,
    Query,
    RecordedCommand,
    Refold,
    RowSchema,
    Statistics,
    StoredEvent,
    StoreStatus,
)
from spikes.journal.surveying import survey_of

__all__ = ["CassandraJournal", "open_cassandra"]

log = structlog.get_logger(__name__)

ITEMS = 32
"""How many rows one read by ids asks for."""

MENDED_TOGETHER = 32
FLUSH = 5.0
"""Seconds that `close` waits for what no answer waited for."""

MOST_DIFFERENCE = 0.5
"""Seconds by which this machine's clock and the store's may differ (rule K11)."""


async def open_cassandra(target: Target, schemas: Sequence[RowSchema], *, migrate: bool = False) -> CassandraJournal:
    """Connect to the keyspace of `target`; with `migrate` make what is missing there. Raises JournalUnusable."""
    by_kind(schemas)
    return await open_over(await connected(target), target, schemas, migrate=migrate)


async def open_over(
    session: Session, target: Target, schemas: Sequence[RowSchema], *, migrate: bool = False
) -> CassandraJournal:
    """Open the journal over a session, which closes with it; see `open_cassandra`."""
    kinds = by_kind(schemas)
    try:
        schema = Schema(session, target, schemas, migrate=migrate)
        identity = await schema.open()
        await _warn_of_periodic_sync(session)
        clock = await Clock.start(session)
        return CassandraJournal(session, schema, kinds, identity, clock)
    except BaseException as problem:
        await session.close()
        if isinstance(problem, JournalUnavailable):
            raise JournalUnusable(str(problem)) from problem
        raise


async def _warn_of_periodic_sync(session: Session) -> None:
    """Say what the store would lose if all replicas lost power at once (rule K12)."""
    try:
        rows = (await session.ask(SETTING, "commitlog_sync")).rows
    except JournalUnavailable:  # not shown on Astra
        return
    if rows and rows[0][0] == "periodic":
        log.warning("commitlog_sync_is_periodic", see="docs/guarantees.md")


class CassandraJournal:
    """A `Journal` in one keyspace. Lives on the event loop that it was opened on."""

    capabilities = frozenset({"keys_expire"})
    reach = REACH
    leeway = LEEWAY

    def __init__(
        self, session: Session, schema: Schema, kinds: Mapping[str, RowSchema], identity: str, clock: Clock
    ) -> None:
        self.identity = identity
        self.session = session
        self.clock = clock
        self._schemas = kinds
        self._watched: dict[str, int] = {}
        self._heads: dict[tuple[str, int], asyncio.Task[int | None]] = {}
        self._appending: set[asyncio.Task[Appended]] = set()
        self._closing: asyncio.Task[None] | None = None
        self.streams_of_events = Streams(session)
        self._claims = Claims(session, self.streams_of_events)
        self._intents = Intents(session, clock.millis)
        self._rows = Rows(session, kinds, schema.ranges)
        self._feed = CassandraFeed(session, clock)
        self.appender = Appender(
            self.streams_of_events, self._claims, self._intents, self._rows, self._feed, self._feeds
        )
        self._lists = Lists(session, kinds, schema.ranges)
        self._left = LeftBehind(self._intents, self.streams_of_events, clock.millis)
        self._survey = Survey(session, self.streams_of_events, self._rows)
        self._sweeper = Sweeper(self.streams_of_events, self._claims, self._intents, self._rows, schema, self._feed)
        self._schema = schema
        self._importing = False
        self._suspended = False
        self._appends = 0

    # --------------------------------------------------------------------------------------------------------- writing

    async def append(self, append: Append) -> Appended:
        """See `Journal.append`. Once begun it is finished, whatever becomes of whoever waits for it."""
        self._admit()
        if len(self._appending) >= self.session.most_in_flight:
            raise JournalUnavailable(f"{len(self._appending):,} appends are under way; come again soon")
        check_append(append, self._schemas)
        if self._importing:
            return await self.appender.bring(append)
        task = asyncio.create_task(self._append(append))
        self._appending.add(task)
        task.add_done_callback(self._appending.discard)
        return await asyncio.shield(task)

    async def _append(self, append: Append) -> Appended:
        appended = await self.appender.append(append)
        self._appends += 1
        self._note(append.persistence_id, appended.sequence_nr)
        return appended

    def _feeds(self, append: Append) -> frozenset[str]:
        """Return the users in whose feed the events are told."""
        kind, _, entity_id = append.persistence_id.partition("|")
        schema = self._schemas.get(kind)
        if schema is None or schema.feed is None:
            return frozenset()
        if not schema.feed:
            return frozenset((entity_id,))
        return frozenset(_owner(index, schema.feed) for index in (append.before, append.row.index) if index) - {""}

    # ------------------------------------------------------------------------------------------------------- freshness

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """See `Journal.is_current`. What this process knows to be newer is newer; else only a round trip can tell."""
        return False if self._watched.get(persistence_id, 0) > sequence_nr else None

    async def check_current(self, persistence_id: str, sequence_nr: int) -> bool:
        """See `Journal.check_current` (rule K10)."""
        self._admit()
        head = await self._head(persistence_id, bucket_of(sequence_nr))
        self._note(persistence_id, head or 0)
        return head is None or sequence_nr >= head

    async def _head(self, persistence_id: str, bucket: int) -> int | None:
        """Read a head. Whoever asks before the read is sent waits for the same one, and nobody later does."""
        key = persistence_id, bucket
        reading = self._heads.get(key)
        if reading is None:
            reading = self._heads[key] = asyncio.create_task(self._read_head(key))
        return await asyncio.shield(reading)

    async def _read_head(self, key: tuple[str, int]) -> int | None:
        del self._heads[key]  # it is sent now: from here on, others need one of their own
        return (await self.streams_of_events.head(*key)).number

    def watch(self, persistence_id: str) -> None:
        """See `Journal.watch`."""
        self._watched.setdefault(persistence_id, 0)

    def unwatch(self, persistence_id: str) -> None:
        """See `Journal.unwatch`."""
        self._watched.pop(persistence_id, None)

    def _note(self, persistence_id: str, sequence_nr: int) -> None:
        if self._watched.get(persistence_id, sequence_nr) < sequence_nr:
            self._watched[persistence_id] = sequence_nr

    # --------------------------------------------------------------------------------------------------------- reading

    async def load(self, persistence_id: str, state_version: int, to: int | None = None) -> Loaded:
        """See `Journal.load`."""
        self._admit()
        rows = (await self.session.run("snapshot", persistence_id)).rows
        snapshot, row = None, None
        if rows:
            *values, row_nr, row_version = rows[0]
            snapshot, row = snapshot_of(values), version_of(row_nr, row_version)
        if snapshot and (snapshot.state_version != state_version or (to is not None and snapshot.sequence_nr > to)):
            snapshot = None
        start = snapshot.sequence_nr if snapshot else 0
        wanted = PAGE + 1 if to is None else min(PAGE + 1, max(0, to - start))
        events = await self.streams_of_events.events(persistence_id, start, wanted)
        return Loaded(snapshot, tuple(events[:PAGE]), len(events) <= PAGE, row)

    async def events(self, persistence_id: str, after: int = 0, limit: int = PAGE) -> tuple[StoredEvent, ...]:
        """See `Journal.events`."""
        self._admit()
        return tuple(await self.streams_of_events.events(persistence_id, after, limit))

    async def holder(self, claim: Claim) -> str | None:
        """See `Journal.holder`."""
        self._admit()
        return await self._claims.holder(claim)

    async def command(self, command_id: str, now: int) -> RecordedCommand | None:
        """See `Journal.command`."""
        self._admit()
        return await self._claims.recorded(command_id, now - COMMAND_RETENTION)

    async def query(self, query: Query) -> Page:
        """See `Journal.query`."""
        self._admit()
        page = await self._lists.page(query)
        return msgspec.structs.replace(page, rows=await self._left.without(page.rows))

    async def count(self, query: Query) -> int:
        """See `Journal.count`. Counts up to `RANKED` rows."""
        self._admit()
        return await self._lists.count(query)

    async def total(self, kind: str, column: str) -> int:
        """See `Journal.total`. An estimate, where there are many rows."""
        self._admit()
        check_total(kind, column, self._schemas)
        sample = await self._survey.sample()
        return sample.scaled(sample.totals.get((kind, column), 0))

    async def listed(self, persistence_ids: Sequence[str]) -> tuple[Listed, ...]:
        """See `Journal.listed`."""
        self._admit()
        ids = list(dict.fromkeys(persistence_ids))
        parts = [ids[start : start + ITEMS] for start in range(0, len(ids), ITEMS)]
        answers = await asyncio.gather(*(self.session.run("items", part) for part in parts))
        return tuple(
            Listed(whose, number, item)
            for answer in answers
            for whose, number, is_listed, item in answer.rows
            if is_listed and kind_of(whose) in self._schemas
        )

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """See `Journal.term_counts`. Counts over the newest `RANKED` rows."""
        self._admit()
        return await self._lists.term_counts(query, name)

    # -------------------------------------------------------------------------------------------------------- the feed

    async def stream(
        self, after: int = 0, limit: int = PAGE, homes: frozenset[str] | None = None
    ) -> tuple[PositionedEvent, ...]:
        """See `Journal.stream`."""
        self._admit()
        return await self._feed.stream(after, limit, homes)

    def listen(self, homes: frozenset[str]) -> None:
        """See `Journal.listen`."""
        self._feed.listen(homes)

    async def head(self) -> int:
        """See `Journal.head`."""
        self._admit()
        return await self._feed.head()

    async def wait_for_more(self, after: int) -> None:
        """See `Journal.wait_for_more`."""
        self._check_open()
        await self._feed.wait_for_more(after)

    # ------------------------------------------------------------------------------------------------- the whole store

    async def streams(self, after: tuple[str, int] = ("", 0), limit: int = PAGE) -> tuple[PositionedEvent, ...]:
        """See `Journal.streams`."""
        self._admit()
        return await self._survey.events(after, limit)

    async def persistence_ids(self, after: str = "", limit: int = PAGE) -> tuple[str, ...]:
        """See `Journal.persistence_ids`."""
        self._admit()
        return await self._survey.persistence_ids(after, limit)

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        """See `Journal.stale_rows`."""
        self._admit()
        return await self._survey.stale_rows(kind, state_version, limit)

    async def replace_rows(self, rows: Sequence[EntityRow]) -> int:
        """See `Journal.replace_rows`."""
        self._admit()
        for row in rows:
            check_row(row, self._schemas)
        differed = 0
        rows = list({row.persistence_id: row for row in rows}.values())
        for start in range(0, len(rows), MENDED_TOGETHER):
            some = rows[start : start + MENDED_TOGETHER]
            differed += sum(await asyncio.gather(*(self._rows.replace(row) for row in some)))
        return differed

    async def sweep(self, refold: Refold) -> int:
        """See `Journal.sweep`."""
        self._check_open()
        self._suspended = not self._importing and await self._schema.state() == IMPORTING
        self._admit()
        return await self._sweeper.sweep(self.clock.millis(), refold)

    async def importing(self, on: bool) -> None:
        """See `Journal.importing`. A keyspace that has been served before is written into as ever."""
        self._admit()
        if not on:
            await self._schema.put_state(SERVING)
            self._importing = False
        elif await self._schema.state() == IMPORTING or not await self._survey.persistence_ids("", 1):
            await self._schema.put_state(IMPORTING)
            self._importing = True

    async def forget_commands(self, before: int) -> int:
        """See `Journal.forget_commands`. The store drops them by itself, so nobody needs to ask for it."""
        self._admit()
        forgotten = 0
        async for page in self.session.scan("commands", page=1000):
            for command_id, holder, stamp, at in page:
                if at < before:
                    forgotten += (await self.session.run("drop_command", command_id, holder, stamp)).applied
        return forgotten

    async def verify(self) -> tuple[str, ...]:
        """See `Journal.verify`."""
        self._admit()
        return tuple([problem async for problem in self._survey.damage()])

    async def statistics(self) -> Statistics:
        """See `Journal.statistics`. Estimated from a sample, where there is much."""
        self._admit()
        sample = await self._survey.sample()
        listed = {kind: sample.scaled(sample.listed.get(kind, 0)) for kind in self._schemas}
        return Statistics(sample.scaled(sample.events), listed, approximate=sample.share < 1, appends=self._appends)

    async def survey(self, seconds: float) -> EventSurvey:
        """See `Journal.survey`."""
        return await survey_of(self.streams, seconds)

    def status(self) -> StoreStatus:
        """See `Journal.status`."""
        return StoreStatus("cassandra", len(self._appending), hosts=hosts(self.session))

    async def ping(self) -> None:
        """See `Journal.ping`: a read and a write at QUORUM, and clocks that agree (rule K11)."""
        self._admit()
        await asyncio.gather(self.session.run("head", "", 0), self.session.run("put_bucket", "ping", 0))
        if abs(self.clock.difference) > MOST_DIFFERENCE:
            raise JournalUnavailable(
                f"this machine's clock and Cassandra's differ by {self.clock.difference:.2f} s; at most "
                f"{MOST_DIFFERENCE} s would be right"
            )

    async def settled(self) -> None:
        """Return once nothing is left to do for the appends that were answered."""
        await self.appender.settled()
        await self._intents.settled()

    async def close(self) -> None:
        """See `Journal.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._appending:
            await asyncio.wait(self._appending)
        await self.appender.close(FLUSH)
        await self._feed.close()
        await self._left.close()
        await self._intents.settled()
        await self.clock.close()
        await self.session.close()

    def _admit(self) -> None:
        self._check_open()
        if self._suspended:
            raise JournalUnavailable("an import into this keyspace is under way; nothing is served until it is done")
        self.session.admit()

    def _check_open(self) -> None:
        if self._closing is not None:
            raise JournalUnavailable("the journal is closed")


def _owner(index: IndexPart, column: str) -> str:
    value = index.columns.get(column)
    return value if isinstance(value, str) else ""
