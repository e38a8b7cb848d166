"""What the actor system offers to the web room and to housekeeping: questions to entities, and lists. No Thespian."""

from __future__ import annotations

from typing import Protocol

from spikes.journal.port import Claim, CommandKey, Page, Query, Statistics
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer


class AskTimeout(Exception):
    """No answer came in time; whether the command was carried out is not known."""


class Entities(Protocol):
    """Every entity there is, whether in memory or not."""

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
    ) -> Answer:
        """Let the entity handle a command and return its answer.

        `expected` is the version that the command was made for (an If-Match), `key` the client's idempotency key. `new`
        says that the command creates the entity and that its id was drawn just now, so that nothing need be read first.
        A caller that is cancelled cancels nothing: a command under way is carried out. Raises AskTimeout.
        """
        ...


class Views(Protocol):
    """What lists and health read. A journal is one."""

    identity: str

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

    async def total(self, kind: str, column: str) -> int:
        """Add up an integer column over all listed rows of a kind."""
        ...

    async def ping(self) -> None:
        """Make a round trip to the store."""
        ...

    async def statistics(self) -> Statistics:
        """Return figures for operators."""
        ...
