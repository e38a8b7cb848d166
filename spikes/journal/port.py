"""The journal port: events in order per persistence id, with the rows that lists read, behind a plugin.

A journal knows bytes, numbers and names, never domain classes. All times are whole milliseconds since the Unix
epoch, UTC. The rules named in docstrings (C1, S3, ...) are those of `docs/protocol.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

COMMAND_RETENTION = 24 * 60 * 60 * 1000
"""How long a client key is remembered, in milliseconds."""

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""The largest payload of one event, in bytes."""

PAGE = 10_000
"""The most events that one `load` or `events` answers."""

LONGEST = 20
"""How many of the longest streams a survey names."""

REACH = 100_000
"""How many events of the whole journal a listener may have missed and still resume, where positions count events."""

ALL_ABILITIES = frozenset(
    {"ranking", "prefix", "phrase", "exact_counts", "sort:title", "sort:due", "sort:updated", "total_order"}
)
"""Everything that a journal can do beyond what each must, see `Journal.capabilities`."""

RANKED = 10_000
"""The most rows that a search looks at: of more, those that were first stored last."""


class Claim(msgspec.Struct, frozen=True, order=True):
    """The right to a unique value (an e-mail, a slug): its kind and the SHA-256 of kind and value, never the value.

    Claims with the same `place` can be kept side by side by a store that spreads data, and so be taken together.
    """

    kind: str
    digest: bytes
    place: bytes = b""

    @classmethod
    def of(cls, kind: str, *values: str) -> Claim:
        """Return the claim on `values` taken together, within `kind`; its place is that of the last value."""
        text = "\0".join((kind, *values))
        place = hashlib.sha256(values[-1].encode()).digest()[:16]
        return cls(kind, hashlib.sha256(text.encode()).digest(), place)


class Metadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who and what led to an event. `attempt_id` marks one run of one command (rule C1).

    `traceparent` is the span in which it happened, as W3C Trace Context writes it. Releases that don't know a field of
    this pass over it (rule R4).
    """

    time: int
    attempt_id: str
    principal: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    command_id: str | None = None
    writer_id: str | None = None
    traceparent: str | None = None


class StoredEvent(msgspec.Struct, frozen=True):
    """One event as it is stored. `type` is a chosen name with a version (`note-created@1`), never an import path."""

    sequence_nr: int
    type: str
    payload: bytes
    metadata: Metadata
    tags: tuple[str, ...] = ()
    encoding: str | None = None
    key_id: str | None = None


class PositionedEvent(msgspec.Struct, frozen=True):
    """An event of the whole journal's stream: its position there, and whose it is."""

    position: int
    persistence_id: str
    event: StoredEvent


class Snapshot(msgspec.Struct, frozen=True):
    """The state at `sequence_nr`, encoded by a behaviour of `state_version`."""

    sequence_nr: int
    state_version: int
    state: bytes
    encoding: str | None = None
    key_id: str | None = None


class RowVersion(msgspec.Struct, frozen=True, order=True):
    """What decides which of two rows is newer (rule R2)."""

    sequence_nr: int
    state_version: int


class IndexPart(msgspec.Struct, frozen=True):
    """What lists read of an entity: declared columns, multi-valued terms, search text by part, and the list item.

    `search` maps each part (the entity itself is "", a comment its id) to one text for each declared text field.
    `changed` names the parts that differ from the row at `base`; it is only a hint that saves work: a store whose
    row is not at `base` writes all parts. None means all.
    """

    columns: Mapping[str, str | int | None]
    item: bytes
    terms: tuple[tuple[str, str], ...] = ()
    search: Mapping[str, tuple[str, ...]] = {}
    changed: frozenset[str] | None = None
    base: RowVersion | None = None


class EntityRow(msgspec.Struct, frozen=True):
    """The stored fold of an entity: a pure function of its events and the state version (rule R1).

    `index` None means not listed. `snapshot` None leaves the stored snapshot as it is.
    """

    persistence_id: str
    sequence_nr: int
    state_version: int
    index: IndexPart | None
    snapshot: Snapshot | None

    @property
    def version(self) -> RowVersion:
        """Return what decides which row is newer."""
        return RowVersion(self.sequence_nr, self.state_version)


class CommandKey(msgspec.Struct, frozen=True):
    """A client's idempotency key, made unique by whoever sends it, and a digest of what was asked under it."""

    id: str
    fingerprint: bytes


class RecordedCommand(msgspec.Struct, frozen=True):
    """Where the result of a command with a client key stands."""

    persistence_id: str
    sequence_nr: int
    fingerprint: bytes


class Append(msgspec.Struct, frozen=True):
    """Events of one effect, the row they lead to, and claims; stored whole or not at all.

    `events` start at `expected_sequence_nr + 1` without gaps and share one attempt id. `deadline` is in seconds of
    `time.monotonic()`; after it the append must not be sent (rule C2). `before` is what lists showed of the entity so
    far, if whoever appends knows it: a store that keeps rows in several places then knows which ones it leaves.
    """

    persistence_id: str
    expected_sequence_nr: int
    events: tuple[StoredEvent, ...]
    row: EntityRow
    take: tuple[Claim, ...] = ()
    release: tuple[Claim, ...] = ()
    command: CommandKey | None = None
    deadline: float | None = None
    before: IndexPart | None = None

    @property
    def attempt_id(self) -> str:
        """Return the attempt that all the events belong to."""
        return self.events[0].metadata.attempt_id

    @property
    def sequence_nr(self) -> int:
        """Return the stream's last sequence number once this is stored."""
        return self.expected_sequence_nr + len(self.events)


class Appended(msgspec.Struct, frozen=True):
    """The append is durable; `sequence_nr` is the stream's last one now."""

    sequence_nr: int


class Loaded(msgspec.Struct, frozen=True):
    """A snapshot that may be trusted (or None) and the events after it, both of one moment.

    At most `PAGE` events; `complete` tells whether they are all, else `events()` has the rest. `row` is the version
    of the stored row, whatever its state version.
    """

    snapshot: Snapshot | None
    events: tuple[StoredEvent, ...]
    complete: bool = True
    row: RowVersion | None = None

    @property
    def sequence_nr(self) -> int:
        """The number up to which a fold of this goes."""
        if self.events:
            return self.events[-1].sequence_nr
        return self.snapshot.sequence_nr if self.snapshot else 0


class Equal(msgspec.Struct, frozen=True, tag=True):
    """The column has this value; None means that it has none."""

    column: str
    value: str | int | None


class AtLeast(msgspec.Struct, frozen=True, tag=True):
    """The column has a value, and it is this or greater."""

    column: str
    value: str | int


class AtMost(msgspec.Struct, frozen=True, tag=True):
    """The column has a value, and it is this or smaller."""

    column: str
    value: str | int


class HasTerm(msgspec.Struct, frozen=True, tag=True):
    """The entity has this value among the terms of this name."""

    name: str
    value: str


class AnyOf(msgspec.Struct, frozen=True, tag=True):
    """At least one of these holds."""

    conditions: tuple[Condition, ...]


Condition = Equal | AtLeast | AtMost | HasTerm | AnyOf


class TextTerm(msgspec.Struct, frozen=True):
    """Words that stand one after another in one text; with `prefix` the last one may go on.

    What is a word, and which words are alike, says `words.py`; a term in which there is none asks for nothing.
    """

    words: tuple[str, ...]
    prefix: bool = False


class Sort(msgspec.Struct, frozen=True):
    """The order of a list. Ties are broken by persistence id in the same direction; rows without a value come last."""

    column: str
    descending: bool = False


class Cursor(msgspec.Struct, frozen=True):
    """The last row of a page: its sort value and persistence id."""

    value: str | int | None
    persistence_id: str


class Query(msgspec.Struct, frozen=True):
    """Listed rows of one kind for which all of `where` holds and each of `text` is found in some part.

    `sort` None means by relevance, best first, and needs `text` and the ability "ranking"; of equally good rows the one
    that was first stored last comes first. `after` starts behind a row, `offset` then skips so many; skipping costs as
    much as reading, so it suits the first pages only. No page costs more because there are more rows of the kind, as
    long as the conditions begin like an index and the sort column follows there.
    """

    kind: str
    where: tuple[Condition, ...] = ()
    text: tuple[TextTerm, ...] = ()
    sort: Sort | None = Sort("created", descending=True)
    after: Cursor | None = None
    offset: int = 0
    limit: int = 50


class Listed(msgspec.Struct, frozen=True):
    """One row of a page: the list item as it was stored, and the number of the event it shows."""

    persistence_id: str
    sequence_nr: int
    item: bytes


class Page(msgspec.Struct, frozen=True):
    """Rows in order, and where the next page starts (None at the end).

    A page whose rows are few and far between may be short, or even empty, before the end: `next` alone tells. With
    `truncated` a search has found more than it looked at, see `RANKED`.
    """

    rows: tuple[Listed, ...]
    next: Cursor | None = None
    truncated: bool = False


class Home(msgspec.Struct, frozen=True):
    """A place in which listed rows of a kind stand together, in the order of a column, for stores that spread data.

    Without `column` and `term` all rows of the kind do. Each value of `column` (or of the terms named `term`) has a
    home of its own; with `value`, only the rows that have this value have a home. `span` says how much of the values of
    an integer `order` column stands in one partition: for times, milliseconds; None is all of it.
    """

    column: str | None = None
    value: str | int | None = None
    term: str | None = None
    order: str = "created"
    span: int | None = None


class RowSchema(msgspec.Struct, frozen=True):
    """What a behaviour declares of its rows, so that a plugin can make tables and indexes before the first one.

    `indexes` are tuples of columns; a plugin adds the persistence id to each itself. `text` names the fields of
    each search part. `scope` names columns that seldom change and narrow most searches (whose, who may see it), so that
    a plugin can keep them beside the text. `counted` names terms whose values are counted often, and over which lists:
    those for which some columns have one value each, so that a plugin can keep the counts. `homes` and `ranges` are for
    stores that spread data: the places that lists are read from, and the integer columns that lists are narrowed by
    ranges of. `feed` is the column with the id of the user in whose feed the entity's events are told, "" for the
    entity's own id, None for nobody's. Columns, homes and ranges are only ever added (rule R4); any change raises the
    state version (rule R1).
    """

    kind: str
    state_version: int
    columns: Mapping[str, Literal["text", "integer"]] = {}
    indexes: tuple[tuple[str, ...], ...] = ()
    text: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    counted: Mapping[str, tuple[tuple[str, ...], ...]] = {}
    homes: tuple[Home, ...] = (Home(),)
    ranges: tuple[str, ...] = ()
    feed: str | None = None


class Statistics(msgspec.Struct, frozen=True):
    """Figures for operators. `listed` counts the listed rows of each kind."""

    events: int
    listed: Mapping[str, int]
    bytes: int | None = None
    approximate: bool = False
    group_commits: int = 0
    appends: int = 0


class TypeFigures(msgspec.Struct, frozen=True):
    """How many events of a type there are, and when the first and the last one happened (milliseconds)."""

    type: str
    events: int
    first: int
    last: int


class EventSurvey(msgspec.Struct, frozen=True):
    """What a look at all events found; with `complete` false, what it found in the time that it was given.

    `types` are in the order of their names, `longest` are ids with their numbers of events, the longest streams first.
    """

    events: int
    streams: int
    types: tuple[TypeFigures, ...]
    longest: tuple[tuple[str, int], ...]
    complete: bool


class Host(msgspec.Struct, frozen=True):
    """A machine of a store that is spread. `connections` and `in_flight` are of this process; None if not known."""

    address: str
    up: bool | None
    datacenter: str | None
    rack: str | None
    version: str | None
    connections: int | None
    in_flight: int | None


class StoreStatus(msgspec.Struct, frozen=True):
    """How the store of this process does, as far as that costs nothing to tell.

    `waiting` counts the appends that are not answered yet, `log_bytes` is the size of a write-ahead log.
    """

    plugin: str
    waiting: int
    log_bytes: int | None = None
    hosts: tuple[Host, ...] = ()


Refold = Callable[[str], Awaitable[EntityRow | None]]
"""Folds all events of an entity and returns its row; None if they can't be read."""


class Journal(Protocol):
    """Where events live. Every plugin passes `tests/journal/test_contract.py`.

    Any method may raise `JournalUnavailable`. None raises an exception that is not a `JournalError`.
    """

    capabilities: frozenset[str]
    """Optional abilities: "ranking", "prefix", "phrase", "exact_counts", "sort:title", "sort:due", "sort:updated"; and
    "keys_expire": client keys are forgotten without anybody asking for it; and
    "total_order": `stream` has the events of all entities, once, in the order in which they were stored."""

    identity: str
    """The journal's own id, made when it was created and never changed."""

    async def append(self, append: Append) -> Appended:
        """Store the events, row, claims and command key of `append` together, durably, before answering.

        Checks in this order (rule C4): command key, sequence number, claims in the order of `take`. A claim that
        this persistence id already holds is not taken. Raises SequenceConflict, ClaimTaken, DuplicateCommand,
        DeadlinePassed, EventTooLarge, JournalUnavailable or OutcomeUnknown.
        """
        ...

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """Tell whether a fold up to `sequence_nr` is the newest (rule C6), or None if only `check_current` can tell.

        Costs no I/O worth waiting for, so that a warm entity can answer at once. Only asked of watched entities.
        """
        ...

    async def check_current(self, persistence_id: str, sequence_nr: int) -> bool:
        """Tell whether a fold up to `sequence_nr` is the newest, with a round trip if need be (rules C6, K10)."""
        ...

    def watch(self, persistence_id: str) -> None:
        """Note that this entity is live or loading, before its first `load` (rule S5)."""
        ...

    def unwatch(self, persistence_id: str) -> None:
        """Forget an entity that is no longer in memory."""
        ...

    async def load(self, persistence_id: str, state_version: int, to: int | None = None) -> Loaded:
        """Read what a fold needs: the newest snapshot of exactly `state_version` (rule R3) and the events after it.

        With `to`, nothing after that sequence number. An entity without events gives an empty `Loaded`.
        """
        ...

    async def events(self, persistence_id: str, after: int = 0, limit: int = PAGE) -> tuple[StoredEvent, ...]:
        """Read up to `limit` events of one stream that follow sequence number `after`, in order."""
        ...

    async def holder(self, claim: Claim) -> str | None:
        """Return the persistence id that holds `claim`."""
        ...

    async def command(self, command_id: str, now: int) -> RecordedCommand | None:
        """Return what was stored under a client key within `COMMAND_RETENTION` before `now` (rule C4)."""
        ...

    async def query(self, query: Query) -> Page:
        """Read one page of a list. Raises ValueError for a column, term or ability the schema doesn't have."""
        ...

    async def count(self, query: Query) -> int:
        """Count all rows that `query` would list, whatever its `after` and `limit`."""
        ...

    async def total(self, kind: str, column: str) -> int:
        """Add up an integer column over all listed rows of a kind."""
        ...

    reach: int
    """How far a position may be behind `head()` for `stream` to still go on from it without a gap."""

    leeway: int
    """How far ahead of `head()` a position may be that another process has given."""

    async def stream(
        self, after: int = 0, limit: int = PAGE, homes: frozenset[str] | None = None
    ) -> tuple[PositionedEvent, ...]:
        """Read events of all entities whose position follows `after`, in the order of their positions.

        A journal without "total_order" has only what is in the feeds of `homes` (users' ids), or of those that
        `listen` named; it leaves nothing out, but may give an event again (rule K11). With `homes`, `after` may be of
        another process, and the events' positions may begin before it; fewer than `limit` events are the last. Without,
        `after` is of this one: raises FeedOverrun if too much has arrived since.
        """
        ...

    def listen(self, homes: frozenset[str]) -> None:
        """Say in whose feeds (users' ids) `wait_for_more` and `stream` have to find events from now on."""
        ...

    async def head(self) -> int:
        """Return the position of the last event of all, 0 if there is none."""
        ...

    async def wait_for_more(self, after: int) -> None:
        """Return once there is an event whose position follows `after`, of whatever process.

        At once after an append of this process. While nobody waits, it costs nothing.
        """
        ...

    async def listed(self, persistence_ids: Sequence[str]) -> tuple[Listed, ...]:
        """Return the rows of these entities, as far as they are listed, in any order."""
        ...

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """Return each value that the terms of this name have, with the number of rows that have it.

        Over all rows that `query` would list. That may take long over many rows, but holds up nothing else.
        """
        ...

    async def streams(self, after: tuple[str, int] = ("", 0), limit: int = PAGE) -> tuple[PositionedEvent, ...]:
        """Read events of all entities, one stream after another, each in order, from behind a place (id, number).

        For whoever folds everything: one read instead of one for each entity. Streams come in an order of the journal's
        own that stays; positions mean nothing here.
        """
        ...

    async def persistence_ids(self, after: str = "", limit: int = PAGE) -> tuple[str, ...]:
        """List ids that have events and follow `after` in the journal's own order, that of `streams`."""
        ...

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        """List ids of a kind whose row is of an older state version than this (rule R3)."""
        ...

    async def replace_rows(self, rows: Sequence[EntityRow]) -> int:
        """Write recomputed rows; return how many differed from what was stored.

        A stored row that is newer by `RowVersion` stays; one at the same version with other content is replaced.
        """
        ...

    async def sweep(self, refold: Refold) -> int:
        """Finish what a crash, here or in another process, left half done (rules K6, K7); return how much.

        Nothing to do for a journal whose appends are whole or not at all.
        """
        ...

    async def importing(self, on: bool) -> None:
        """Say that nothing but one import writes into this journal from now on, or that all of it is there (rule K13).

        A journal that is being imported may be opened by imports alone. Many journals have no use for it.
        """
        ...

    async def forget_commands(self, before: int) -> int:
        """Drop client keys recorded before that time; return how many."""
        ...

    async def verify(self) -> tuple[str, ...]:
        """Look for damage (file integrity, gaps in streams, rows ahead of their events); return what was found."""
        ...

    async def statistics(self) -> Statistics:
        """Return figures for operators."""
        ...

    async def survey(self, seconds: float) -> EventSurvey:
        """Look at all events, one after another, for so many seconds at most; it holds up nothing else."""
        ...

    def status(self) -> StoreStatus:
        """Return how the store does, without asking it anything."""
        ...

    async def ping(self) -> None:
        """Make a round trip to the store; raises JournalUnavailable if it can't serve reads and writes now."""
        ...

    async def close(self) -> None:
        """Finish what was taken in, then let go of the store. Safe to call twice."""
        ...
