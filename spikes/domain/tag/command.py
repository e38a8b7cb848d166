"""What a tag can be told to do. The caller is the context's principal."""

from __future__ import annotations

import msgspec

BLACK = "000000"
"""The color of a tag that nobody chose one for."""


class CreateTag(msgspec.Struct, frozen=True):
    """Make a tag; the caller owns it. Success(Tag), Conflict with the id of the tag that has this title, IdTaken,
    Forbidden for nobody.
    """

    id: str
    title: str
    color: str = BLACK


class GetTag(msgspec.Struct, frozen=True):
    """Read a tag. Success(Tag) or NotFound."""


class UpdateTag(msgspec.Struct, frozen=True):
    """Change the caller's own tag. Success(Tag), NotFound, Forbidden, Conflict. What changes nothing makes no event."""

    title: str
    color: str


class RemoveTag(msgspec.Struct, frozen=True):
    """Remove the caller's own tag, whose id stays taken. Success(Tag as it was), NotFound, Forbidden.

    Notes lose it when they are next shown or written; see `spikes.domain.note.command`.
    """


class DisownTag(msgspec.Struct, frozen=True):
    """Leave a tag without an owner, because the account is removed (rule C9): nobody may change it any more.

    Success(None), also if that is done or the tag is gone; NotFound for a tag of anybody else.
    """

    user_id: str


TagCommand = CreateTag | GetTag | UpdateTag | RemoveTag | DisownTag
