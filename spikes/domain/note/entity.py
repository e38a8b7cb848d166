"""The state of a note, phase by phase, and what events make of it. All times are milliseconds since the epoch, UTC."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from spikes.domain.note.command import Access, Status
from spikes.domain.note.event import NoteCreated, NoteEvent, NoteRemoved, NoteTrashed, NoteUpdated
from spikes.journal.port import Claim

CHANGEABLE = tuple(name for name in NoteUpdated.__struct_fields__ if name != "updated")
"""The fields that an update may change."""


class Absent(msgspec.Struct, frozen=True, tag=True):
    """Nothing yet."""


class Note(msgspec.Struct, frozen=True, tag=True):
    """A note. `trashed` is when it was moved to the trash, None for one that can be seen.

    The slug comes from the first title and stays; `tags` are ids. There are no comments yet.
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
    comments: tuple[()] = ()


class Removed(msgspec.Struct, frozen=True, tag=True):
    """A note whose owner's account is gone; the id stays taken."""

    id: str


NoteState = Absent | Note | Removed


def event_handler(state: NoteState, event: NoteEvent) -> NoteState:
    """Replay-safe: no clock, no ids, no I/O; everything needed is in the event."""
    match event:
        case NoteUpdated() if isinstance(state, Note):
            return _updated(state, event)
        case NoteCreated() if isinstance(state, Absent):
            return created(event)
        case NoteTrashed() if isinstance(state, Note):
            return msgspec.structs.replace(state, trashed=event.trashed)
        case NoteRemoved() if isinstance(state, Note):
            return Removed(state.id)
        case _:
            raise ValueError(f"{type(event).__name__} can't happen to a note that is {type(state).__name__}")


def created(event: NoteCreated) -> Note:
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


def _updated(note: Note, event: NoteUpdated) -> Note:
    values = {name: value for name in CHANGEABLE if (value := getattr(event, name)) is not UNSET}
    return msgspec.structs.replace(note, updated=event.updated, **values)
