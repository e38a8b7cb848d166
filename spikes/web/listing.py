"""Lists of notes: what is asked for becomes a query, and its page an answer. All lists of notes are made here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import msgspec

from spikes.domain.note.command import ACCESSES, GetNote
from spikes.domain.note.entity import Note
from spikes.domain.refusals import NotFound
from spikes.domain.times import to_rfc3339
from spikes.journal.port import (
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Equal,
    HasTerm,
    Listed,
    Page,
    Query,
    Sort,
    TextTerm,
)
from spikes.web import search_text
from spikes.web.abilities import check_able
from spikes.web.call import Call
from spikes.web.errors import Refused
from spikes.web.filters import FILTERS, RELEVANCE
from spikes.web.highlights import MOST_PIECES, Highlighter
from spikes.web.known_tags import gone, without_gone_tags
from spikes.web.paging import next_page, read_cursor, write_cursor
from spikes.web.parameters import bad_query
from spikes.web.reply import Headers, Reply, list_reply

TRUNCATED: Headers = (("X-Search-Truncated", "true"),)
PUBLIC = Equal("access", "Public")
LIVE = Equal("trashed", None)
TRASHED = AtLeast("trashed", 0)
NEWEST_FIRST = Sort("created", descending=True)


class _Item(msgspec.Struct, rename="camel"):
    """What highlights are made of."""

    id: str
    title: str
    body: str
    comment_count: int


_decode_item = msgspec.json.Decoder(_Item).decode
_encode = msgspec.json.Encoder().encode


async def list_visible(call: Call) -> Reply:
    """GET /notes: public notes and the caller's own."""
    return await list_notes(call, "/notes", visible(call))


async def list_mine(call: Call) -> Reply:
    """GET /notes/mine: the caller's own notes."""
    return await list_notes(call, "/notes/mine", mine(call))


def visible(call: Call) -> tuple[Condition, ...]:
    """Return what holds for the notes that the caller may see: public ones and the own."""
    return (PUBLIC if call.user_id is None else AnyOf((PUBLIC, Equal("owner", call.user_id))), LIVE)


def mine(call: Call) -> tuple[Condition, ...]:
    """Return what holds for the caller's own notes that are not in the trash."""
    return (Equal("owner", call.caller.user_id), LIVE)


def trash(call: Call) -> tuple[Condition, ...]:
    """Return what holds for the caller's own notes in the trash."""
    return (Equal("owner", call.caller.user_id), TRASHED)


async def list_notes(call: Call, path: str, whose: Sequence[Condition], order: Sort = NEWEST_FIRST) -> Reply:
    """Answer a list of those notes, narrowed and ordered as the query says; without a word of it in this order."""
    asked: dict[str, Any] = {name: value for name in _NAMES if (value := call.query[name]) not in (None, ())}
    able = call.services.views.capabilities
    terms = search_text.parse(str(asked["q"]), "phrase" in able) if "q" in asked else ()
    check_able(able, asked.get("sort"), terms)
    listing = f"{path}?{urlencode(asked, doseq=True)}"
    sort = _sort(asked, terms, order, "ranking" in able)
    query = Query(
        "note",
        where=(*whose, *_filters(asked), *(() if sort is None or "access" in asked else (_ANY_ACCESS,))),
        text=terms,
        sort=sort,
        after=read_cursor(listing, call.text("cursor")),
        limit=call.number("limit"),
    )
    if await gone(call, asked.get("tag", ())):  # rows keep a removed tag until their notes are written next
        return list_reply(())
    page = await call.services.views.query(query)
    items = await _highlighted(call, page.rows, terms) if terms else [row.item for row in page.rows]
    return list_reply(
        await without_gone_tags(call, items),
        (*_next(call, path, listing, asked, page), *(TRUNCATED if page.truncated else ())),
    )


_NAMES = tuple(parameter.name for parameter in FILTERS)

# The journal has lists by access: a list of both is merged of them.
_ANY_ACCESS = AnyOf(tuple(Equal("access", access) for access in ACCESSES))


def _filters(asked: dict[str, Any]) -> Iterable[Condition]:
    for name in ("status", "access", "owner"):
        if name in asked:
            yield Equal(name, asked[name])
    yield from (HasTerm("tag", tag) for tag in asked.get("tag", ()))
    if "due_before" in asked:
        yield AtMost("due", asked["due_before"] - 1)
    if "due_after" in asked:
        yield AtLeast("due", asked["due_after"] + 1)


def _sort(asked: dict[str, Any], terms: Sequence[TextTerm], order: Sort, ranked: bool) -> Sort | None:
    """Return the order, None for by relevance; raises a 400 for relevance to nothing."""
    wanted = asked.get("sort", RELEVANCE if terms and ranked else None)
    if wanted is None:
        return order
    if wanted != RELEVANCE:
        return Sort(wanted.removeprefix("-"), descending=wanted.startswith("-"))
    if not terms:
        raise bad_query(f"sort by {RELEVANCE} needs q")
    return None


def _next(call: Call, path: str, listing: str, asked: dict[str, Any], page: Page) -> Headers:
    if page.next is None:
        return ()
    times = {name: to_rfc3339(asked[name]) for name in ("due_before", "due_after") if name in asked}
    again: dict[str, Any] = asked | times
    return next_page(path, **again, limit=call.number("limit"), cursor=write_cursor(listing, page.next))


async def _highlighted(call: Call, rows: Sequence[Listed], terms: Sequence[TextTerm]) -> list[bytes]:
    """Add where the terms stand to each item. Long texts are searched beside the loop."""
    highlighter = Highlighter(terms)
    items = [_decode_item(row.item) for row in rows]
    comments = [await _comments(call, item.id) if item.comment_count else [] for item in items]
    return await asyncio.to_thread(
        lambda: [
            row.item[:-1] + b',"highlights":' + _encode(_highlights(highlighter, item, texts)) + b"}"
            for row, item, texts in zip(rows, items, comments, strict=True)
        ]
    )


async def _comments(call: Call, note_id: str) -> list[str]:
    """Return the texts of a note's comments, which its list item doesn't have."""
    try:
        note: Note = call.value(await call.ask("note", note_id, GetNote()))
    except Refused as refused:
        if isinstance(refused.reason, NotFound):  # it went to the trash just now
            return []
        raise
    return [text for comment in note.comments for text in (comment.title, comment.body) if text]


def _highlights(highlighter: Highlighter, item: _Item, comments: Sequence[str]) -> dict[str, list[str]]:
    title = highlighter.whole(item.title)
    found = {
        "title": [title] if title else [],
        "body": highlighter.pieces(item.body),
        "comments": list(islice((piece for text in comments for piece in highlighter.pieces(text)), MOST_PIECES)),
    }
    return {field: texts for field, texts in found.items() if texts}
