"""Entities: find one by what is at hand, whether it is in memory or not; and check some drawn by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from spikes.console.checking import MOST_SAMPLED, BulkCheck, check_sample
from spikes.console.finding import Found, find, searches_all
from spikes.console.inside import Inside
from spikes.console.page import BadRequest, Page, PageContext


class Kind(msgspec.Struct, frozen=True):
    """A kind of entity, and how many are in memory of all processes together."""

    kind: str
    active: int


class Entities(msgspec.Struct, frozen=True):
    """What was asked for and what was found. `searches_all` False: private notes are found by id only."""

    query: str
    found: Sequence[Found]
    searches_all: bool
    kinds: Sequence[Kind]


async def own_active(inside: Inside, _: Mapping[str, str]) -> dict[str, int]:
    """Answer another process how many entities of each kind are in memory here."""
    return {behavior.kind: await inside.entities.active(behavior.kind) for behavior in inside.behaviors}


async def page(context: PageContext) -> Page:
    """GET /entities?q=...: find entities."""
    query, inside = context.query.get("q", ""), context.inside
    try:
        found = await find(inside.journal, inside.behaviors, query)
    except ValueError as problem:
        raise BadRequest(f"q is wrong: {problem}") from problem
    answers = (await context.peers.ask("active")).values()
    kinds = [Kind(each.kind, sum(answer.get(each.kind, 0) for answer in answers)) for each in inside.behaviors]
    data = Entities(query, found, searches_all(inside.journal), kinds)
    return Page("entities.html", data, "Entities")


class Sampled(msgspec.Struct, frozen=True):
    """The result of a bulk check, None before it was asked for."""

    most: int
    result: BulkCheck | None


async def check_some(context: PageContext) -> Page:
    """GET /entities/check?sample=...: check entities drawn by chance, with the actors of this process."""
    wanted, inside = context.number("sample", 0, 0, MOST_SAMPLED), context.inside
    result = None
    if wanted:
        result = await check_sample(inside.journal, inside.behaviors, wanted, inside.entities.look)
    return Page("entities_check.html", Sampled(MOST_SAMPLED, result), "Consistency check")
