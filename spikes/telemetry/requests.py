"""What happened lately, by request id: the request, its commands, their events, and log lines.

One ring of sightings in the order in which they were made, so that noting one is an append and nothing else; whoever
looks for a request goes through the ring, which takes some milliseconds. Ids, types and numbers only: never a text.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

CAPACITY = 20_000
"""How many sightings are kept. A request that writes makes about three."""


class RequestSeen(msgspec.Struct, frozen=True, gc=False):
    """A request was answered. `at` is in milliseconds since the epoch, `ms` how long it took."""

    request_id: str
    at: int
    method: str
    route: str
    status: int
    ms: float
    principal: str | None


class CommandSeen(msgspec.Struct, frozen=True, gc=False):
    """An entity answered a command; it stands at `sequence_nr` since."""

    request_id: str
    at: int
    persistence_id: str
    command: str
    outcome: str
    sequence_nr: int
    ms: float


class EventSeen(msgspec.Struct, frozen=True, gc=False):
    """An event was stored."""

    request_id: str
    at: int
    persistence_id: str
    sequence_nr: int
    type: str


class LineSeen(msgspec.Struct, frozen=True):
    """A log line was written. `fields` are those that say nothing of what people wrote."""

    request_id: str
    at: int
    level: str
    event: str
    fields: dict[str, str]


Timed = TypeVar("Timed", RequestSeen, CommandSeen)
Sighting = RequestSeen | CommandSeen | EventSeen | LineSeen


class Found(msgspec.Struct, frozen=True):
    """What is still known of one request id. `requests` are several for a batch, or a client that repeats its id."""

    request_id: str
    requests: list[RequestSeen]
    commands: list[CommandSeen]
    events: list[EventSeen]
    lines: list[LineSeen]


def milliseconds() -> int:
    """Return the time since the epoch in milliseconds."""
    return time.time_ns() // 1_000_000


class RecentRequests:
    """The ring. `note` takes any sighting."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._ring: deque[Sighting] = deque(maxlen=capacity)
        self.note: Callable[[Sighting], None] = self._ring.append
        """Keep a sighting; the oldest makes room."""

    def find(self, request_id: str) -> Found | None:
        """Return what is still known of a request id, None if nothing is."""
        found = Found(request_id, [], [], [], [])
        for sighting in self._ring:
            if sighting.request_id == request_id:
                _into(found, sighting)
        return found if found.requests or found.commands or found.events or found.lines else None

    def latest(self, limit: int = 50) -> list[RequestSeen]:
        """Return the latest answered requests, the newest first."""
        requests = (_rounded(sighting) for sighting in reversed(self._ring) if isinstance(sighting, RequestSeen))
        return list(islice(requests, limit))

    def events(self) -> Iterator[EventSeen]:
        """Yield the events stored for requests, the newest first."""
        return (sighting for sighting in reversed(self._ring) if isinstance(sighting, EventSeen))

    def __len__(self) -> int:
        return len(self._ring)


def _rounded(sighting: Timed) -> Timed:
    """Return it with its time as people read it; whoever notes one has no time for that."""
    return msgspec.structs.replace(sighting, ms=round(sighting.ms, 2))


def _into(found: Found, sighting: Sighting) -> None:
    match sighting:
        case RequestSeen():
            found.requests.append(_rounded(sighting))
        case CommandSeen():
            found.commands.append(_rounded(sighting))
        case EventSeen():
            found.events.append(sighting)
        case LineSeen():
            found.lines.append(sighting)
