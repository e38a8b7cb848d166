"""One entity: its state and where it lives, its history, its past, and whether it is consistent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from spikes.actors.looking import LiveEntity
from spikes.console.auditing import audit
from spikes.console.checking import Check, Part, check
from spikes.console.folding import Change, newest, version_at
from spikes.console.history import Filter, HistoryPage, ShownEvent, event_at, history
from spikes.console.linking import Link, links_of
from spikes.console.masking import masked
from spikes.console.page import BadRequest, NotThere, Page, PageContext
from spikes.console.reading import Damage, Head, head_of
from spikes.console.subject import live_actors, subject_of
from spikes.domain.times import from_rfc3339

Revealable = Callable[[PageContext, bool], Awaitable[Page]]
"""A page about an entity, with users' texts shown or masked."""

LAST = 10
"""How many events stand on an entity's own page."""


class Actor(msgspec.Struct, frozen=True):
    """A live actor of the entity, without its state, which is the entity's if it is not behind."""

    where: str
    entity: LiveEntity


class EntityPage(msgspec.Struct, frozen=True):
    """What is known of an entity. `problem` tells why its events can be folded up to `version` only."""

    persistence_id: str
    kind: str
    entity_id: str
    head: Head
    version: int
    state: Any
    problem: str | None
    actors: Sequence[Actor]
    links: Sequence[Link]
    latest: Sequence[ShownEvent | Damage]
    revealed: bool


def revealing(page: Revealable) -> Callable[[PageContext], Awaitable[Page]]:
    """Return the POST of a page that shows users' texts, once: that is noted before, with the reason given."""

    async def reveal(context: PageContext) -> Page:
        subject = subject_of(context)
        await audit(context, "reveal", subject.persistence_id, context.form.get("reason", ""))
        return await page(context, True)

    return reveal


async def page(context: PageContext, revealed: bool = False) -> Page:
    """GET /entity?id=...: an entity as it is now."""
    subject, journal = subject_of(context), context.inside.journal
    latest = await history(journal, subject.behavior, subject.persistence_id, limit=LAST, revealed=revealed)
    actors = await live_actors(context, subject.persistence_id)
    if not latest.head.exists and not latest.head.problem and not actors:
        raise NotThere(f"nothing is stored of {subject.persistence_id}, and nothing in memory")
    version, state, problem = latest.head.number, None, "this release has no entities of this kind"
    links: Sequence[Link] = ()
    if subject.behavior is not None:
        found = await newest(journal, subject.behavior, subject.persistence_id, latest.head.number)
        version, state, problem = found.version, masked(found.state, revealed), found.problem or ""
        links = links_of(subject.kind, found.state)
    data = EntityPage(
        subject.persistence_id,
        subject.kind,
        subject.entity_id,
        latest.head,
        version,
        state,
        problem or None,
        [Actor(where, msgspec.structs.replace(entity, state=None)) for where, entity in actors],
        links,
        latest.entries,
        revealed,
    )
    return Page("entity.html", data, f"Entity {subject.persistence_id}")


# ------------------------------------------------------------------------------------------------------------- history


class HistoryData(msgspec.Struct, frozen=True):
    """A page of the history, and what was asked for."""

    persistence_id: str
    filter: Filter
    before: int | None
    types: Sequence[str]
    page: HistoryPage
    revealed: bool


async def history_page(context: PageContext, revealed: bool = False) -> Page:
    """GET /entity/history?id=...: the events of an entity, newest first."""
    subject, wanted = subject_of(context), filter_of(context)
    before = context.number("before", 0, 1, 2**53) or None
    found = await history(
        context.inside.journal, subject.behavior, subject.persistence_id, before, wanted, revealed=revealed
    )
    if not found.head.exists and not found.head.problem:
        raise NotThere(f"nothing is stored of {subject.persistence_id}")
    types = subject.behavior.events.names if subject.behavior else ()
    data = HistoryData(subject.persistence_id, wanted, before, types, found, revealed)
    return Page("entity_history.html", data, f"History of {subject.persistence_id}")


def filter_of(context: PageContext) -> Filter:
    """Return what the query lets through. Raises BadRequest."""
    texts = {
        name: context.query.get(name, "").strip() for name in ("type", "principal", "request_id", "correlation_id")
    }
    return Filter(**texts, since=_moment(context, "since"), until=_moment(context, "until"))


def _moment(context: PageContext, name: str) -> int | None:
    text = context.query.get(name, "").strip()
    if not text:
        return None
    try:
        return from_rfc3339(text)
    except ValueError as problem:
        raise BadRequest(f"{name} is wrong: it must be a time like 2026-11-23T10:00:00Z") from problem


class EventData(msgspec.Struct, frozen=True):
    """One event, or what is damaged in its place."""

    persistence_id: str
    last: int
    event: ShownEvent | None
    damage: Damage | None
    revealed: bool


async def event_page(context: PageContext, revealed: bool = False) -> Page:
    """GET /entity/event?id=...&number=...: one event, whole."""
    subject, number = subject_of(context), context.number("number", 1, 1, 2**53)
    found = await event_at(context.inside.journal, subject.behavior, subject.persistence_id, number, revealed)
    if found is None:
        raise NotThere(f"{subject.persistence_id} has no event {number}")
    event, damage = (None, found) if isinstance(found, Damage) else (found, None)
    last = (await head_of(context.inside.journal, subject.persistence_id)).number
    data = EventData(subject.persistence_id, last, event, damage, revealed)
    return Page("entity_event.html", data, f"Event {number} of {subject.persistence_id}")


# --------------------------------------------------------------------------------------------------------- time travel


class VersionData(msgspec.Struct, frozen=True):
    """The state at `version`, and what that changed. `reached` is less than `version` where there is a `problem`."""

    persistence_id: str
    version: int
    last: int
    reached: int
    time: int
    state: Any
    changes: Sequence[Change]
    problem: str | None
    revealed: bool


async def version_page(context: PageContext, revealed: bool = False) -> Page:
    """GET /entity/version?id=...&version=...: the entity as it was."""
    subject, journal = subject_of(context), context.inside.journal
    head = await head_of(journal, subject.persistence_id)
    if not head.number:
        raise NotThere(f"{subject.persistence_id} has no events")
    version = min(context.number("version", head.number, 1, 2**53), head.number)
    found = await version_at(journal, subject.known, subject.persistence_id, version)
    data = VersionData(
        subject.persistence_id,
        version,
        head.number,
        found.version,
        found.time,
        masked(found.state, revealed),
        [_masked(change, revealed) for change in found.changes],
        found.problem,
        revealed,
    )
    return Page("entity_version.html", data, f"Version {version} of {subject.persistence_id}")


def _masked(change: Change, revealed: bool) -> Change:
    """Mask both sides as they are masked in the state: by the names on the way to them."""
    before, after = (_under(change.path, side, revealed) for side in (change.before, change.after))
    return msgspec.structs.replace(change, before=before, after=after)


def _under(path: str, value: Any, revealed: bool) -> Any:
    name = next((part for part in reversed(path.replace("/", ".").split(".")) if not part.isdecimal()), "")
    return masked({name: value}, revealed).popitem()[1]


# --------------------------------------------------------------------------------------------------------- consistency


class CheckData(msgspec.Struct, frozen=True):
    """The result of a check."""

    check: Check
    consistent: bool


async def check_page(context: PageContext) -> Page:
    """GET /entity/check?id=...: fold from zero, the stored row and live actors compared."""
    subject = subject_of(context)
    live = await live_actors(context, subject.persistence_id)
    result = await check(context.inside.journal, subject.known, subject.persistence_id, live)
    hidden = msgspec.structs.replace(result, parts=[_hidden(part) for part in result.parts])
    data = CheckData(hidden, result.consistent)
    return Page("entity_check.html", data, f"Consistency of {subject.persistence_id}")


def _hidden(part: Part) -> Part:
    return msgspec.structs.replace(part, differences=[_masked(change, False) for change in part.differences])
