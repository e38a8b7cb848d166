"""What the outside sees of notes, one by one and in lists. `version` is the number of the note's last event."""

from __future__ import annotations

import msgspec

from spikes.domain.note.entity import Note, NoteState
from spikes.domain.times import to_rfc3339
from spikes.journal.port import IndexPart, RowSchema

NOTE_ROWS = RowSchema(
    kind="note",
    state_version=1,
    columns={
        "owner": "text",
        "access": "text",
        "status": "text",
        "created": "integer",
        "updated": "integer",
        "due": "integer",
        "title": "text",
        "trashed": "integer",
    },
    indexes=(
        ("owner", "trashed", "created"),
        ("access", "trashed", "created"),
        ("trashed", "created"),
        ("owner", "trashed", "status", "created"),
    ),
    text=("title", "body"),
)
"""What notes are listed by, newest first: the caller's own, the public ones, both together, the own ones by status.

A note in the trash stays listed, with the time; lists ask for those without.
"""


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


def row(state: NoteState, sequence_nr: int) -> IndexPart | None:
    """Return what lists read of a note; a change here raises the state version (rule R1)."""
    if not isinstance(state, Note):
        return None
    return IndexPart(
        columns={
            "owner": state.owner,
            "access": state.access,
            "status": state.status,
            "created": state.created,
            "updated": state.updated,
            "due": state.due,
            "title": state.title.casefold(),
            "trashed": state.trashed,
        },
        item=note_item(state, sequence_nr),
        terms=tuple(("tag", tag) for tag in state.tags),
        search={"": (state.title, state.body)},
    )


def _time(moment: int | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)
