"""The actors of all processes: who has most to do, what is new since the last look, and the tree of each system."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast, get_args

import msgspec

from spikes.actors.census import ActorFigures, Branch, Census, Order, rank
from spikes.console.inside import Inside
from spikes.console.page import BadRequest, NotThere, Page, PageContext

TOP = 25
"""How many actors are named."""

CHILDREN = 50
"""How many children of one actor stand on one page."""

ORDERS: tuple[Order, ...] = get_args(Order)

_WAS = re.compile(r"[0-9]{1,15}(?:,[0-9]{1,10}/[A-Za-z0-9/~:._-]{1,80}=[0-9]{1,15})*", re.ASCII)


class Row(msgspec.Struct, frozen=True):
    """One actor; `new_messages` is how many it has handled since the last look, None if it was not named then."""

    process: str
    figures: ActorFigures
    new_messages: int | None


class Actors(msgspec.Struct, frozen=True):
    """All processes together. `was` is what the next look needs to tell what is new."""

    order: Order
    orders: Sequence[Order]
    live: int
    delivered: int
    new_delivered: int | None
    waiting: int
    dead_letters: int
    tasks: int
    kinds: Mapping[str, int]
    top: Sequence[Row]
    complete: bool
    processes: Sequence[str]
    was: str


async def own_census(inside: Inside, parameters: Mapping[str, str]) -> Census:
    """Answer another process who lives here."""
    return await inside.entities.census(cast(Order, parameters["order"]), TOP)


async def page(context: PageContext) -> Page:
    """GET /actors?order=...: the actors that have most to do."""
    order = _order(context)
    before = _was(context.query.get("was", ""))
    answers = await context.peers.ask("census", within=2.0, order=order)
    found = {pid: msgspec.convert(answer, Census) for pid, answer in answers.items()}
    rows = [
        Row(pid, figures, _grown(before, f"{pid}/{figures.address}", figures.messages))
        for pid, census in found.items()
        for figures in census.top
    ]
    rows.sort(key=lambda row: rank(row.figures, order), reverse=True)
    return Page("actors.html", _together(order, found, rows[:TOP], before), "Actors")


def _together(order: Order, found: Mapping[str, Census], rows: Sequence[Row], before: Mapping[str, int]) -> Actors:
    kinds: dict[str, int] = {}
    for census in found.values():
        for kind, number in census.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + number
    delivered = sum(census.delivered for census in found.values())
    was = ",".join([str(delivered), *(f"{row.process}/{row.figures.address}={row.figures.messages}" for row in rows)])
    return Actors(
        order,
        ORDERS,
        sum(census.live for census in found.values()),
        delivered,
        _grown(before, "", delivered),
        sum(census.waiting for census in found.values()),
        sum(census.dead_letters for census in found.values()),
        sum(census.tasks for census in found.values()),
        dict(sorted(kinds.items(), key=lambda each: -each[1])),
        rows,
        all(census.complete for census in found.values()),
        tuple(found),
        was,
    )


def _order(context: PageContext) -> Order:
    order = context.query.get("order", ORDERS[0])
    if order not in ORDERS:
        raise BadRequest(f"order is wrong: it must be one of {', '.join(ORDERS)}")
    return order


def _was(text: str) -> dict[str, int]:
    """Return what the last look told: messages by process and address, and "" for all. Raises BadRequest."""
    if not text:
        return {}
    if len(text) > 10_000 or not _WAS.fullmatch(text):
        raise BadRequest("was is wrong: leave it out, or follow the link on the page")
    total, *rest = text.split(",")
    return {"": int(total), **{name: int(number) for name, _, number in (each.rpartition("=") for each in rest)}}


def _grown(before: Mapping[str, int], name: str, number: int) -> int | None:
    """Return by how much a number has grown; None if it is not known, or counts anew since a process is new."""
    return number - before[name] if name in before and number >= before[name] else None


# ------------------------------------------------------------------------------------------------------------ the tree


class Tree(msgspec.Struct, frozen=True):
    """A part of one process's tree; `most` is how many children stand on a page."""

    process: str
    processes: Sequence[str]
    branch: Branch
    most: int


async def own_branch(inside: Inside, parameters: Mapping[str, str]) -> Branch | None:
    """Answer another process what hangs on an actor here."""
    return inside.entities.branch(parameters["address"], int(parameters["start"]), CHILDREN)


async def tree_page(context: PageContext) -> Page:
    """GET /actors/tree?process=...&address=...&start=...: an actor and its children."""
    address, start = context.query.get("address", "")[:200], context.number("start", 0, 0, 2**53)
    answers = await context.peers.ask("branch", address=address, start=str(start))
    process = context.query.get("process") or next(iter(answers))
    answer = answers.get(process)
    if answer is None:
        raise NotThere(f"there is no actor {address[:100]} in process {process[:20]}; it may have ended")
    tree = Tree(process, tuple(answers), msgspec.convert(answer, Branch), CHILDREN)
    return Page("actors_tree.html", tree, "Tree of actors")
