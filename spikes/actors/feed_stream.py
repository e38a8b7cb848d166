"""One stream of the feed: what waits for its reader, and what it still has to catch up with."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, cast

from spikes.actors.port import FeedEvent, FeedItem

MOST_WAITING = 500
"""Items that may wait for the reader; a stream that would have more of them is dropped."""

MOST_TEXT = 2_000_000
"""Characters of content that may wait for the reader, unless it is all one event's."""


class Source(Protocol):
    """Where a stream gets its items from."""

    position: int
    """Up to here, live streams have been given everything."""

    def place(self, position: int) -> str:
        """Return the id of a position."""
        ...

    async def catch_up(self, stream: Stream) -> None:
        """Give a stream some more of what it lacks, or let it be live."""
        ...

    def left(self, stream: Stream) -> None:
        """Forget a stream."""
        ...


class Stream:
    """A `FeedStream`. Once it is `live` it is given each event; before that it fetches what it lacks, page by page.

    With `behind` it lacks something even if its position does not say so, as that may be of another process.
    """

    def __init__(self, source: Source, dropped: Callable[[], None]) -> None:
        self.position = 0
        self.live = False
        self.behind = False
        self.over = False
        self._source = source
        self._dropped = dropped
        self._waiting: deque[FeedItem] = deque()
        self._text = 0
        self._more = asyncio.Event()

    @property
    def id(self) -> str | None:
        """See `FeedStream.id`."""
        if self._waiting:
            return None
        return self._source.place(max(self.position, self._source.position) if self.live else self.position)

    async def next(self, timeout: float) -> FeedItem | None:
        """See `FeedStream.next`."""
        end = asyncio.get_running_loop().time() + timeout
        while not self._waiting and not self.over:
            if not self.live:
                await self._source.catch_up(self)
            elif not await self._wait_until(end):
                return None
        return self._take() if self._waiting else None

    def at_hand(self) -> FeedEvent | None:
        """See `FeedStream.at_hand`."""
        if not self._waiting or not isinstance(self._waiting[0], FeedEvent):
            return None
        return cast(FeedEvent, self._take())

    def give(self, item: FeedItem) -> None:
        """Let an item wait for the reader; what it knows already is left out. Too much, and the stream is dropped."""
        if self.over or (isinstance(item, FeedEvent) and item.position <= self.position):
            return
        text = _length(item)
        if len(self._waiting) >= MOST_WAITING or (self._waiting and self._text + text > MOST_TEXT):
            self.close()
            self._dropped()
            return
        self._put(item, text)

    def catch_up(self, items: Iterable[FeedItem], position: int) -> None:
        """Take in a page of what was missed, up to a position."""
        for item in items:
            self._put(item, _length(item))
        self.position = position

    def close(self) -> None:
        """See `FeedStream.close`."""
        if not self.over:
            self.over = True
            self._waiting.clear()
            self._more.set()
            self._source.left(self)

    async def _wait_until(self, end: float) -> bool:
        self._more.clear()
        try:
            async with asyncio.timeout_at(end):
                return await self._more.wait()
        except TimeoutError:
            return False

    def _put(self, item: FeedItem, text: int) -> None:
        self._waiting.append(item)
        self._text += text
        self._more.set()

    def _take(self) -> FeedItem:
        item = self._waiting.popleft()
        self._text -= _length(item)
        return item


def _length(item: FeedItem) -> int:
    return len(item.data) if isinstance(item, FeedEvent) else 0
