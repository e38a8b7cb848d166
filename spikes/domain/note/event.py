"""What happens to notes. Times are milliseconds since the epoch."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from spikes.domain.note.command import Access, Status
from spikes.persistence.codec import EventCodec


class NoteCreated(msgspec.Struct, frozen=True):
    """Somebody wrote a note."""

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


class NoteUpdated(msgspec.Struct, frozen=True):
    """Some fields have another value now. What did not change is left out, so that a big body is stored once."""

    updated: int
    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    due: int | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    access: Access | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET


class NoteTrashed(msgspec.Struct, frozen=True):
    """The note went to the trash."""

    trashed: int


class NoteRemoved(msgspec.Struct, frozen=True):
    """The note went with its owner's account."""

    removed: int


NoteEvent = NoteCreated | NoteUpdated | NoteTrashed | NoteRemoved

NOTE_EVENTS: EventCodec[NoteEvent] = EventCodec(
    {
        "note-created@1": NoteCreated,
        "note-updated@1": NoteUpdated,
        "note-trashed@1": NoteTrashed,
        "note-removed@1": NoteRemoved,
    }
)
