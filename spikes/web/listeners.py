"""The connections of those who listen to the feed.

aiohttp tells a handler that its client is gone only when it writes, which may be long after. And a client that takes
nothing must not hold up the end of the service.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from aiohttp import web

from spikes.actors.port import Feed, FeedStream

LOOK = 0.25
"""Seconds between two looks at who is gone, while anybody listens."""

LAST_WORD = 1.0
"""Seconds that listeners have to take what is sent to them once the service drains."""

SILENT = 60_000
"""Milliseconds after which a machine that confirms nothing counts as gone (the system's own limit is 15 minutes)."""


class Listeners:
    """All streams of this process with their connections."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._listening: dict[FeedStream, asyncio.Transport] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._listening)

    async def admit(self, user_id: str, after: str | None, request: web.Request) -> FeedStream:
        """Let a user listen on a connection. Raises TooManyStreams, JournalUnavailable, ConnectionError."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone already")
        _notice_silence(transport)
        stream = await self._feed.open(user_id, after, transport.abort)
        self._listening[stream] = transport
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK, self._look)
        return stream

    def dismiss(self, stream: FeedStream) -> None:
        """End a stream. Safe to call twice."""
        stream.close()
        self._listening.pop(stream, None)
        if not self._listening and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def drain(self) -> None:
        """Tell all that the service is about to stop; who does not take it is cut off."""
        self._feed.drain()
        asyncio.get_running_loop().call_later(LAST_WORD, self._cut_off)

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK, self._look)
        for stream, transport in tuple(self._listening.items()):
            if transport.is_closing():
                self.dismiss(stream)

    def _cut_off(self) -> None:
        for transport in tuple(self._listening.values()):
            transport.abort()


def _notice_silence(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        with suppress(OSError):  # only a hint
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT)
