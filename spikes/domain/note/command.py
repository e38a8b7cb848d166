"""What a note can be told to do. The caller is the context's principal; times are milliseconds since the epoch.

`gone_tags` names tags that are known to be removed. A tag's id never comes back, so a note may drop them whenever it
writes something else; nobody has to sweep all notes when a tag is removed. Until then whoever shows a note leaves
them out (`response.tags_shown`).
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Status = Literal["Blank", "New", "Ready", "ToDo", "Doing", "Review", "Completed"]
Access = Literal["Private", "Public"]

STATUSES: tuple[str, ...] = get_args(Status)
"""All statuses, in the order in which work goes on."""

ACCESSES: tuple[str, ...] = get_args(Access)
"""All degrees of access."""


class CreateNote(msgspec.Struct, frozen=True):
    """Write a note; the caller owns it. Success(Note), Conflict, InvalidField, Forbidden for nobody, IdTaken."""

    id: str
    title: str
    body: str
    due: int | None = None
    status: Status = "New"
    access: Access = "Public"
    tags: tuple[str, ...] = ()


class ImportNote(msgspec.Struct, frozen=True):
    """Write a note that was written elsewhere at `created`, which counts as now if it is yet to come.

    A due time may have passed, and a slug in use gets a suffix. Success(Note), Conflict with the id itself if the
    caller has this note already, Conflict without one if the slug with the suffix is in use too, Forbidden, IdTaken.
    """

    id: str
    title: str
    body: str
    created: int
    due: int | None = None
    status: Status = "New"
    access: Access = "Private"
    tags: tuple[str, ...] = ()


class UpdateNote(msgspec.Struct, frozen=True):
    """Change the caller's own note. `due` None clears it, `tags` None keeps them.

    Success(Note), NotFound, Forbidden, InvalidField, Conflict. What changes nothing makes no event.
    """

    title: str
    body: str
    due: int | None
    status: Status
    access: Access
    tags: tuple[str, ...] | None = None
    gone_tags: tuple[str, ...] = ()


class GetNote(msgspec.Struct, frozen=True):
    """Read a note. Success(Note), or NotFound for another's private one and for one in the trash."""


class TrashNote(msgspec.Struct, frozen=True):
    """Move the caller's own note to the trash. Success(Note), NotFound, Forbidden."""


class PurgeNote(msgspec.Struct, frozen=True):
    """Remove a note because its owner's account is removed (rule C9). Success(None), also if it is gone already.

    NotFound for a note of anybody else.
    """

    owner: str


# --------------------------------------------------------------------------------------- tags and relations, one by one


class TagNote(msgspec.Struct, frozen=True):
    """Put one more tag on the caller's own note. Success(Note), NotFound, Forbidden, Conflict for one too many.

    A tag that it has already makes no event. That the tag exists is for the sender to know.
    """

    tag_id: str
    gone_tags: tuple[str, ...] = ()


class UntagNote(msgspec.Struct, frozen=True):
    """Take a tag off the caller's own note. Success(Note), NotFound("note"), NotFound("tag"), Forbidden."""

    tag_id: str
    gone_tags: tuple[str, ...] = ()


class RelateNote(msgspec.Struct, frozen=True):
    """Relate the caller's own note to another one, or give the relation another title.

    Success(Note), NotFound, Forbidden, Conflict for one too many and for itself. That the caller may see the target
    is for the sender to know.
    """

    target_id: str
    title: str


class UnrelateNote(msgspec.Struct, frozen=True):
    """End a relation of the caller's own note. Success(Note), NotFound("note"), NotFound("relation"), Forbidden."""

    target_id: str


# -------------------------------------------------------------------------------------------------- undo, redo, restore


class UndoNote(msgspec.Struct, frozen=True):
    """Take back the last change of title, body, due, status, access and tags of the caller's own note.

    Success(Note), NotFound, Forbidden; Conflict if there is nothing to undo, or if the slug that a public note needs
    is another's by now. A due time may have passed.
    """

    gone_tags: tuple[str, ...] = ()


class RedoNote(msgspec.Struct, frozen=True):
    """Do again what was undone last. The answers are those of `UndoNote`; any new change leaves nothing to redo."""

    gone_tags: tuple[str, ...] = ()


class NoteValues(msgspec.Struct, frozen=True):
    """What the owner writes of a note: all that undo, redo and restore bring back (rule C8)."""

    title: str
    body: str
    due: int | None
    status: Status
    access: Access
    tags: tuple[str, ...]


class RestoreNote(msgspec.Struct, frozen=True):
    """Give the caller's own note the values of an earlier version, which the sender has folded (`entity.values_of`).

    Without `values` the note comes out of the trash. Success(Note), NotFound, Forbidden; Conflict if it is not in the
    trash, or if the slug that a public note needs is another's by now. What others commented stays as it is.
    """

    version: int | None = None
    values: NoteValues | None = None
    gone_tags: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------------------------- comments


class AddComment(msgspec.Struct, frozen=True):
    """Comment on a note that the caller may see, or answer the comment `parent`.

    Success(Note), NotFound, Forbidden for nobody, InvalidField for a parent that is not there, Conflict if it gets too
    much, IdTaken. A comment of the caller's own with this id and content is done already (rule C5).
    """

    comment_id: str
    title: str
    body: str
    color: str | None = None
    stars: int = 0
    parent: str | None = None


class UpdateComment(msgspec.Struct, frozen=True):
    """Change a comment of the caller's own. `parent`, if it is given, must be the one that it has.

    Success(Note), NotFound("note"), NotFound("comment"), Forbidden, InvalidField; Conflict if it gets too much.
    """

    comment_id: str
    title: str
    body: str
    color: str | None = None
    stars: int = 0
    parent: str | None = None


class RemoveComment(msgspec.Struct, frozen=True):
    """Remove a comment: the caller's own, or any on the caller's own note. One with answers leaves a place-holder.

    Success(Note), NotFound("note"), NotFound("comment"), Forbidden.
    """

    comment_id: str


class ForgetWriter(msgspec.Struct, frozen=True):
    """Take the text of all comments of a user, because the account is removed (rule C9); place-holders stay.

    Success(None), also if there is no such note or comment.
    """

    user_id: str


OwnersCommand = (
    UpdateNote | TrashNote | TagNote | UntagNote | RelateNote | UnrelateNote | UndoNote | RedoNote | RestoreNote
)
"""What only the owner may do."""

CommentCommand = AddComment | UpdateComment | RemoveComment
"""What whoever sees the note may do."""

NoteCommand = CreateNote | ImportNote | GetNote | OwnersCommand | CommentCommand | PurgeNote | ForgetWriter
