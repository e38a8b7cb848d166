"""The tag cloud: how often each tag stands on the notes that the caller may see.

Counting all public notes takes long once there are many, so all callers share what was counted at most `OLDEST` seconds
ago; the caller's own private notes are counted at each request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import log

import msgspec

from spikes.actors.port import Views
from spikes.domain.shapes import Id
from spikes.domain.tag.response import listed_tag
from spikes.journal.errors import JournalError
from spikes.journal.port import Equal, Query

OLDEST = 5.0
"""How old the counts over public notes may be, in seconds."""

CHEAP = 0.02
"""Counts that took less than so many seconds are not kept at all."""

SHOWN = 200
"""How many tags are shown: those that are used most."""

WEIGHTS = 5

Clock = Callable[[], float]
"""Seconds of a clock that nobody sets."""

PUBLIC = Query("note", (Equal("access", "Public"), Equal("trashed", None)))


class TagCount(msgspec.Struct, frozen=True):
    """A tag in the cloud; `weight` is 1 to 5, by the logarithm of the count."""

    id: Id
    title: str
    color: str
    count: int
    weight: int


class TagCloud:
    """The counts of one process. One computation runs at a time, and whoever comes meanwhile waits for it too."""

    def __init__(self) -> None:
        self._counts: Mapping[str, int] = {}
        self._good_until = self._renew_from = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def show(self, views: Views, monotonic: Clock, user_id: str | None) -> list[TagCount]:
        """Return the cloud as a user sees it, the most used tag first. Raises JournalUnavailable."""
        counts = Counter(await self._public(views, monotonic))
        if user_id is not None:
            counts.update(await views.term_counts(_private(user_id), "tag"))
        most = dict(counts.most_common(SHOWN))
        rows = await views.listed([f"tag|{tag}" for tag in most])
        tags = [listed_tag(row.item) for row in rows]
        top = max((most[tag.id] for tag in tags), default=1)
        shown = [TagCount(tag.id, tag.title, tag.color, most[tag.id], weight(most[tag.id], top)) for tag in tags]
        return sorted(shown, key=lambda tag: (-tag.count, tag.title.casefold(), tag.id))

    async def _public(self, views: Views, monotonic: Clock) -> Mapping[str, int]:
        now = monotonic()
        if now >= self._renew_from and self._counting is None:
            self._counting = asyncio.create_task(self._count(views, monotonic))
            self._counting.add_done_callback(self._counted)
        if now >= self._good_until and self._counting is not None:
            await asyncio.shield(self._counting)
        return self._counts

    async def _count(self, views: Views, monotonic: Clock) -> None:
        began = monotonic()
        self._counts = await views.term_counts(PUBLIC, "tag")
        took = monotonic() - began
        if took < CHEAP:
            self._renew_from = self._good_until = began
        else:  # begin early enough that the next ones are there before these are too old
            self._renew_from, self._good_until = began + min(OLDEST / 2, OLDEST - 2 * took), began + OLDEST

    def _counted(self, counting: asyncio.Task[None]) -> None:
        """Make room for the next one. Who waits hears of a failure; without anybody waiting it is met again."""
        self._counting = None
        with suppress(asyncio.CancelledError, JournalError):
            counting.result()


def weight(count: int, top: int) -> int:
    """Return 1 for a tag that stands on one note, 5 for the one that is used most, by the logarithm in between."""
    return 1 + round((WEIGHTS - 1) * log(count) / log(top)) if top > 1 else 1


def _private(user_id: str) -> Query:
    return Query("note", (Equal("owner", user_id), Equal("trashed", None), Equal("access", "Private")))
