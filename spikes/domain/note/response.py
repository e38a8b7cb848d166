"""What the outside sees of notes. `version` is the number of the note's last event."""

from __future__ import annotations

import msgspec

from spikes.domain.note.entity import Note
from spikes.domain.times import to_rfc3339


class NoteResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A whole note; every key is always there."""

    id: str
    owner: str
    title: str
    body: str
    slug: str
    due: str | None
    status: str
    access: str
    tags: tuple[str, ...]
    comments: tuple[()]
    created: str
    updated: str
    version: int
    trashed: str | None


class NoteItem(msgspec.Struct, frozen=True, rename="camel"):
    """A note in a list: the number of its comments stands for the comments."""

    id: str
    owner: str
    title: str
    body: str
    slug: str
    due: str | None
    status: str
    access: str
    tags: tuple[str, ...]
    comment_count: int
    created: str
    updated: str
    version: int
    trashed: str | None


_encoder = msgspec.json.Encoder()


def note_response(note: Note, sequence_nr: int) -> NoteResponse:
    """Return the full representation of a note at this version."""
    return NoteResponse(
        id=note.id,
        owner=note.owner,
        title=note.title,
        body=note.body,
        slug=note.slug,
        due=_time(note.due),
        status=note.status,
        access=note.access,
        tags=note.tags,
        comments=note.comments,
        created=to_rfc3339(note.created),
        updated=to_rfc3339(note.updated),
        version=sequence_nr,
        trashed=_time(note.trashed),
    )


def note_item(note: Note, sequence_nr: int) -> bytes:
    """Return the list item of a note as JSON, as the entity row keeps it."""
    item = NoteItem(
        id=note.id,
        owner=note.owner,
        title=note.title,
        body=note.body,
        slug=note.slug,
        due=_time(note.due),
        status=note.status,
        access=note.access,
        tags=note.tags,
        comment_count=len(note.comments),
        created=to_rfc3339(note.created),
        updated=to_rfc3339(note.updated),
        version=sequence_nr,
        trashed=_time(note.trashed),
    )
    return _encoder.encode(item)


def _time(moment: int | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)
