"""What a note can be told to do. The caller is the context's principal; times are milliseconds since the epoch."""

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


class GetNote(msgspec.Struct, frozen=True):
    """Read a note. Success(Note), or NotFound for another's private one and for one in the trash."""


class TrashNote(msgspec.Struct, frozen=True):
    """Move the caller's own note to the trash. Success(Note), NotFound, Forbidden."""


class PurgeNote(msgspec.Struct, frozen=True):
    """Remove a note because its owner's account is removed (rule C9). Success(None), also if it is gone already.

    NotFound for a note of anybody else.
    """

    owner: str


NoteCommand = CreateNote | UpdateNote | GetNote | TrashNote | PurgeNote
