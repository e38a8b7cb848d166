"""A journal that fails on demand, for tests of whatever stands on the port. It wraps any other journal."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from spikes.journal.errors import JournalError, JournalUnavailable, OutcomeUnknown
from spikes.journal.port import (
    PAGE,
    Append,
    Appended,
    Claim,
    EntityRow,
    EventSurvey,
    Journal,
    Listed,
    Loaded,
    Page,
    PositionedEvent,
    Query,
    RecordedCommand,
    Refold,
    Statistics,
    StoredEvent,
    StoreStatus,
)

T = TypeVar("T")


class Hold:
    """A call that waits. `arrived` is set once it is waiting; it goes on when `release` is called."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let the call go on."""
        self._released.set()

    async def wait(self) -> None:
        """Wait for the release."""
        self.arrived.set()
        await self._released.wait()


class Fault:
    """What one call meets: an error instead of being run, a delay before, or an error after it was run."""

    def __init__(self, before: JournalError | Hold | None = None, after: JournalError | None = None) -> None:
        self.before = before
        self.after = after


class FaultyJournal:
    """Passes every call on, except that the next calls of a method meet the faults planned for it, in order.

    Faults are planned by the name of an asynchronous method of the port. `calls` counts all calls by name.
    """

    def __init__(self, journal: Journal) -> None:
        self.capabilities = journal.capabilities
        self.identity = journal.identity
        self.reach = journal.reach
        self.leeway = journal.leeway
        self.calls: defaultdict[str, int] = defaultdict(int)
        self._journal = journal
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def fail(self, method: str, times: int = 1) -> None:
        """Let the next calls raise JournalUnavailable; nothing is stored."""
        self.reject(method, JournalUnavailable("the journal fails on demand, nothing was stored"), times)

    def reject(self, method: str, error: JournalError, times: int = 1) -> None:
        """Let the next calls raise `error`; nothing is stored."""
        self._plan(method, times, lambda: Fault(before=error))

    def delay(self, method: str, times: int = 1) -> Hold:
        """Let the next calls wait until the returned hold is released."""
        hold = Hold()
        self._plan(method, times, lambda: Fault(before=hold))
        return hold

    def lose(self, method: str, times: int = 1) -> None:
        """Let the next calls do their work, then raise OutcomeUnknown instead of answering."""
        self._plan(method, times, lambda: Fault(after=OutcomeUnknown("the answer was lost on demand")))

    def _plan(self, method: str, times: int, fault: Callable[[], Fault]) -> None:
        if not asyncio.iscoroutinefunction(getattr(Journal, method, None)):
            raise ValueError(f"{method!r} is not an asynchronous method of the journal")
        self._planned[method].extend(fault() for _ in range(times))

    async def _call(self, method: str, run: Callable[[], Awaitable[T]]) -> T:
        self.calls[method] += 1
        planned = self._planned[method]
        fault = planned.popleft() if planned else Fault()
        if isinstance(fault.before, Hold):
            await fault.before.wait()
        elif fault.before is not None:
            raise fault.before
        answer = await run()
        if fault.after is not None:
            raise fault.after
        return answer

    async def append(self, append: Append) -> Appended:
        """See `Journal.append`."""
        return await self._call("append", lambda: self._journal.append(append))

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """See `Journal.is_current`."""
        return self._journal.is_current(persistence_id, sequence_nr)

    async def check_current(self, persistence_id: str, sequence_nr: int) -> bool:
        """See `Journal.check_current`."""
        return await self._call("check_current", lambda: self._journal.check_current(persistence_id, sequence_nr))

    def watch(self, persistence_id: str) -> None:
        """See `Journal.watch`."""
        self._journal.watch(persistence_id)

    def unwatch(self, persistence_id: str) -> None:
        """See `Journal.unwatch`."""
        self._journal.unwatch(persistence_id)

    async def load(self, persistence_id: str, state_version: int, to: int | None = None) -> Loaded:
        """See `Journal.load`."""
        return await self._call("load", lambda: self._journal.load(persistence_id, state_version, to))

    async def events(self, persistence_id: str, after: int = 0, limit: int = PAGE) -> tuple[StoredEvent, ...]:
        """See `Journal.events`."""
        return await self._call("events", lambda: self._journal.events(persistence_id, after, limit))

    async def holder(self, claim: Claim) -> str | None:
        """See `Journal.holder`."""
        return await self._call("holder", lambda: self._journal.holder(claim))

    async def command(self, command_id: str, now: int) -> RecordedCommand | None:
        """See `Journal.command`."""
        return await self._call("command", lambda: self._journal.command(command_id, now))

    async def query(self, query: Query) -> Page:
        """See `Journal.query`."""
        return await self._call("query", lambda: self._journal.query(query))

    async def count(self, query: Query) -> int:
        """See `Journal.count`."""
        return await self._call("count", lambda: self._journal.count(query))

    async def total(self, kind: str, column: str) -> int:
        """See `Journal.total`."""
        return await self._call("total", lambda: self._journal.total(kind, column))

    async def stream(
        self, after: int = 0, limit: int = PAGE, homes: frozenset[str] | None = None
    ) -> tuple[PositionedEvent, ...]:
        """See `Journal.stream`."""
        return await self._call("stream", lambda: self._journal.stream(after, limit, homes))

    def listen(self, homes: frozenset[str]) -> None:
        """See `Journal.listen`."""
        self._journal.listen(homes)

    async def head(self) -> int:
        """See `Journal.head`."""
        return await self._call("head", self._journal.head)

    async def wait_for_more(self, after: int) -> None:
        """See `Journal.wait_for_more`."""
        await self._call("wait_for_more", lambda: self._journal.wait_for_more(after))

    async def listed(self, persistence_ids: Sequence[str]) -> tuple[Listed, ...]:
        """See `Journal.listed`."""
        return await self._call("listed", lambda: self._journal.listed(persistence_ids))

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """See `Journal.term_counts`."""
        return await self._call("term_counts", lambda: self._journal.term_counts(query, name))

    async def streams(self, after: tuple[str, int] = ("", 0), limit: int = PAGE) -> tuple[PositionedEvent, ...]:
        """See `Journal.streams`."""
        return await self._call("streams", lambda: self._journal.streams(after, limit))

    async def persistence_ids(self, after: str = "", limit: int = PAGE) -> tuple[str, ...]:
        """See `Journal.persistence_ids`."""
        return await self._call("persistence_ids", lambda: self._journal.persistence_ids(after, limit))

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        """See `Journal.stale_rows`."""
        return await self._call("stale_rows", lambda: self._journal.stale_rows(kind, state_version, limit))

    async def replace_rows(self, rows: Sequence[EntityRow]) -> int:
        """See `Journal.replace_rows`."""
        return await self._call("replace_rows", lambda: self._journal.replace_rows(rows))

    async def sweep(self, refold: Refold) -> int:
        """See `Journal.sweep`."""
        return await self._call("sweep", lambda: self._journal.sweep(refold))

    async def importing(self, on: bool) -> None:
        """See `Journal.importing`."""
        await self._call("importing", lambda: self._journal.importing(on))

    async def forget_commands(self, before: int) -> int:
        """See `Journal.forget_commands`."""
        return await self._call("forget_commands", lambda: self._journal.forget_commands(before))

    async def verify(self) -> tuple[str, ...]:
        """See `Journal.verify`."""
        return await self._call("verify", self._journal.verify)

    async def statistics(self) -> Statistics:
        """See `Journal.statistics`."""
        return await self._call("statistics", self._journal.statistics)

    async def survey(self, seconds: float) -> EventSurvey:
        """See `Journal.survey`."""
        return await self._call("survey", lambda: self._journal.survey(seconds))

    def status(self) -> StoreStatus:
        """See `Journal.status`."""
        return self._journal.status()

    async def ping(self) -> None:
        """See `Journal.ping`."""
        await self._call("ping", self._journal.ping)

    async def close(self) -> None:
        """See `Journal.close`."""
        await self._call("close", self._journal.close)
