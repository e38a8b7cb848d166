"""What happens: the newest events of the whole journal, what went wrong, and all that belongs to one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from spikes import telemetry
from spikes.console.activity import Group, Latest, Wanted, latest, merged
from spikes.console.inside import Inside
from spikes.console.page import BadRequest, Page, PageContext
from spikes.telemetry.errors import KINDS
from spikes.telemetry.requests import CommandSeen, EventSeen, Found, LineSeen, RequestSeen

LONGEST = 200
"""The longest text to filter by, in characters."""


class ActivityData(msgspec.Struct, frozen=True):
    """The newest events, and what was asked for."""

    wanted: Wanted
    kinds: Sequence[str]
    types: Sequence[str]
    latest: Latest


async def page(context: PageContext) -> Page:
    """GET /activity: the newest events, again and again while somebody looks."""
    wanted = Wanted(**{name: _text(context, name) for name in Wanted.__struct_fields__})
    behaviors = context.inside.behaviors
    types = [name for behavior in behaviors for name in behavior.events.names]
    data = ActivityData(wanted, [each.kind for each in behaviors], types, await latest(context, wanted))
    return Page("activity.html", data, "Activity")


def _text(context: PageContext, name: str) -> str:
    text = context.query.get(name, "").strip()
    if len(text) > LONGEST:
        raise BadRequest(f"{name} is wrong: it must have at most {LONGEST} characters, not {len(text):,}")
    return text


# --------------------------------------------------------------------------------------------------------------- errors


class ErrorsData(msgspec.Struct, frozen=True):
    """What went wrong in all processes, of one kind or of all."""

    kind: str
    kinds: Sequence[str]
    groups: Sequence[Group]


async def errors_page(context: PageContext) -> Page:
    """GET /errors: the error inbox."""
    kind = context.query.get("kind", "")
    if kind not in ("", *KINDS):
        raise BadRequest(f"kind is wrong: it must be one of {', '.join(KINDS)}")
    groups = merged(await context.peers.ask("errors"))
    data = ErrorsData(kind, KINDS, [group for group in groups if kind in ("", group.kind)])
    return Page("errors.html", data, "Errors")


# ------------------------------------------------------------------------------------------------------------- requests


class RequestsData(msgspec.Struct, frozen=True):
    """The latest requests of all processes."""

    requests: Sequence[RequestSeen]


async def own_requests(_: Inside, __: Mapping[str, str]) -> list[RequestSeen]:
    """Answer another process which requests were answered here lately."""
    return telemetry.here.requests.latest()


async def own_request(_: Inside, parameters: Mapping[str, str]) -> Found | None:
    """Answer another process what is known here of a request."""
    return telemetry.here.requests.find(parameters["id"])


async def requests_page(context: PageContext) -> Page:
    """GET /requests: the latest requests, and a way to one."""
    answers = await context.peers.ask("requests")
    found = [msgspec.convert(each, RequestSeen) for answer in answers.values() for each in answer]
    found.sort(key=lambda request: -request.at)
    return Page("requests.html", RequestsData(found[:50]), "Requests")


class RequestData(msgspec.Struct, frozen=True):
    """All that is known of a request id: from the processes' memories, and the newest events of the journal."""

    request_id: str
    requests: Sequence[RequestSeen]
    commands: Sequence[CommandSeen]
    events: Sequence[EventSeen]
    lines: Sequence[LineSeen]
    stored: Latest


async def request_page(context: PageContext) -> Page:
    """GET /request?id=...: request, commands, events, log lines."""
    request_id = _text(context, "id")
    if not request_id:
        raise BadRequest("id is missing: it must be a request id, as in the header X-Request-ID of an answer")
    answers = (await context.peers.ask("request", id=request_id)).values()
    parts = [msgspec.convert(answer, Found) for answer in answers if answer is not None]
    data = RequestData(
        request_id,
        _sorted(parts, "requests"),
        _sorted(parts, "commands"),
        _sorted(parts, "events"),
        _sorted(parts, "lines"),
        await latest(context, Wanted(request_id=request_id)),
    )
    return Page("request.html", data, f"Request {request_id}")


def _sorted(parts: Sequence[Found], name: str) -> list[Any]:
    return sorted((each for part in parts for each in getattr(part, name)), key=lambda each: each.at)
