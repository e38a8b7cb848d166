"""Taking things back: undo, redo, earlier versions, and the trash. Each is a new event; nothing is ever rewritten."""

from __future__ import annotations

import msgspec

from spikes.domain.note.command import RedoNote, RestoreNote, UndoNote
from spikes.domain.note.entity import values_of
from spikes.domain.note.request import NothingMoreRequest, RestoreNoteRequest
from spikes.journal.port import CommandKey, Sort
from spikes.persistence.reply import Answer
from spikes.web.call import Call
from spikes.web.listing import list_notes, trash
from spikes.web.note_writing import as_owner, change, first_answer, gone_tags, written
from spikes.web.past import at
from spikes.web.reply import Reply


class Owned(msgspec.Struct, frozen=True):
    """What is read of a list item."""

    owner: str


_owner_of = msgspec.json.Decoder(Owned).decode


async def undo(call: Call) -> Reply:
    """POST /notes/{tsid}/undo: take the last change back."""
    return await _step(call, UndoNote)


async def redo(call: Call) -> Reply:
    """POST /notes/{tsid}/redo: do again what was undone last."""
    return await _step(call, RedoNote)


async def restore(call: Call) -> Reply:
    """POST /notes/{tsid}/restore: go back to a version, or, without one, take the note out of the trash."""
    note_id, request = call.tsid(), await call.body_or_none(RestoreNoteRequest, "Note")
    with call.once(note_id, request) as key:
        answer = await first_answer(call, note_id, key) or await _restore(call, note_id, request.version, key)
    return await written(call, answer)


async def list_trash(call: Call) -> Reply:
    """GET /notes/trash: the caller's own notes in the trash, the last one that went there first."""
    return await list_notes(call, "/notes/trash", trash(call), Sort("trashed", descending=True))


async def in_trash(call: Call, note_id: str) -> int:
    """Look at a note that may be in the trash, where only its owner finds it, and only by its row."""
    rows = await call.services.views.listed([f"note|{note_id}"])
    if rows and _owner_of(rows[0].item).owner == call.caller.user_id:
        return rows[0].sequence_nr
    return await as_owner(call, note_id)


async def _step(call: Call, step: type[UndoNote] | type[RedoNote]) -> Reply:
    note_id = call.tsid()
    await call.body_or_none(NothingMoreRequest, "Note")
    with call.once(note_id) as key:
        answer = await change(call, note_id, step(await gone_tags(call, note_id)), key)
    return await written(call, answer)


async def _restore(call: Call, note_id: str, version: int | None, key: CommandKey | None) -> Answer:
    if version is None:
        return await change(call, note_id, RestoreNote(), key, in_trash)
    await as_owner(call, note_id)
    values = values_of((await at(call, note_id, version)).note)
    command = RestoreNote(version, values, await gone_tags(call, note_id, values.tags))
    return await change(call, note_id, command, key)
