"""Tags, shared by all: whoever has a token may make one and put any on notes of their own; its creator changes it."""

from __future__ import annotations

from spikes.domain.note.command import TagNote, UntagNote
from spikes.domain.refusals import NotFound
from spikes.domain.tag.command import GetTag, RemoveTag
from spikes.domain.tag.entity import Tag
from spikes.domain.tag.request import CreateTagRequest, UpdateTagRequest
from spikes.domain.tag.response import tag_response
from spikes.domain.validation import FieldError, invalid
from spikes.journal.port import CommandKey, Query, Sort
from spikes.persistence.reply import Answer
from spikes.web.call import Call
from spikes.web.errors import BadFields, Refused
from spikes.web.note_writing import change, first_answer, gone_tags, written
from spikes.web.paging import next_page, read_cursor, write_cursor
from spikes.web.reply import Headers, Reply, json_reply, list_reply


async def create(call: Call) -> Reply:
    """POST /tags: make a tag."""
    request = await call.body(CreateTagRequest, "Tag")
    with call.once(request) as key:
        answer = await call.create("tag", request.command, key)
    tag: Tag = call.value(answer)
    return _reply(call, answer, 201, (("Location", f"/tags/{tag.id}"),))


async def list_all(call: Call) -> Reply:
    """GET /tags: all tags by title."""
    limit, after = call.number("limit"), read_cursor("/tags", call.text("cursor"))
    page = await call.services.views.query(Query("tag", sort=Sort("title"), after=after, limit=limit))
    more = next_page("/tags", limit=limit, cursor=write_cursor("/tags", page.next)) if page.next else ()
    return list_reply((row.item for row in page.rows), more)


async def read(call: Call) -> Reply:
    """GET /tags/{tsid}: one tag."""
    return _reply(call, await call.ask("tag", call.tsid(), GetTag()))


async def cloud(call: Call) -> Reply:
    """GET /tags/cloud: how often each tag is used, on the notes that the caller may see."""
    services = call.services
    return json_reply(await services.cloud.show(services.views, services.sources.monotonic, call.user_id))


async def update(call: Call) -> Reply:
    """PUT /tags: change the caller's own tag that the body names."""
    request = await call.body(UpdateTagRequest, "Tag")
    if request.tag_id is None:
        raise BadFields([FieldError("Tag.id", "missing")])
    return await _update(call, request, request.tag_id)


async def update_in_path(call: Call) -> Reply:
    """PUT /tags/{tsid}: change the caller's own tag."""
    tag_id, request = call.tsid(), await call.body(UpdateTagRequest, "Tag")
    if request.tag_id not in (None, tag_id):
        raise BadFields([FieldError("Tag.id", invalid(request.id or "", "the id in the path"))])
    return await _update(call, request, tag_id)


async def remove(call: Call) -> Reply:
    """DELETE /tags/{tsid}: remove the caller's own tag. Notes lose it when they are shown or written next."""
    return _reply(call, await call.ask("tag", call.tsid(), RemoveTag()))


async def put_on(call: Call) -> Reply:
    """PUT /notes/{tsid}/tags/{tag}: put a tag on one of the caller's own notes."""
    note_id, tag_id = call.tsid(), call.tsid("tag")
    with call.once(note_id, tag_id) as key:
        answer = await first_answer(call, note_id, key) or await _put_on(call, note_id, tag_id, key)
    return await written(call, answer)


async def take_off(call: Call) -> Reply:
    """DELETE /notes/{tsid}/tags/{tag}: take a tag off one of the caller's own notes."""
    note_id = call.tsid()
    command = UntagNote(call.tsid("tag"), await gone_tags(call, note_id))
    return await written(call, await change(call, note_id, command))


async def _put_on(call: Call, note_id: str, tag_id: str, key: CommandKey | None) -> Answer:
    gone = await gone_tags(call, note_id, [tag_id])
    if tag_id in gone:
        raise Refused(NotFound("tag"))
    return await change(call, note_id, TagNote(tag_id, gone), key)


async def _update(call: Call, request: UpdateTagRequest, tag_id: str) -> Reply:
    with call.once(tag_id, request) as key:
        answer = await call.ask("tag", tag_id, request.command(), key=key)
    return _reply(call, answer)


def _reply(call: Call, answer: Answer, status: int = 200, headers: Headers = ()) -> Reply:
    tag: Tag = call.value(answer)
    return json_reply(tag_response(tag, answer.sequence_nr), status, (*headers, *call.repeated(answer)))
