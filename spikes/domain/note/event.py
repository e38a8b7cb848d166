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


class NoteUndone(NoteUpdated, frozen=True):
    """The last change was taken back: these fields have the values that they had before it."""


class NoteRedone(NoteUpdated, frozen=True):
    """What was undone last was done again."""


class NoteRestored(NoteUpdated, frozen=True):
    """The fields that differed have the values of an earlier version now."""

    version: int = 0


class NoteTrashed(msgspec.Struct, frozen=True):
    """The note went to the trash."""

    trashed: int


class NoteUntrashed(msgspec.Struct, frozen=True):
    """The note came out of the trash."""

    untrashed: int


class NoteRemoved(msgspec.Struct, frozen=True):
    """The note went with its owner's account."""

    removed: int


class NoteRelated(msgspec.Struct, frozen=True):
    """The note is related to another one, or the relation has another title."""

    target: str
    title: str
    related: int


class NoteUnrelated(msgspec.Struct, frozen=True):
    """The note is no longer related to another one."""

    target: str
    unrelated: int


class CommentAdded(msgspec.Struct, frozen=True):
    """Somebody commented on the note, or answered the comment `parent`."""

    id: str
    writer: str
    parent: str | None
    title: str
    body: str
    color: str | None
    stars: int
    created: int


class CommentUpdated(msgspec.Struct, frozen=True):
    """Some fields of a comment have another value now; what did not change is left out."""

    id: str
    updated: int
    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    color: str | UnsetType | None = UNSET
    stars: int | UnsetType = UNSET


class CommentRemoved(msgspec.Struct, frozen=True):
    """A comment was removed by its writer or by the note's owner."""

    id: str
    removed: int


class CommentWriterForgotten(msgspec.Struct, frozen=True):
    """All comments of a user lost their text and writer, because the account was removed."""

    writer: str
    forgotten: int


NoteEvent = (
    NoteCreated
    | NoteUpdated
    | NoteUndone
    | NoteRedone
    | NoteRestored
    | NoteTrashed
    | NoteUntrashed
    | NoteRemoved
    | NoteRelated
    | NoteUnrelated
    | CommentAdded
    | CommentUpdated
    | CommentRemoved
    | CommentWriterForgotten
)

NOTE_EVENTS: EventCodec[NoteEvent] = EventCodec(
    {
        "note-created@1": NoteCreated,
        "note-updated@1": NoteUpdated,
        "note-undone@1": NoteUndone,
        "note-redone@1": NoteRedone,
        "note-restored@1": NoteRestored,
        "note-trashed@1": NoteTrashed,
        "note-untrashed@1": NoteUntrashed,
        "note-removed@1": NoteRemoved,
        "note-related@1": NoteRelated,
        "note-unrelated@1": NoteUnrelated,
        "comment-added@1": CommentAdded,
        "comment-updated@1": CommentUpdated,
        "comment-removed@1": CommentRemoved,
        "comment-writer-forgotten@1": CommentWriterForgotten,
    }
)
