"""What happened last in the whole journal: its events, the newest first, without what is in them.

A journal with an order of all events is read from its end. One without is too wide to be watched: there, the processes
of this service tell which events they stored for requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from spikes import telemetry
from spikes.console.inside import Inside
from spikes.console.page import PageContext
from spikes.journal.port import Journal, PositionedEvent

LIMIT = 100
"""How many events are shown."""

LOOKED_THROUGH = 2_000
"""How many of the newest events are looked through for those that a filter lets pass."""

CHUNK = 500


class Wanted(msgspec.Struct, frozen=True):
    """Which events to show; what is empty lets all pass. `request_id` is looked for among correlation ids too."""

    kind: str = ""
    type: str = ""
    persistence_id: str = ""
    principal: str = ""
    request_id: str = ""

    def passes(self, event: Happened) -> bool:
        """Tell whether to show an event. A type matches with or without its version."""
        return (
            self.kind in ("", event.persistence_id.partition("|")[0])
            and self.type in ("", event.type, event.type.partition("@")[0])
            and self.persistence_id in ("", event.persistence_id)
            and self.principal in ("", event.principal)
            and self.request_id in ("", event.request_id, event.correlation_id)
        )


class Happened(msgspec.Struct, frozen=True):
    """An event that was stored. Without an order of all events nothing is known of who and why but the request."""

    persistence_id: str
    sequence_nr: int
    type: str
    time: int
    principal: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None


class Latest(msgspec.Struct, frozen=True):
    """The newest events, how many were looked through, and whether those of other services count among them."""

    events: Sequence[Happened]
    looked_through: int
    of_all: bool


async def latest(context: PageContext, wanted: Wanted, limit: int = LIMIT) -> Latest:
    """Return the newest events that are wanted. Raises JournalUnavailable."""
    journal = context.inside.journal
    if "total_order" in journal.capabilities:
        return await _from_journal(journal, wanted, limit)
    answers = await context.peers.ask("events", **msgspec.to_builtins(wanted))
    parts = [msgspec.convert(answer, tuple[int, list[Happened]]) for answer in answers.values()]
    found = sorted((event for _, events in parts for event in events), key=lambda event: -event.time)
    return Latest(found[:limit], sum(count for count, _ in parts), of_all=False)


async def own_events(_: Inside, parameters: Mapping[str, str]) -> tuple[int, list[Happened]]:
    """Answer another process how many events were looked through here, and which of them are wanted."""
    wanted = msgspec.convert(parameters, Wanted)
    seen = [
        Happened(each.persistence_id, each.sequence_nr, each.type, each.at, request_id=each.request_id)
        for each in islice(telemetry.here.requests.events(), LOOKED_THROUGH)
    ]
    return len(seen), list(islice(filter(wanted.passes, seen), LIMIT))


async def _from_journal(journal: Journal, wanted: Wanted, limit: int) -> Latest:
    found: list[Happened] = []
    position = head = await journal.head()
    while position > 0 and len(found) < limit and head - position < LOOKED_THROUGH:
        start = max(0, position - CHUNK)
        page = await journal.stream(start, position - start)
        found += filter(wanted.passes, reversed([_happened(each) for each in page]))
        position = start
        await asyncio.sleep(0)
    return Latest(found[:limit], head - position, of_all=True)


def _happened(each: PositionedEvent) -> Happened:
    event, about = each.event, each.event.metadata
    names = about.principal, about.request_id, about.correlation_id
    return Happened(each.persistence_id, event.sequence_nr, event.type, about.time, *names)


# ------------------------------------------------------------------------------------------------------- the inbox


class Group(msgspec.Struct, frozen=True):
    """Errors of one kind with one summary, of all processes; `sample` is the newest one's. Times as in the inbox."""

    kind: str
    summary: str
    count: int
    first: int
    last: int
    sample: Mapping[str, str]
    processes: Sequence[str]


async def own_errors(_: Inside, __: Mapping[str, str]) -> list[Any]:
    """Answer another process what went wrong here."""
    return telemetry.here.errors.groups()


def merged(answers: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[Group]:
    """Return the groups of all processes together, the one that was seen last first."""
    found: dict[tuple[str, str], Group] = {}
    for pid, groups in answers.items():
        for each in groups:
            group = msgspec.convert({**each, "processes": [pid]}, Group)
            known = found.get((group.kind, group.summary))
            found[group.kind, group.summary] = group if known is None else _together(known, group)
    return sorted(found.values(), key=lambda group: -group.last)


def _together(one: Group, other: Group) -> Group:
    newer = one if one.last >= other.last else other
    return Group(
        one.kind,
        one.summary,
        one.count + other.count,
        min(one.first, other.first),
        newer.last,
        newer.sample,
        [*one.processes, *other.processes],
    )
