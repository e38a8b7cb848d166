"""The live feed as server-sent events.

Why not the library aiohttp-sse: its response is one of its own, while here every answer passes the edge, which sends
streams, too. Its comment lines come from a task for each stream and can't carry an id; with one, a client that heard
nothing for long can still resume (a comment costs no more than that).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from spikes.actors.port import (
    AccountChanged,
    AskTimeout,
    Drained,
    FeedEvent,
    FeedItem,
    FeedStream,
    Reset,
    TooManyStreams,
)
from spikes.domain.user.entity import Session
from spikes.web.call import Call
from spikes.web.errors import RETRY_SOON, Problem, Refused, not_authenticated
from spikes.web.parameters import Opaque
from spikes.web.reply import Headers, Reply
from spikes.web.tickets import live_session

AFTER = Opaque("after", text="The id of the last event that is known: the feed goes on behind it.")
HEARTBEAT = 15.0
"""Seconds between two comment lines."""

RETRY = 2000
"""Milliseconds after which a browser comes back when the stream has ended."""

MOST_AT_ONCE = 32_768
"""Characters after which no further event goes into the same write."""

HEADERS: Headers = (("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no"))


async def listen(call: Call) -> Reply:
    """GET /feed: what happens to the caller's notes and to what they relate to, as it happens."""
    if call.request.method == "HEAD":
        return Reply(200, headers=HEADERS)
    after = call.header("Last-Event-ID") or call.text("after")
    try:
        stream = await call.services.listeners.admit(call.caller.user_id, after, call.request)
    except TooManyStreams as problem:
        raise Problem(429, "too_many_streams", str(problem), RETRY_SOON) from None
    session = None
    try:
        session = await live_session(call, call.caller)  # only now, so that its end can't go unnoticed
    finally:
        if session is None:
            call.services.listeners.dismiss(stream)
    if session is None:
        raise not_authenticated()
    return Reply(200, headers=HEADERS, stream=Frames(call, stream, session))


class Frames(AsyncGenerator[bytes, None]):
    """The body of one stream, frame by frame. A class, as a generator that never began would not be told of its end."""

    def __init__(self, call: Call, stream: FeedStream, session: Session) -> None:
        self._call = call
        self._stream = stream
        self._session = session
        self._time = asyncio.get_running_loop().time
        self._comment_due = self._time() + HEARTBEAT
        self._begun = False

    async def asend(self, _: None) -> bytes:
        """Return the next frame."""
        if not self._begun:
            self._begun = True
            return f"retry: {RETRY}\n{self._id()}\n".encode()
        while not self._stream.over:
            item = await self._stream.next(self._comment_due - self._time())
            if not await self._goes_on(item):
                break
            if item is not None and not isinstance(item, AccountChanged):
                return self._frame(item)
            if self._time() >= self._comment_due:
                self._comment_due = self._time() + HEARTBEAT
                return f": still here\n{self._id()}\n".encode()
        await self.aclose()
        raise StopAsyncIteration

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> bytes:
        """End the stream."""
        await self.aclose()
        raise typ if val is None else val

    async def aclose(self) -> None:
        """End the stream."""
        self._call.services.listeners.dismiss(self._stream)

    def _frame(self, item: FeedEvent | Reset | Drained) -> bytes:
        match item:
            case FeedEvent():
                return self._frames(item)
            case Reset():
                return f"id: {item.id}\nevent: reset\ndata: {{}}\n\n".encode()
            case Drained():
                self._stream.close()
                return b"event: drain\ndata: {}\n\n"

    def _frames(self, event: FeedEvent) -> bytes:
        """Return the frame of an event, and of those that wait behind it: one write for all when there is much."""
        text = ""
        following: FeedEvent | None = event
        while following:
            text += f"id: {following.id}\nevent: {following.type}\ndata: {following.data}\n\n"
            following = self._stream.at_hand() if len(text) < MOST_AT_ONCE else None
        return text.encode()

    def _id(self) -> str:
        place = self._stream.id
        return "" if place is None else f"id: {place}\n"

    async def _goes_on(self, item: FeedItem | None) -> bool:
        """Tell whether the session still has not ended."""
        try:
            if isinstance(item, AccountChanged) and await live_session(self._call, self._call.caller) is None:
                return False
        except (AskTimeout, Refused):
            return False
        return self._call.services.sources.now() < self._session.expires
