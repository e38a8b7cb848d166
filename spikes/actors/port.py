"""What the actor system offers to the web room and to housekeeping: questions to entities, and lists. No Thespian."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from spikes.journal.port import PAGE, Claim, CommandKey, Listed, Page, Query, Statistics, StoredEvent
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer


class AskTimeout(Exception):
    """No answer came in time; whether the command was carried out is not known."""


class Entities(Protocol):
    """Every entity there is, whether in memory or not, and what happens to them."""

    @property
    def feed(self) -> Feed:
        """What happens to notes, for those who listen."""
        ...

    async def ask(
        self,
        entity: PersistenceId,
        command: object,
        *,
        principal: str | None = None,
        request_id: str | None = None,
        expected: int | None = None,
        key: CommandKey | None = None,
        new: bool = False,
        traceparent: str | None = None,
    ) -> Answer:
        """Let the entity handle a command and return its answer.

        `expected` is the version that the command was made for (an If-Match), `key` the client's idempotency key. `new`
        says that the command creates the entity and that its id was drawn just now, so that nothing need be read first.
        `traceparent` is the span that asks.

        A caller that is cancelled cancels nothing: a command under way is carried out. Raises AskTimeout.
        """
        ...


class Views(Protocol):
    """What lists and health read. A journal is one."""

    identity: str
    capabilities: frozenset[str]
    """What the journal can do beyond what each must, see `Journal.capabilities`."""

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """Tell whether an entity in memory is still at this number (rule C6); None if only asking it can tell."""
        ...

    async def holder(self, claim: Claim) -> str | None:
        """Return the persistence id that holds a unique value."""
        ...

    async def query(self, query: Query) -> Page:
        """Read one page of a list."""
        ...

    async def count(self, query: Query) -> int:
        """Count all that `query` would list."""
        ...

    async def events(self, persistence_id: str, after: int = 0, limit: int = PAGE) -> tuple[StoredEvent, ...]:
        """Read events of one entity that follow a sequence number, in order."""
        ...

    async def listed(self, persistence_ids: Sequence[str]) -> tuple[Listed, ...]:
        """Return the rows of these entities, as far as they are listed, in any order."""
        ...

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """Return each value that the terms of this name have over all of a list, and how often."""
        ...

    async def total(self, kind: str, column: str) -> int:
        """Add up an integer column over all listed rows of a kind."""
        ...

    async def ping(self) -> None:
        """Make a round trip to the store."""
        ...

    async def statistics(self) -> Statistics:
        """Return figures for operators."""
        ...


class TooManyStreams(Exception):
    """The user listens to as many streams already as one may in one process."""


class FeedEvent(msgspec.Struct, frozen=True):
    """One event as a listener sees it: its place in the journal, the id to resume from, its type, and JSON."""

    position: int
    id: str
    type: str
    data: str


class Reset(msgspec.Struct, frozen=True):
    """What the listener resumed from is too old or of another journal: everything may have changed; go on from `id`."""

    id: str


class AccountChanged(msgspec.Struct, frozen=True):
    """Something happened to the listener's own account; the session may have ended."""


class Drained(msgspec.Struct, frozen=True):
    """The process is about to end, and so does the stream."""


FeedItem = FeedEvent | Reset | AccountChanged | Drained


class FeedStream(Protocol):
    """One listener's stream. It is used by one task, which closes it."""

    @property
    def id(self) -> str | None:
        """The id up to which the listener has been given everything, None while something still waits."""
        ...

    async def next(self, timeout: float) -> FeedItem | None:
        """Return what comes next; None after so many seconds without anything, and once the stream is `over`."""
        ...

    def at_hand(self) -> FeedEvent | None:
        """Return what comes next if it is an event that waits already."""
        ...

    @property
    def over(self) -> bool:
        """Whether nothing comes any more: it was closed, or dropped because it was read too slowly."""
        ...

    def close(self) -> None:
        """End it. Safe to call twice."""
        ...


class Feed(Protocol):
    """What happens to notes, told to those whom it concerns."""

    async def open(self, user_id: str, after: str | None, dropped: Callable[[], None]) -> FeedStream:
        """Listen in the name of a user, from behind the event with the id `after`, or from now on.

        `dropped` is called when the stream is dropped because it is read too slowly. Raises TooManyStreams,
        JournalUnavailable.
        """
        ...

    def drain(self) -> None:
        """Tell every listener, those to come too, that the process is about to end."""
        ...
