"""The state of a note, phase by phase, and what events make of it. All times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from spikes.domain import relation
from spikes.domain.note import comment
from spikes.domain.note import event as e
from spikes.domain.note.command import Access, NoteValues, Status
from spikes.domain.note.comment import Comments
from spikes.domain.note.event import NoteEvent
from spikes.domain.note.undo import NOTHING, Steps, step_back
from spikes.domain.relation import Relations
from spikes.journal.port import Claim

CHANGEABLE = tuple(name for name in e.NoteUpdated.__struct_fields__ if name != "updated")
"""The fields that an update may change."""


class Absent(msgspec.Struct, frozen=True, tag=True):
    """Nothing yet."""


class Note(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A note. `trashed` is when it was moved to the trash, None for one that can be seen.

    The slug comes from the first title and stays; `tags` are ids, some of which may be of tags that are removed by now.
    `updated` is when the owner last changed one of the note's own fields; comments and relations leave it as it is.
    """

    id: str
    owner: str
    title: str
    body: str
    slug: str
    due: int | None
    status: Status
    access: Access
    tags: tuple[str, ...]
    created: int
    updated: int
    trashed: int | None = None
    comments: Comments = ()
    relations: Relations = ()
    steps: Steps = NOTHING


class Removed(msgspec.Struct, frozen=True, tag=True):
    """A note whose owner's account is gone; the id stays taken."""

    id: str


NoteState = Absent | Note | Removed


def event_handler(state: NoteState, event: NoteEvent) -> NoteState:
    """Replay-safe: no clock, no ids, no I/O; everything needed is in the event."""
    if isinstance(state, Note):
        return _after(state, event)
    if isinstance(state, Absent) and isinstance(event, e.NoteCreated):
        return created(event)
    raise _impossible(state, event)


def created(event: e.NoteCreated) -> Note:
    """Return the note as it was written."""
    return Note(
        id=event.id,
        owner=event.owner,
        title=event.title,
        body=event.body,
        slug=event.slug,
        due=event.due,
        status=event.status,
        access=event.access,
        tags=event.tags,
        created=event.created,
        updated=event.created,
    )


def values_of(note: Note) -> NoteValues:
    """Return what a note can be restored to."""
    return NoteValues(note.title, note.body, note.due, note.status, note.access, note.tags)


def may_see(note: Note, user_id: str | None) -> bool:
    """Tell whether somebody may see this version of a note; its owner sees what is in the trash only on purpose."""
    return note.trashed is None and (note.access == "Public" or note.owner == user_id)


def own_slug_claim(owner: str, slug: str) -> Claim:
    """Return the right to a slug among the notes of one owner."""
    return Claim.of("slug-own", owner, slug)


def public_slug_claim(slug: str) -> Claim:
    """Return the right to a slug among all public notes."""
    return Claim.of("slug", slug)


def unique(state: NoteState) -> tuple[Claim, ...]:
    """Return what no other note may have, trashed or not; a change here raises the state version (rule R1).

    The owner's own claim stands first: when the public one is refused, the slug is surely another owner's.
    """
    match state:
        case Note(access="Public"):
            return own_slug_claim(state.owner, state.slug), public_slug_claim(state.slug)
        case Note():
            return (own_slug_claim(state.owner, state.slug),)
        case _:
            return ()


def _after(note: Note, event: NoteEvent) -> NoteState:
    match event:
        case e.NoteUpdated():
            return _changed(note, event)
        case e.CommentAdded() | e.CommentUpdated() | e.CommentRemoved() | e.CommentWriterForgotten():
            return msgspec.structs.replace(note, comments=_comments(note.comments, event))
        case e.NoteRelated():
            relations = relation.related(note.relations, event.target, event.title, event.related)
            return msgspec.structs.replace(note, relations=relations)
        case e.NoteUnrelated():
            return msgspec.structs.replace(note, relations=relation.unrelated(note.relations, event.target))
        case e.NoteTrashed():
            return msgspec.structs.replace(note, trashed=event.trashed)
        case e.NoteUntrashed():
            return msgspec.structs.replace(note, trashed=None)
        case e.NoteRemoved():
            return Removed(note.id)
        case _:
            raise _impossible(note, event)


def _changed(note: Note, event: e.NoteUpdated) -> Note:
    values = {name: value for name in CHANGEABLE if (value := getattr(event, name)) is not UNSET}
    steps = _steps(note, event, values)
    return msgspec.structs.replace(note, updated=event.updated, steps=steps, **values)


def _steps(note: Note, event: e.NoteUpdated, values: dict[str, Any]) -> Steps:
    back = step_back(note, values)
    match event:
        case e.NoteUndone():
            return note.steps.undone(back)
        case e.NoteRedone():
            return note.steps.redone(back)
        case _:
            return note.steps.done(back)


def _comments(
    comments: Comments, event: e.CommentAdded | e.CommentUpdated | e.CommentRemoved | e.CommentWriterForgotten
) -> Comments:
    match event:
        case e.CommentAdded():
            return comment.added(comments, event)
        case e.CommentUpdated():
            return comment.updated(comments, event)
        case e.CommentRemoved():
            return comment.removed(comments, event.id)
        case e.CommentWriterForgotten():
            return comment.forgotten(comments, event.writer)


def _impossible(state: NoteState, event: NoteEvent) -> ValueError:
    return ValueError(f"{type(event).__name__} can't happen to a note that is {type(state).__name__}")
