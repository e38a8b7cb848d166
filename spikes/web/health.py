"""Health: what orchestrators and operators ask. Liveness never asks the journal, readiness always does."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec

from spikes.domain.note.command import STATUSES
from spikes.journal.port import Equal, Query
from spikes.web.call import Call
from spikes.web.errors import RETRY_SOON, Problem
from spikes.web.reply import Reply, json_reply


class Liveness(msgspec.Struct, frozen=True):
    """The process, or the service, is there."""

    status: Literal["UP"] = "UP"


class Result(msgspec.Struct, frozen=True):
    """What was tried went well."""

    result: Literal["OK"] = "OK"


UP = json_reply(Liveness())
OK = json_reply(Result())
STATI = json_reply(STATUSES)


class Info(msgspec.Struct, frozen=True):
    """Figures of the whole service; `persid` is the journal's own id, `removals` counts accounts under removal."""

    recovered: bool
    users: int
    notes: int
    sessions: int
    tags: int
    removals: int
    version: str
    built: str | None
    persid: str
    approximate: bool


async def info(call: Call) -> Reply:
    """GET /info: how much there is."""
    views, state = call.services.views, call.services.state
    statistics = await views.statistics()
    removals = await views.count(Query("user", (Equal("removing", 1),)))
    content = Info(
        recovered=state.recovered,
        users=max(0, statistics.listed.get("user", 0) - removals),
        notes=statistics.listed.get("note", 0),
        sessions=await views.total("user", "sessions"),
        tags=statistics.listed.get("tag", 0),
        removals=removals,
        version=state.version,
        built=state.built,
        persid=views.identity,
        approximate=statistics.approximate,
    )
    return json_reply(content)


async def liveness(call: Call) -> Reply:
    """GET /liveness: the process answers."""
    return UP


async def readiness(call: Call) -> Reply:
    """GET /readiness: requests may come."""
    state = call.services.state
    if not state.recovered or state.draining:
        raise Problem(503, "not_ready", "the service is starting or stopping", RETRY_SOON)
    await _round_trip(call)
    return UP


async def check(call: Call) -> Reply:
    """GET /check: the journal answers."""
    await _round_trip(call)
    return OK


async def stati(call: Call) -> Reply:
    """GET /stati: the statuses of notes, in the order in which work goes on."""
    return STATI


async def _round_trip(call: Call) -> None:
    try:
        async with asyncio.timeout(call.services.settings.ask_timeout):
            await call.services.views.ping()
    except TimeoutError:
        raise Problem(503, "not_ready", "the journal does not answer", RETRY_SOON) from None
