"""A journal with no optional ability at all, so that whatever stands on the port is tested on the least it may get."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from heapq import nsmallest

from msgspec.structs import replace

from spikes.journal.memory import MemoryJournal
from spikes.journal.port import PAGE, Page, PositionedEvent, Query, RowSchema, Statistics
from spikes.journal.words import has_words, words


class PlainJournal(MemoryJournal):
    """Keeps all in memory, but its streams come in an order of its own, and only what is in the feeds of some."""

    capabilities = frozenset()
    counted = 10
    """Up to so many events its figures are exact, or said to be."""

    def __init__(self, schemas: Sequence[RowSchema] = ()) -> None:
        super().__init__(schemas)
        self._listening: frozenset[str] = frozenset()

    async def query(self, query: Query) -> Page:
        """See `Journal.query`. What needs an ability is refused."""
        return await super().query(_within_abilities(query))

    async def count(self, query: Query) -> int:
        """See `Journal.count`."""
        return await super().count(_within_abilities(query))

    async def term_counts(self, query: Query, name: str) -> Mapping[str, int]:
        """See `Journal.term_counts`."""
        return await super().term_counts(_within_abilities(query), name)

    async def streams(self, after: tuple[str, int] = ("", 0), limit: int = PAGE) -> tuple[PositionedEvent, ...]:
        """See `Journal.streams`. The order is that of a digest, as it is where data is spread by one."""
        self._check_open()
        behind = _place(*after)
        rest = [each for each in self._log if _place(each.persistence_id, each.event.sequence_nr) > behind]
        found = nsmallest(limit, rest, key=lambda each: _place(each.persistence_id, each.event.sequence_nr))
        return tuple(replace(each, position=0) for each in found)

    async def persistence_ids(self, after: str = "", limit: int = PAGE) -> tuple[str, ...]:
        """See `Journal.persistence_ids`."""
        self._check_open()
        return tuple(nsmallest(limit, (each for each in self._streams if _token(each) > _token(after)), key=_token))

    async def stale_rows(self, kind: str, state_version: int, limit: int) -> tuple[str, ...]:
        """See `Journal.stale_rows`."""
        stale = await super().stale_rows(kind, state_version, 2**31)
        return tuple(sorted(stale, key=_token)[:limit])

    async def stream(
        self, after: int = 0, limit: int = PAGE, homes: frozenset[str] | None = None
    ) -> tuple[PositionedEvent, ...]:
        """See `Journal.stream`."""
        wanted = self._listening if homes is None else homes
        return tuple(each for each in await super().stream(after, 2**31) if self._home(each) in wanted)[:limit]

    def listen(self, homes: frozenset[str]) -> None:
        """See `Journal.listen`."""
        self._listening = homes

    async def statistics(self) -> Statistics:
        """See `Journal.statistics`."""
        figures = await super().statistics()
        return replace(figures, approximate=figures.events > self.counted)

    def _home(self, positioned: PositionedEvent) -> str | None:
        kind, _, entity_id = positioned.persistence_id.partition("|")
        feed = self._schemas[kind].feed if kind in self._schemas else None
        if feed == "":
            return entity_id
        row = self._rows.get(positioned.persistence_id)
        home = row.index.columns.get(feed) if feed and row and row.index else None
        return home if isinstance(home, str) else None


def _within_abilities(query: Query) -> Query:
    if query.sort is None:
        raise ValueError("this journal has no lists by relevance")
    if any(term.prefix or len(words(" ".join(term.words))) > 1 for term in query.text if has_words(term.words)):
        raise ValueError("this journal finds whole words alone")
    return query


def _place(persistence_id: str, sequence_nr: int) -> tuple[bytes, str, int]:
    return *_token(persistence_id), sequence_nr


def _token(persistence_id: str) -> tuple[bytes, str]:
    return hashlib.md5(
        persistence_id.encode(), usedforsecurity=False
    ).digest() if persistence_id else b"", persistence_id
