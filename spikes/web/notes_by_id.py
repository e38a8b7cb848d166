"""Notes whose ids stand in the path: written under an id that the client made, changed whole, or merged."""

from __future__ import annotations

from spikes.domain.note.entity import Note
from spikes.domain.note.request_by_id import PatchNoteRequest, PutNewNoteRequest, PutNoteRequest
from spikes.domain.validation import FieldError, invalid
from spikes.journal.port import CommandKey
from spikes.persistence.reply import Answer, PreconditionFailed
from spikes.web.call import Call
from spikes.web.conditions import versions
from spikes.web.errors import BadFields, Problem, Refused, forbidden
from spikes.web.note_writing import first_answer, gone_tags, known_tags_or_first_answer, own, written
from spikes.web.notes import update_to
from spikes.web.operation import MERGE_PATCH
from spikes.web.reply import Reply

ATTEMPTS = 8
"""How often a merge is made anew because the note has changed meanwhile."""


async def put(call: Call) -> Reply:
    """PUT /notes/{tsid}: change one of the caller's own notes, or, with `If-None-Match: *`, write it."""
    note_id = call.tsid()
    if _only_new(call):
        return await _create(call, note_id)
    request = await call.body(PutNoteRequest, "Note")
    _check_id(request, note_id)
    with call.once("update", note_id, request) as key:
        answer = await update_to(call, note_id, request, key)
    return await written(call, answer)


async def patch(call: Call) -> Reply:
    """PATCH /notes/{tsid}: change some fields of one of the caller's own notes (RFC 7396)."""
    note_id, request = call.tsid(), await call.body(PatchNoteRequest, "Note", MERGE_PATCH)
    with call.once(note_id, request) as key:
        answer = await first_answer(call, note_id, key) or await _merge(call, note_id, request, key)
    return await written(call, answer)


def _only_new(call: Call) -> bool:
    condition = call.header("If-None-Match")
    if condition is None:
        return False
    if condition.strip() != "*":
        raise Problem(400, "bad_header", "If-None-Match must be * here: write the note if its id is not taken")
    if call.header("If-Match") is not None:
        raise Problem(400, "bad_header", "If-Match and If-None-Match can't both be met")
    return True


async def _create(call: Call, note_id: str) -> Reply:
    request = await call.body(PutNewNoteRequest, "Note")
    _check_id(request, note_id)
    if request.owner_id not in (None, call.caller.user_id):
        raise forbidden("a note is written for nobody but oneself")
    with call.once("create", note_id, request) as key:
        answer = await known_tags_or_first_answer(call, request.tags, key) or await call.ask(
            "note", note_id, request.create_command(note_id), key=key
        )
    note: Note = call.value(answer)
    return await written(call, answer, 201, (("Location", f"/notes/{note.slug}"),))


def _check_id(request: PutNoteRequest, note_id: str) -> None:
    if request.said_id not in (None, note_id):
        raise BadFields([FieldError("Note.id", invalid(request.id or "", "the id in the path"))])


async def _merge(call: Call, note_id: str, request: PatchNoteRequest, key: CommandKey | None) -> Answer:
    """Merge into the note as it is; one that changes meanwhile is read again, unless If-Match names a version."""
    allowed = versions(call.header("If-Match"))
    for attempt in range(1, ATTEMPTS + 1):
        present = await own(call, note_id)
        if allowed is not None and present.sequence_nr not in allowed:
            raise Refused(PreconditionFailed(present.sequence_nr))
        try:
            return await _merge_into(call, present, request, key)
        except Refused as refused:
            if allowed is not None or attempt == ATTEMPTS or not isinstance(refused.reason, PreconditionFailed):
                raise
    raise AssertionError("the last attempt returns or raises")


async def _merge_into(call: Call, present: Answer, request: PatchNoteRequest, key: CommandKey | None) -> Answer:
    note: Note = call.value(present)
    repeated = await known_tags_or_first_answer(call, request.tags_named, key)
    command = request.command(note, await gone_tags(call, note.id))
    return repeated or await call.ask("note", note.id, command, present.sequence_nr, key)
