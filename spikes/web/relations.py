"""Relations between notes, and between users. Each is said by one side; the other side's view of it is a query.

A list has what the side itself says first (`out`), then what others say (`in`). What the caller may not see at the
other end is left out, and so is what is not there any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import msgspec

from spikes.domain import relation
from spikes.domain.note.command import GetNote, UnrelateNote
from spikes.domain.note.entity import Note
from spikes.domain.note.request import RelateNoteRequest
from spikes.domain.note.response import RelationResponse, relation_response
from spikes.domain.refusals import NotFound
from spikes.domain.relation import Relation, Relations
from spikes.domain.user.command import GetUser, RelateUser, UnrelateUser
from spikes.domain.user.entity import User
from spikes.journal.port import AnyOf, CommandKey, Condition, Cursor, Equal, HasTerm, Query
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer
from spikes.web.call import Call
from spikes.web.errors import Refused
from spikes.web.note_writing import change, first_answer
from spikes.web.paging import next_page, read_cursor, write_cursor
from spikes.web.reply import NO_CONTENT, Reply, json_reply

OUT = "out|"
"""Begins the cursor within what a side itself says; that of what others say has a persistence id."""


class Side(msgspec.Struct, frozen=True):
    """One side of relations: its kind and id, what it says itself, and which others the reader may see.

    `seen` are the conditions for that; `reader` is a user's id, None for an anonymous one.
    """

    kind: str
    entity_id: str
    relations: Relations
    seen: tuple[Condition, ...]
    reader: str | None
    command: type[GetNote] | type[GetUser]


class Other(msgspec.Struct, frozen=True):
    """What is read of the other end's list item; that of a user under removal is empty."""

    id: str | None = None
    owner: str | None = None
    access: str = "Public"
    trashed: str | None = None

    def is_seen(self, reader: str | None) -> bool:
        """Tell whether a reader may see it."""
        return self.id is not None and self.trashed is None and (self.access == "Public" or self.owner == reader)


_read = msgspec.json.Decoder(Other).decode


async def of_note(call: Call) -> Reply:
    """GET /notes/{tsid}/relations: what a note has to do with others."""
    note: Note = call.value(await call.ask("note", call.tsid(), GetNote()))
    public = Equal("access", "Public")
    seen = public if call.user_id is None else AnyOf((public, Equal("owner", call.user_id)))
    side = Side("note", note.id, note.relations, (seen, Equal("trashed", None)), call.user_id, GetNote)
    return await _listing(call, f"/notes/{note.id}/relations", side)


async def of_me(call: Call) -> Reply:
    """GET /users/me/relations: whom the caller has to do with."""
    user: User = call.value(await call.ask("user", call.caller.user_id, GetUser()))
    side = Side("user", user.id, user.relations, (Equal("removing", 0),), user.id, GetUser)
    return await _listing(call, "/users/me/relations", side)


async def relate_note(call: Call) -> Reply:
    """PUT /notes/{tsid}/relations/{target}: relate one of the caller's own notes to one that the caller may see."""
    note_id, target = call.tsid(), call.tsid("target")
    request = await call.body(RelateNoteRequest, "Relation")
    with call.once(note_id, target, request) as key:
        answer = await first_answer(call, note_id, key) or await _relate(call, note_id, target, request, key)
    return _related(call, answer, target)


async def unrelate_note(call: Call) -> Reply:
    """DELETE /notes/{tsid}/relations/{target}: end a relation of one of the caller's own notes."""
    await change(call, call.tsid(), UnrelateNote(call.tsid("target")))
    return NO_CONTENT


async def relate_user(call: Call) -> Reply:
    """PUT /users/me/relations/{user}: relate the caller to somebody."""
    target, request = call.tsid("user"), await call.body(RelateNoteRequest, "Relation")
    with call.once(target, request) as key:
        answer = None if key is None else await call.ask("user", call.caller.user_id, GetUser(), key=key)
        if answer is None or not answer.replayed:
            await call.ask("user", target, GetUser())
            command = RelateUser(target, request.title)
            answer = await call.ask("user", call.caller.user_id, command, key=key)
    return _related(call, answer, target)


async def unrelate_user(call: Call) -> Reply:
    """DELETE /users/me/relations/{user}: end a relation of the caller's."""
    await call.ask("user", call.caller.user_id, UnrelateUser(call.tsid("user")))
    return NO_CONTENT


async def _relate(call: Call, note_id: str, target: str, request: RelateNoteRequest, key: CommandKey | None) -> Answer:
    await call.ask("note", target, GetNote())
    return await change(call, note_id, request.command(target), key)


def _related(call: Call, answer: Answer, target: str) -> Reply:
    side: Note | User = call.value(answer)
    found = relation.found(side.relations, target)
    assert found is not None
    return json_reply(relation_response(found, target, "out"), headers=call.repeated(answer))


async def _listing(call: Call, path: str, side: Side) -> Reply:
    """Return one page. The cursor is of the part in which the page ends."""
    limit, after = call.number("limit"), read_cursor(path, call.text("cursor"))
    left = _outgoing(side, after)
    page, room = left[:limit], limit - len(left)
    there = await _visible(call, side, page)
    found = [relation_response(each, each.target, "out") for each in page if each.target in there]
    if room > 0:
        more, end = await _incoming(call, side, None if left or _is_out(after) else after, room)
        found += more
    else:
        more = [] if room < 0 else (await _incoming(call, side, None, 1))[0]
        end = Cursor(*_place(page[-1])) if room < 0 or more else None
    return json_reply(found, headers=next_page(path, limit=limit, cursor=write_cursor(path, end)) if end else ())


def _is_out(after: Cursor | None) -> bool:
    return after is not None and after.persistence_id.startswith(OUT)


def _outgoing(side: Side, after: Cursor | None) -> list[Relation]:
    """Return what the side says itself and has not been listed yet, in an order that stays."""
    ordered = sorted(side.relations, key=_place)
    if after is None:
        return ordered
    return [each for each in ordered if _is_out(after) and _place(each) > (after.value, after.persistence_id)]


def _place(each: Relation) -> tuple[int | str | None, str]:
    return each.created, OUT + each.target


async def _visible(call: Call, side: Side, relations: Sequence[Relation]) -> Collection[str]:
    """Return the targets that the reader may see, by their rows: that wakes no entity."""
    rows = await call.services.views.listed([f"{side.kind}|{each.target}" for each in relations])
    return {PersistenceId.parse(row.persistence_id).entity_id for row in rows if _read(row.item).is_seen(side.reader)}


async def _incoming(
    call: Call, side: Side, after: Cursor | None, limit: int
) -> tuple[list[RelationResponse], Cursor | None]:
    """Return what others say, the newest of them first, and where that goes on."""
    query = Query(side.kind, (*side.seen, HasTerm("relation", side.entity_id)), after=after, limit=limit)
    page = await call.services.views.query(query)
    others = await asyncio.gather(*(_look(call, side, row.persistence_id) for row in page.rows))
    said = [(other.id, relation.found(other.relations, side.entity_id)) for other in others if other]
    return [relation_response(each, other_id, "in") for other_id, each in said if each], page.next


async def _look(call: Call, side: Side, persistence_id: str) -> Note | User | None:
    entity_id = PersistenceId.parse(persistence_id).entity_id
    try:
        seen: Note | User = call.value(await call.ask(side.kind, entity_id, side.command()))
    except Refused as refused:
        if isinstance(refused.reason, NotFound):
            return None
        raise
    return seen
