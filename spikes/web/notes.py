"""Notes: writing, changing, reading and trashing one, and lists of them."""

from __future__ import annotations

from spikes.domain.note.command import GetNote, TrashNote, UpdateNote
from spikes.domain.note.entity import Note, own_slug_claim, public_slug_claim
from spikes.domain.note.request import CreateNoteRequest, UpdateNoteRequest, tag_ids
from spikes.domain.note.response import note_response
from spikes.domain.refusals import NotFound
from spikes.domain.slug import is_slug
from spikes.domain.validation import FieldError, invalid
from spikes.journal.port import AnyOf, Claim, CommandKey, Condition, Equal, Query
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer, PreconditionFailed
from spikes.web.call import Call
from spikes.web.conditions import NEVER, etag, is_known, versions
from spikes.web.errors import BadFields, Refused, forbidden, not_found
from spikes.web.paging import next_page, read_cursor, write_cursor
from spikes.web.reply import Headers, Reply, json_reply, list_reply

REVALIDATE = ("Cache-Control", "private, no-cache")


async def create(call: Call) -> Reply:
    """POST /notes: write a note."""
    request = await call.body(CreateNoteRequest, "Note")
    await _check_tags(call, request.tags)
    with call.once(request) as key:
        answer = await call.create("note", request.command, key)
    note: Note = call.value(answer)
    return _written(call, answer, 201, (("Location", f"/notes/{note.slug}"),))


async def update(call: Call) -> Reply:
    """PUT /notes: change one of the caller's own notes."""
    request = await call.body(UpdateNoteRequest, "Note")
    await _check_tags(call, request.tags)
    with call.once(request) as key:
        if request.owner_id not in (None, call.caller.user_id):
            await _check_owner(call, request.note_id)
            raise forbidden("the owner of a note can't be changed")
        answer = await _change(call, request.note_id, request.command(), key)
    return _written(call, answer, 200)


async def read(call: Call) -> Reply:
    """GET /notes/{tsid}: one note."""
    return _shown(call, await call.ask("note", call.tsid(), GetNote()))


async def read_by_slug(call: Call) -> Reply:
    """GET /notes/{slug}: the caller's own note of that name, or else the public one."""
    slug = call.in_path("slug")
    for claim in _claims(call.user_id, slug):
        holder = await call.services.views.holder(claim)
        if holder is not None and (answer := await _visible(call, holder)):
            return _shown(call, answer)
    raise not_found("note")


async def trash(call: Call) -> Reply:
    """DELETE /notes/{tsid}: move one of the caller's own notes to the trash."""
    return _written(call, await _change(call, call.tsid(), TrashNote(), None), 200)


async def list_mine(call: Call) -> Reply:
    """GET /notes/mine: the caller's own notes, the newest first."""
    return await _listing(call, "/notes/mine", Equal("owner", call.caller.user_id))


async def list_visible(call: Call) -> Reply:
    """GET /notes: public notes and the caller's own, the newest first."""
    public = Equal("access", "Public")
    visible = public if call.user_id is None else AnyOf((public, Equal("owner", call.user_id)))
    return await _listing(call, "/notes", visible)


async def unknown_tags(call: Call, ids: tuple[str, ...]) -> list[str]:
    """Return those of the ids that are of no tag."""
    unknown = []
    for tag in ids:
        try:
            known = await call.services.views.count(Query("tag", (Equal("id", tag),)))
        except ValueError:  # there are no tags yet
            known = 0
        if not known:
            unknown.append(tag)
    return unknown


async def _check_tags(call: Call, tags: list[str] | None) -> None:
    unknown = await unknown_tags(call, tag_ids(tags)) if tags else []
    if unknown:
        raise BadFields([FieldError("Note.tags", invalid(", ".join(unknown), "ids of tags that exist"))])


async def _change(call: Call, note_id: str, command: UpdateNote | TrashNote, key: CommandKey | None) -> Answer:
    """Ask a note to change, at the version that If-Match names; its version is told to nobody who may not see it."""
    expected = await _expected(call, note_id)
    try:
        return await call.ask("note", note_id, command, expected, key)
    except Refused as refused:
        if isinstance(refused.reason, PreconditionFailed):
            await _check_owner(call, note_id)
        raise


async def _expected(call: Call, note_id: str) -> int | None:
    """Return the one version at which the note may be changed, None for any."""
    allowed = versions(call.header("If-Match"))
    if allowed is None:
        return None
    if len(allowed) > 1:
        present = (await call.ask("note", note_id, GetNote())).sequence_nr
        return present if present in allowed else NEVER
    return allowed[0] if allowed else NEVER


async def _check_owner(call: Call, note_id: str) -> None:
    """Raise a 404 for a note that the caller may not see, and a 403 for another's."""
    note: Note = call.value(await call.ask("note", note_id, GetNote()))
    if note.owner != call.caller.user_id:
        raise forbidden("a note is changed by nobody but its owner")


def _claims(user_id: str | None, slug: str) -> list[Claim]:
    """Return what to look a slug up by: the caller's own note goes first."""
    if not is_slug(slug):
        return []
    own = [] if user_id is None else [own_slug_claim(user_id, slug)]
    return [*own, public_slug_claim(slug)]


async def _visible(call: Call, persistence_id: str) -> Answer | None:
    try:
        return await call.ask("note", PersistenceId.parse(persistence_id).entity_id, GetNote())
    except Refused as refused:
        if isinstance(refused.reason, NotFound):
            return None
        raise


def _tag(note: Note, sequence_nr: int) -> str:
    return etag(sequence_nr, note.id, *note.tags)


def _shown(call: Call, answer: Answer) -> Reply:
    """Return the note for a read: a 304 if the client has it already."""
    note: Note = call.value(answer)
    tag = _tag(note, answer.sequence_nr)
    headers = (("ETag", tag), REVALIDATE)
    if is_known(call.header("If-None-Match"), tag):
        return Reply(304, headers=headers)
    return json_reply(note_response(note, answer.sequence_nr), headers=headers)


def _written(call: Call, answer: Answer, status: int, headers: Headers = ()) -> Reply:
    """Return the note after a write."""
    note: Note = call.value(answer)
    tag = ("ETag", _tag(note, answer.sequence_nr))
    return json_reply(note_response(note, answer.sequence_nr), status, (tag, *headers, *call.repeated(answer)))


async def _listing(call: Call, path: str, condition: Condition) -> Reply:
    limit, after = call.number("limit"), read_cursor(path, call.text("cursor"))
    where = (condition, Equal("trashed", None))
    page = await call.services.views.query(Query("note", where, after=after, limit=limit))
    more = next_page(path, limit=limit, cursor=write_cursor(path, page.next)) if page.next else ()
    return list_reply((row.item for row in page.rows), more)
