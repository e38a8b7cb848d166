"""What owners do to the own fields of their notes: update, tag, undo, redo, restore.

Each makes one event of the fields that differ. All take the claims that the new values need anew; when the public slug
turns out to be another owner's, the same change is decided again with a slug that tells the two apart (rule C8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikes.domain.deciding import answer, persist, refuse
from spikes.domain.note import event as e
from spikes.domain.note.command import (
    NoteValues,
    RedoNote,
    RestoreNote,
    TagNote,
    UndoNote,
    UntagNote,
    UpdateNote,
)
from spikes.domain.note.deciding import refused_to_change
from spikes.domain.note.entity import Note, values_of
from spikes.domain.note.event import NoteEvent
from spikes.domain.note.undo import Step
from spikes.domain.refusals import Conflict, InvalidField, NotFound
from spikes.domain.rules import IN_FUTURE, TAGS
from spikes.domain.times import to_rfc3339
from spikes.domain.validation import invalid
from spikes.persistence.behavior import Context
from spikes.persistence.effect import Effect

Change = UpdateNote | TagNote | UntagNote | UndoNote | RedoNote | RestoreNote
"""What changes fields that undo knows of."""

Values = Mapping[str, Any]


def change(note: Note, command: Change, context: Context, slug: str | None = None) -> Effect[NoteEvent]:
    """Decide on a change; `slug` is the one that the note has to have afterwards, if not its own."""
    if isinstance(command, RestoreNote) and command.values is None:
        return _untrash(note, context)
    refusal = refused_to_change(context, note)
    if refusal is not None:
        return refusal
    slugs = {} if slug is None else {"slug": slug}
    match command:
        case UpdateNote():
            return _update(note, command, context, slugs)
        case TagNote():
            return _tag(note, command, context)
        case UntagNote():
            return _untag(note, command, context)
        case UndoNote() | RedoNote():
            return _step(note, command, context, slugs)
        case RestoreNote():
            return _restore(note, command, context, slugs)


def wrong_due(due: int | None, context: Context) -> Effect[NoteEvent] | None:
    """Refuse a due time that has passed."""
    if due is None or due > context.now:
        return None
    return refuse(InvalidField("Note.due", invalid(to_rfc3339(due), IN_FUTURE)))


def _update(note: Note, command: UpdateNote, context: Context, slugs: Values) -> Effect[NoteEvent]:
    tags = note.tags if command.tags is None else command.tags
    values = NoteValues(command.title, command.body, command.due, command.status, command.access, tags)
    differing = _differing(note, values, command.gone_tags)
    if not differing:
        return answer(note)
    due = differing.get("due")
    return wrong_due(due, context) or persist(e.NoteUpdated(context.now, **differing, **slugs))


def _tag(note: Note, command: TagNote, context: Context) -> Effect[NoteEvent]:
    kept = _without(note.tags, command.gone_tags)
    if command.tag_id in note.tags:
        return answer(note)
    if len(kept) >= TAGS:
        return refuse(Conflict(f"a note has at most {TAGS} tags"))
    return persist(e.NoteUpdated(context.now, tags=(*kept, command.tag_id)))


def _untag(note: Note, command: UntagNote, context: Context) -> Effect[NoteEvent]:
    if command.tag_id not in note.tags:
        return refuse(NotFound("tag"))
    return persist(e.NoteUpdated(context.now, tags=_without(note.tags, (*command.gone_tags, command.tag_id))))


def _step(note: Note, command: UndoNote | RedoNote, context: Context, slugs: Values) -> Effect[NoteEvent]:
    """Go one step back or forth. All its fields go into the event, so that the way back has them too."""
    undo = isinstance(command, UndoNote)
    steps: tuple[Step, ...] = note.steps.undo if undo else note.steps.redo
    if not steps:
        return refuse(Conflict(f"there is nothing to {'undo' if undo else 'redo'}"))
    values = steps[-1].values(note.body)
    if "tags" in values:
        values["tags"] = _without(values["tags"], command.gone_tags)
    kind = e.NoteUndone if undo else e.NoteRedone
    return persist(kind(context.now, **values, **slugs))


def _restore(note: Note, command: RestoreNote, context: Context, slugs: Values) -> Effect[NoteEvent]:
    differing = _differing(note, command.values or values_of(note), command.gone_tags)
    if not differing:
        return answer(note)
    return persist(e.NoteRestored(context.now, **differing, **slugs, version=command.version or 0))


def _untrash(note: Note, context: Context) -> Effect[NoteEvent]:
    """Take a note out of the trash, in which only its owner sees it."""
    if note.trashed is not None and note.owner == context.principal:
        return persist(e.NoteUntrashed(context.now))
    return refused_to_change(context, note) or refuse(Conflict("the note is not in the trash"))


def _differing(note: Note, values: NoteValues, gone: tuple[str, ...]) -> dict[str, Any]:
    """Return the values that differ. Tags that are gone make no difference, but go when something else does."""
    names = ("title", "body", "due", "status", "access")
    differing = {name: value for name in names if (value := getattr(values, name)) != getattr(note, name)}
    kept, tags = _without(note.tags, gone), _without(values.tags, gone)
    if tags != kept or (differing and kept != note.tags):
        differing["tags"] = tags
    return differing


def _without(tags: tuple[str, ...], gone: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag for tag in tags if tag not in gone)
