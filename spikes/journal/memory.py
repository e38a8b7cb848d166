"""The journal in memory: the plain meaning of the port, for tests and for trying things out. Nothing outlives it."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from spikes.journal import memory_query
from spikes.journal.checks import by_kind, check_append, check_query, check_row, check_total
from spikes.journal.errors import ClaimTaken, DeadlinePassed, DuplicateCommand, JournalUnavailable, SequenceConflict
from spikes.journal.memory_rows import MemoryRows
from spikes.journal.news import News
from spikes.journal.port import (
    ALL_ABILITIES,
    COMMAND_RETENTION,
    PAGE,
    REACH,
    Append,
    Appended,
    Claim,
    EntityRow,
    EventSurvey,
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
from spikes.journal.surveying import survey_of_log


class _Recorded(NamedTuple):
    command: RecordedCommand
    time: int


class MemoryJournal:
    """A `Journal` whose store is a handful of dicts. It lives on one event loop and is never behind."""

    capabilities = ALL_ABILITIES
    reach = REACH
    leeway = 0

    def __init__(self, schemas: Sequence[RowSchema] = ()) -> None:
        self.identity = str(uuid.uuid4())
        self._schemas = by_kind(schemas)
        self._streams: dict[str, list[StoredEvent]] = {}
        self._log: list[PositionedEvent] = []
        self._rows = MemoryRows(self._schemas)
        self._claims: dict[bytes, str] = {}
        self._commands: dict[str, _Recorded] = {}
        self._appends = 0
        self._news = News()
        self._closed = False

    async def append(self, append: Append) -> Appended:
        """See `Journal.append`. The order of the checks is rule C4, and C1 comes before every refusal."""
        self._check_open()
        check_append(append, self._schemas)
        if append.deadline is not None and time.monotonic() > append.deadline:
            raise DeadlinePassed(f"{append.persistence_id}: the deadline passed before the append was sent")
        try:
            self._check(append)
        except (DuplicateCommand, SequenceConflict):
            if self._is_stored(append):
                return Appended(append.sequence_nr)
            raise
        self._store(append)
        return Appended(append.sequence_nr)

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """See `Journal.is_current`."""
        return sequence_nr >= len(self._stream(persistence_id))

    async def check_current(self, persistence_id: str, sequence_nr: int) -> bool:
        """See `Journal.check_current`."""
        self._check_open()
        return sequence_nr >= len(self._stream(persistence_id))

    def watch(self, persistence_id: str) -> None:
        """See `Journal.watch`. There is no other writer to watch for."""

    def unwatch(self, persistence_id: str) -> None:
        """See `Journal.unwatch`."""

    async def load(self, persistence_id: str, state_version: int, to: int | None = None) -> Loaded:
        """See `Journal.load`."""
        self._check_open()
        snapshot = self._rows.snapshots.get(persistence_id)
        if snapshot and (snapshot.state_version != state_version or (to is not None and snapshot.sequence_nr > to)):
            snapshot = None
        events = self._stream(persistence_id)[snapshot.sequence_nr if snapshot else 0 : to]
        row = self._rows.get(persistence_id)
        return Loaded(snapshot, tuple(events[:PAGE]), len(events) <= PAGE, row.version if row else None)

    async def events(self, persistence_id: str, after: int = 0, limit: int = PAGE) -> tuple[StoredEvent, ...]:
        """See `Journal.events`."""
        self._check_open()
        return tuple(self._stream(persistence_id)[after : after + limit])

    async def holder(self, claim: Claim) -> str | None:
        """See `Journal.holder`."""
        self._check_open()
        return self._claims.get(claim.digest)

    async def command(self, command_id: str, now: int) -> RecordedCommand | None:
        """See `Journal.command`."""
        self._check_open()
        recorded = self._commands.get(command_id)
        return recorded.command if recorded and recorded.time >= now - COMMAND_RETENTION else None

    async def query(self, query: Query) -> Page:
        """See `Journal.query`."""
        self._check_open()
        check_query(query, self._schemas)
        return memory_query.page(self._rows.of_kind(query.kind), query)

    async def count(self, query: Query) -> int:
        """See `Journal.count`."""
        self._check_open()
        check_query(query, self._schemas)
        return len(memory_query.select(self._rows.of_kind(query.kind), query))

    async def total(self, kind: str, column: str) -> int:
        """See `Journal.total`."""
        self._check_open()
        check_total(kind, column, self._schemas)
        values = (row.index.columns.get(column) for row in self._rows.of_kind(kind) if row.index)
        return sum(value for value in values if isinstance(value, int))

    async def stream(
        self, after: int = 0, limit: int = PAGE, homes: frozenset[str] | None = None
    ) -> tuple[PositionedEvent, ...]:
        """See `Journal.stream`. A position is the place in the log, counted from 1."""
        self._check_open()
        return tuple(self._log[after : after + limit])

    def listen(self, homes: frozenset[str]) -> None:
        """See `Journal.listen`. All events are at hand."""

    async def head(self) -> int:
        """See `Journal.head`."""
        self._check_open()
        return len(self._log)

    async def wait_for_more(self, after: int) -> None:
        """See `Journal.wait_for_more`."""
        self._check_open()
        while len(self._log) <= after:
            await self._news.wait()
            self._check_open()

    async def listed(self, persistence_ids: Sequence[str]) -> tuple[Listed, ...]:
        """See `Journal.listed`."""
        self._check_open()
        rows = (self._rows.get(each) for each in dict.fromkeys(persistence_ids))
        return tuple(Listed(row.persistence_id, row.sequence_nr, row.index.item) for row in rows if row and row.index)

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """See `Journal.term_counts`."""
        self._check_open()
        check_query(query, self._schemas)
        rows = (row for _, row in memory_query.select(self._rows.of_kind(query.kind), query))
        return Counter(value for row in rows if row.index for term, value in row.index.terms if term == name)

    async def streams(self, after: tuple[str, int] = ("", 0), limit: int = PAGE) -> tuple[PositionedEvent, ...]:
        """See `Journal.streams`."""
        self._check_open()
        rest = (each for each in self._log if (each.persistence_id, each.event.sequence_nr) > after)
        return tuple(sorted(rest, key=lambda each: (each.persistence_id, each.event.sequence_nr))[:limit])

    async def persistence_ids(self, after: str = "", limit: int = PAGE) -> tuple[str, ...]:
        """See `Journal.persistence_ids`."""
        self._check_open()
        return tuple(sorted(each for each in self._streams if each > after)[:limit])

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        """See `Journal.stale_rows`."""
        self._check_open()
        stale = (row.persistence_id for row in self._rows.of_kind(kind) if row.state_version < state_version)
        return tuple(sorted(stale)[:limit])

    async def replace_rows(self, rows: Sequence[EntityRow]) -> int:
        """See `Journal.replace_rows`."""
        self._check_open()
        for row in rows:
            check_row(row, self._schemas)
        return sum(self._rows.replace(row) for row in rows)

    async def sweep(self, refold: Refold) -> int:
        """See `Journal.sweep`. Appends are whole or not at all."""
        return 0

    async def importing(self, on: bool) -> None:
        """See `Journal.importing`. Imports write like anybody else."""

    async def forget_commands(self, before: int) -> int:
        """See `Journal.forget_commands`."""
        self._check_open()
        old = [key for key, recorded in self._commands.items() if recorded.time < before]
        for key in old:
            del self._commands[key]
        return len(old)

    async def verify(self) -> tuple[str, ...]:
        """See `Journal.verify`. What is a list in memory can't have gaps."""
        self._check_open()
        return ()

    async def statistics(self) -> Statistics:
        """See `Journal.statistics`."""
        self._check_open()
        listed = {kind: sum(1 for row in self._rows.of_kind(kind) if row.index) for kind in self._schemas}
        return Statistics(len(self._log), listed, group_commits=self._appends, appends=self._appends)

    async def survey(self, seconds: float) -> EventSurvey:
        """See `Journal.survey`."""
        return await survey_of_log(self._log, seconds)

    def status(self) -> StoreStatus:
        """See `Journal.status`."""
        return StoreStatus("memory", 0)

    async def ping(self) -> None:
        """See `Journal.ping`."""
        self._check_open()

    async def close(self) -> None:
        """See `Journal.close`."""
        self._closed = True
        self._news.tell()

    def _check_open(self) -> None:
        if self._closed:
            raise JournalUnavailable("the journal is closed")

    def _stream(self, persistence_id: str) -> Sequence[StoredEvent]:
        return self._streams.get(persistence_id, ())

    def _check(self, append: Append) -> None:
        """Refuse the append, or return; command key, sequence number and claims in this order (rule C4)."""
        if append.command is not None:
            recorded = self._commands.get(append.command.id)
            if recorded and recorded.time >= append.events[0].metadata.time - COMMAND_RETENTION:
                raise DuplicateCommand(*msgspec.structs.astuple(recorded.command))
        head = len(self._stream(append.persistence_id))
        if head != append.expected_sequence_nr:
            raise SequenceConflict(append.persistence_id, append.expected_sequence_nr, head)
        for claim in append.take:
            holder = self._claims.get(claim.digest, append.persistence_id)
            if holder != append.persistence_id:
                raise ClaimTaken(claim, holder)

    def _is_stored(self, append: Append) -> bool:
        """Tell whether the event at the expected place is of this very attempt (rule C1)."""
        following = self._stream(append.persistence_id)[append.expected_sequence_nr :][:1]
        return any(event.metadata.attempt_id == append.attempt_id for event in following)

    def _store(self, append: Append) -> None:
        self._appends += 1
        self._streams.setdefault(append.persistence_id, []).extend(append.events)
        for event in append.events:
            self._log.append(PositionedEvent(len(self._log) + 1, append.persistence_id, event))
        for claim in append.release:
            if self._claims.get(claim.digest) == append.persistence_id:
                del self._claims[claim.digest]
        for claim in append.take:
            self._claims[claim.digest] = append.persistence_id
        if append.command is not None:
            place = RecordedCommand(append.persistence_id, append.sequence_nr, append.command.fingerprint)
            self._commands[append.command.id] = _Recorded(place, append.events[0].metadata.time)
        self._rows.write(append.row)
        self._news.tell()
