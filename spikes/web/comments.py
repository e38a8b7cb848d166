"""Comments on notes: whoever may see a note may say something about it. The answer is the note with its comments."""

from __future__ import annotations

from spikes.domain.note.command import RemoveComment
from spikes.domain.note.request import AddCommentRequest, UpdateCommentRequest
from spikes.domain.validation import FieldError, invalid
from spikes.web.call import Call
from spikes.web.errors import BadFields
from spikes.web.note_writing import as_reader, change, written
from spikes.web.reply import Reply


async def add(call: Call) -> Reply:
    """POST /notes/{tsid}/comments: comment on a note, or answer a comment."""
    note_id, request = call.tsid(), await call.body(AddCommentRequest, "Comment")
    _check(request.in_note, note_id, "noteId", "the id of the note in the path")
    with call.once(note_id, request) as key:
        answer = await call.with_new_id(
            lambda comment_id: change(call, note_id, request.command(comment_id), key, as_reader)
        )
    return await written(call, answer, 201)


async def update(call: Call) -> Reply:
    """PUT /notes/{tsid}/comments: change the caller's own comment that the body names."""
    request = await call.body(UpdateCommentRequest, "Comment")
    if request.comment_id is None:
        raise BadFields([FieldError("Comment.id", "missing")])
    return await _update(call, request, request.comment_id)


async def update_in_path(call: Call) -> Reply:
    """PUT /notes/{tsid}/comments/{comment}: change the caller's own comment."""
    comment_id, request = call.tsid("comment"), await call.body(UpdateCommentRequest, "Comment")
    _check(request.comment_id, comment_id, "id", "the id in the path")
    return await _update(call, request, comment_id)


async def remove(call: Call) -> Reply:
    """DELETE /notes/{tsid}/comments/{comment}: remove the caller's own comment, or any on the caller's own note."""
    command = RemoveComment(call.tsid("comment"))
    return await written(call, await change(call, call.tsid(), command, look=as_reader))


async def _update(call: Call, request: UpdateCommentRequest, comment_id: str) -> Reply:
    note_id = call.tsid()
    _check(request.in_note, note_id, "noteId", "the id of the note in the path")
    with call.once(note_id, comment_id, request) as key:
        answer = await change(call, note_id, request.command(comment_id), key, as_reader)
    return await written(call, answer)


def _check(said: str | None, meant: str, field: str, right: str) -> None:
    """Raise a 400 if the body says something else than the path."""
    if said not in (None, meant):
        raise BadFields([FieldError(f"Comment.{field}", invalid(said or "", right))])
