"""Notes: writing, changing, reading and trashing one."""

from __future__ import annotations

from spikes.domain.note.command import GetNote, TrashNote
from spikes.domain.note.entity import Note, own_slug_claim, public_slug_claim
from spikes.domain.note.request import CreateNoteRequest, UpdateNoteRequest, WholeNote
from spikes.domain.refusals import NotFound
from spikes.domain.slug import is_slug
from spikes.journal.port import Claim, CommandKey
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer
from spikes.web.call import Call
from spikes.web.errors import Refused, forbidden, not_found
from spikes.web.note_writing import as_owner, change, gone_tags, known_tags_or_first_answer, shown, written
from spikes.web.reply import Reply
from spikes.web.time_travel import shown_then


async def create(call: Call) -> Reply:
    """POST /notes: write a note."""
    request = await call.body(CreateNoteRequest, "Note")
    with call.once(request) as key:
        answer = await known_tags_or_first_answer(call, request.tags, key) or await call.create(
            "note", request.command, key
        )
    note: Note = call.value(answer)
    return await written(call, answer, 201, (("Location", f"/notes/{note.slug}"),))


async def update(call: Call) -> Reply:
    """PUT /notes: change one of the caller's own notes."""
    request = await call.body(UpdateNoteRequest, "Note")
    with call.once(request) as key:
        answer = await update_to(call, request.note_id, request, key)
    return await written(call, answer)


async def update_to(call: Call, note_id: str, request: WholeNote, key: CommandKey | None) -> Answer:
    """Change one of the caller's own notes to what the request says."""
    if request.owner_id not in (None, call.caller.user_id):
        await as_owner(call, note_id)
        raise forbidden("the owner of a note can't be changed")
    return await known_tags_or_first_answer(call, request.tags, key) or await change(
        call, note_id, request.command(await gone_tags(call, note_id)), key
    )


async def read(call: Call) -> Reply:
    """GET /notes/{tsid}: one note."""
    return await _shown(call, await call.ask("note", call.tsid(), GetNote()))


async def read_by_slug(call: Call) -> Reply:
    """GET /notes/{slug}: the caller's own note of that name, or else the public one."""
    slug = call.in_path("slug")
    for claim in _claims(call.user_id, slug):
        holder = await call.services.views.holder(claim)
        if holder is not None and (answer := await _visible(call, holder)):
            return await _shown(call, answer)
    raise not_found("note")


async def trash(call: Call) -> Reply:
    """DELETE /notes/{tsid}: move one of the caller's own notes to the trash."""
    return await written(call, await change(call, call.tsid(), TrashNote()))


async def _shown(call: Call, answer: Answer) -> Reply:
    return await shown_then(call, answer) or await shown(call, answer)


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
