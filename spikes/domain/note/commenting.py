"""What is said about a note: comments by whoever sees it, and answers to them."""

from __future__ import annotations

from msgspec import UNSET

from spikes.domain.deciding import answer, persist, persist_in_silence, refuse
from spikes.domain.note.command import AddComment, CommentCommand, ForgetWriter, RemoveComment, UpdateComment
from spikes.domain.note.comment import Comment, depth, found, has_answers, size, written
from spikes.domain.note.deciding import refused_to_see
from spikes.domain.note.entity import Note
from spikes.domain.note.event import CommentAdded, CommentRemoved, CommentUpdated, CommentWriterForgotten, NoteEvent
from spikes.domain.refusals import Conflict, Forbidden, IdTaken, InvalidField, NotFound
from spikes.domain.rules import ANSWERS, COMMENTS, COMMENTS_SIZE
from spikes.domain.validation import invalid
from spikes.persistence.behavior import Context
from spikes.persistence.effect import Effect

COMMENT_NOT_FOUND = NotFound("comment")
PARENT = "the id of a comment on the same note"


def discuss(note: Note, command: CommentCommand, context: Context) -> Effect[NoteEvent]:
    """Decide on a comment; whoever may see the note may comment."""
    refusal = refused_to_see(context, note)
    if refusal is not None:
        return refusal
    if context.principal is None:
        return refuse(Forbidden("nobody is logged in who could comment"))
    match command:
        case AddComment():
            return _add(note, command, context.principal, context.now)
        case UpdateComment():
            return _update(note, command, context.principal, context.now)
        case RemoveComment():
            return _remove(note, command, context.principal, context.now)


def forget(note: Note, command: ForgetWriter, context: Context) -> Effect[NoteEvent]:
    """Take the text of all that a user has said here."""
    if any(comment.writer == command.user_id for comment in note.comments):
        return persist_in_silence(CommentWriterForgotten(command.user_id, context.now))
    return answer(None)


def _add(note: Note, command: AddComment, writer: str, now: int) -> Effect[NoteEvent]:
    text = (command.title, command.body)
    event = CommentAdded(command.comment_id, writer, command.parent, *text, command.color, command.stars, now)
    old = found(note.comments, command.comment_id)
    if old is not None:
        return answer(note) if _same(old, event) else refuse(IdTaken(command.comment_id))
    return _wrong_parent(note, command.parent) or _too_much(note, written(event), None) or persist(event)


def _update(note: Note, command: UpdateComment, writer: str, now: int) -> Effect[NoteEvent]:
    old = found(note.comments, command.comment_id)
    if old is None or old.removed:
        return refuse(COMMENT_NOT_FOUND)
    if old.writer != writer:
        return refuse(Forbidden("only its writer may change a comment"))
    if command.parent not in (None, old.parent):
        return refuse(InvalidField("Comment.parent", invalid(command.parent or "", "the one that it answers")))
    event = _difference(old, command, now)
    if event == CommentUpdated(old.id, now):
        return answer(note)
    new = Comment(old.id, writer, command.title, command.body, old.created)
    return _too_much(note, new, old) or persist(event)


def _remove(note: Note, command: RemoveComment, caller: str, now: int) -> Effect[NoteEvent]:
    """A place-holder can't be removed again, but for one without answers, which a removed account has left."""
    old = found(note.comments, command.comment_id)
    if old is None or (old.removed and (caller != note.owner or has_answers(note.comments, old.id))):
        return refuse(COMMENT_NOT_FOUND)
    if caller not in (old.writer, note.owner):
        return refuse(Forbidden("only its writer and the note's owner may remove a comment"))
    return persist(CommentRemoved(old.id, now))


def _wrong_parent(note: Note, parent: str | None) -> Effect[NoteEvent] | None:
    if parent is None:
        return None
    above = found(note.comments, parent)
    if above is None or above.removed:
        return refuse(InvalidField("Comment.parent", invalid(parent, PARENT)))
    if depth(note.comments, parent) > ANSWERS:
        return refuse(Conflict(f"answers go {ANSWERS} deep"))
    return None


def _too_much(note: Note, new: Comment, old: Comment | None) -> Effect[NoteEvent] | None:
    if old is None and len(note.comments) >= COMMENTS:
        return refuse(Conflict(f"a note has at most {COMMENTS:,} comments"))
    replaced = 0 if old is None else size((old,))
    if size(note.comments) - replaced + size((new,)) > COMMENTS_SIZE:
        return refuse(Conflict(f"the comments of a note have at most {COMMENTS_SIZE:,} bytes of text"))
    return None


def _difference(old: Comment, command: UpdateComment, now: int) -> CommentUpdated:
    return CommentUpdated(
        old.id,
        now,
        title=UNSET if command.title == old.title else command.title,
        body=UNSET if command.body == old.body else command.body,
        color=UNSET if command.color == old.color else command.color,
        stars=UNSET if command.stars == old.stars else command.stars,
    )


def _same(old: Comment, event: CommentAdded) -> bool:
    """Tell whether this very comment was written before (rule C5), whenever that was."""
    new = written(event)
    return all(getattr(old, name) == getattr(new, name) for name in Comment.__struct_fields__ if name != "created")
