"""The live feed: one reader of the journal a process, however many listen, and none while nobody does.

wait for more -> read events -> look at those that somebody wants -> give them to the listeners -> and so on

A new listener fetches for itself what it missed, and is live once it has come as far as the reader. That is decided
between two deliveries, never within one, so that no event is left out or given twice.

A journal without "total_order" has to be told in whose feeds there is something to find, before it is asked from where
on. It may give an event twice, and its positions are times, so they go on while nothing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from spikes import telemetry
from spikes.actors.feed_interests import Audience, Listener, interests_of
from spikes.actors.feed_place import read_place, write_place
from spikes.actors.feed_sights import Sight, Sights, feed_event
from spikes.actors.feed_stream import Stream
from spikes.actors.port import AccountChanged, Drained, FeedEvent, Reset, TooManyStreams
from spikes.journal.errors import FeedOverrun, JournalError
from spikes.journal.port import Journal, PositionedEvent
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.reading import Unreadable

MOST_STREAMS = 20
"""How many streams one user may have in one process."""

PAGE = 500
"""How many events are read at once."""

CATCH_UP_PAGE = 200
"""How many events one listener looks through at once."""

CATCHING_UP = 4
"""How many listeners catch up at the same time; the others wait for their turn."""

IDLE = 60.0
"""Seconds after which a position that is a time is drawn anew."""

RETRY = 1.0
"""Seconds until the next try when the journal can't be read."""

log = structlog.get_logger(__name__)


class FeedHub:
    """The `Feed` of one process. Lives on one event loop; needs the behaviours of notes and users once it is opened."""

    def __init__(self, journal: Journal, behaviors: Mapping[str, EventSourcedBehavior[Any, Any, Any]]) -> None:
        self.position = 0
        self._journal = journal
        self._ordered = "total_order" in journal.capabilities
        self._behaviors = behaviors
        self._sights = Sights(journal, behaviors)
        self._audience = Audience()
        self._owners: dict[Stream, Listener] = {}
        self._turns = asyncio.Semaphore(CATCHING_UP)
        self._delivering = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._draining = False

    @property
    def streams(self) -> int:
        """How many streams there are."""
        return len(self._owners)

    @property
    def reading(self) -> bool:
        """Whether the journal is being read."""
        return self._reader is not None

    async def open(self, user_id: str, after: str | None, dropped: Callable[[], None]) -> Stream:
        """See `Feed.open`."""
        listener = self._audience.admit(user_id)
        if len(listener.streams) >= MOST_STREAMS:
            raise TooManyStreams(f"{MOST_STREAMS} streams are open already")
        stream = Stream(self, dropped)
        listener.streams.add(stream)
        self._owners[stream] = listener
        try:
            self._listen()
            await self._begin(stream, after)
            await self._learn(listener)
            if not self._ordered and not stream.behind:  # nothing that happened before it listened
                stream.position = await self._journal.head()
        except BaseException:
            stream.close()
            raise
        return stream

    def drain(self) -> None:
        """See `Feed.drain`."""
        self._draining = True
        for stream in tuple(self._owners):
            stream.give(Drained())

    async def close(self) -> None:
        """End all streams, and the reader."""
        reader = self._reader
        for stream in tuple(self._owners):
            stream.close()
        if reader is not None:
            await asyncio.wait({reader})

    # ----------------------------------------------------------------------------------------------- for the streams

    def place(self, position: int) -> str:
        """Return the id of a position in this journal."""
        return write_place(self._journal.identity, position)

    async def catch_up(self, stream: Stream) -> None:
        """Let a stream look through some more of what it missed; it is live once nothing is left."""
        if stream.behind or stream.position < self.position:
            async with self._turns:
                await self._look_through(stream)
        else:
            async with self._delivering:
                stream.live = stream.position >= self.position

    def left(self, stream: Stream) -> None:
        """Forget a stream; without any, nothing is read."""
        listener = self._owners.pop(stream)
        listener.streams.discard(stream)
        if not listener.streams:
            self._audience.dismiss(listener)
            self._listen()
        if not self._owners and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    # ------------------------------------------------------------------------------------------------- a new listener

    async def _begin(self, stream: Stream, after: str | None) -> None:
        head = await self._journal.head()
        if stream.over:
            return
        if self._reader is None:
            self.position = head
            self._reader = asyncio.create_task(self._read())
        wanted = head if after is None else read_place(self._journal.identity, after)
        if wanted is None or not head - self._journal.reach <= wanted <= head + self._journal.leeway:
            stream.catch_up([Reset(self.place(head))], head)
        else:
            stream.position = wanted
            stream.behind = after is not None and not self._ordered
        if self._draining:
            stream.give(Drained())

    async def _learn(self, listener: Listener) -> None:
        """Read what a listener is interested in; one at a time, so that the newest counts."""
        async with listener.reading:
            try:
                interests = await interests_of(self._journal, self._behaviors["user"], listener.user_id)
            except Unreadable as problem:
                log.error("feed_cannot_read", problem=str(problem))  # noqa: TRY400 - the message has all there is
                telemetry.here.errors.unreadable(f"user|{listener.user_id}", str(problem))
                return
            if listener.streams:
                self._audience.interest(listener, interests)
                self._listen()

    def _listen(self) -> None:
        """Tell the journal whose feeds matter, if it has to know."""
        if not self._ordered:
            self._journal.listen(self._audience.homes)

    async def _look_through(self, stream: Stream) -> None:
        listener, until = self._owners.get(stream), self.position
        if listener is None:
            return
        missed, position = await self._missed(stream, listener, until)
        sights = await self._sights.of(missed, listener.wants)
        items = (self._shown(sight, listener) for sight in sights)
        stream.catch_up((item for item in items if item), position)

    async def _missed(self, stream: Stream, listener: Listener, until: int) -> tuple[Sequence[PositionedEvent], int]:
        """Read a page of what a stream lacks, and where it stands then."""
        if self._ordered:
            events = await self._journal.stream(stream.position, CATCH_UP_PAGE)
            missed = [each for each in events if each.position <= until]
            return missed, missed[-1].position if len(missed) == CATCH_UP_PAGE else until
        if stream.behind:
            events = await self._journal.stream(stream.position, CATCH_UP_PAGE, listener.homes)
            stream.behind = len(events) >= CATCH_UP_PAGE
            return events, events[-1].position if events else until
        try:
            events = await self._journal.stream(stream.position, CATCH_UP_PAGE)
        except FeedOverrun:
            stream.behind = True
            return (), stream.position
        return events, events[-1].position if events else max(until, stream.position)

    # ----------------------------------------------------------------------------------------------------- the reader

    async def _read(self) -> None:
        """Read the journal for as long as somebody listens."""
        while True:
            try:
                await self._wait_for_more()
                await self._take(await self._journal.stream(self.position, PAGE))
            except FeedOverrun as problem:
                log.warning("feed_overrun", problem=str(problem))
                self._break_off()
                return
            except JournalError as problem:
                log.warning("feed_put_off", problem=str(problem))
                await asyncio.sleep(RETRY)
            except Exception:
                log.exception("feed_broke")
                self._break_off()
                return

    async def _wait_for_more(self) -> None:
        """Wait for the next event; as nothing happens, let positions go on where they are times."""
        if self._ordered:
            return await self._journal.wait_for_more(self.position)
        while True:
            with suppress(TimeoutError):
                return await asyncio.wait_for(self._journal.wait_for_more(self.position), IDLE)
            now = await self._journal.head()
            if await self._journal.stream(self.position, 1):
                return None
            async with self._delivering:
                self.position = now

    def _break_off(self) -> None:
        """End all streams; their readers come back and begin anew."""
        self._reader = None
        for stream in tuple(self._owners):
            stream.close()

    async def _take(self, events: Sequence[PositionedEvent]) -> None:
        """Give events to the listeners; those after a new interest are looked at with it."""
        begun: list[PositionedEvent] = []
        for happened in events:
            begun.append(happened)
            listener = self._audience.relating(happened)
            if listener is not None:
                await self._deliver(begun)
                await self._learn(listener)
                begun = []
        await self._deliver(begun)

    async def _deliver(self, events: Sequence[PositionedEvent]) -> None:
        if not events:
            return
        async with self._delivering:
            sights = await self._sights.of(events, self._audience.wants)
            by_position = {sight.happened.position: sight for sight in sights}
            for happened in events:
                self._tell_account(happened)
                if sight := by_position.get(happened.position):
                    self._tell(sight)
            self.position = events[-1].position

    def _tell_account(self, happened: PositionedEvent) -> None:
        account = self._audience.account(happened)
        for stream in tuple(account.streams) if account else ():
            stream.give(AccountChanged())

    def _tell(self, sight: Sight) -> None:
        """Give an event to all live streams that want it; it is made into text at most twice."""
        owner = self._audience.listeners.get(sight.owner)
        if owner:
            self._give(owner, self._event(sight, sight.own))
        others = self._audience.others(sight.note_id, sight.owner) if sight.told else ()
        if others:
            event = self._event(sight, sight.shown)
            for listener in others:
                self._give(listener, event)

    def _give(self, listener: Listener, event: FeedEvent) -> None:
        for stream in tuple(listener.streams):
            if stream.live:
                stream.give(event)

    def _shown(self, sight: Sight, listener: Listener) -> FeedEvent | None:
        """Return what one listener gets to see of an event."""
        if sight.owner == listener.user_id:
            return self._event(sight, sight.own)
        wanted = sight.told and listener.wants(sight.note_id, sight.owner).by_others
        return self._event(sight, sight.shown) if wanted else None

    def _event(self, sight: Sight, note: bytes | None) -> FeedEvent:
        return feed_event(sight, self.place(sight.happened.position), note)
