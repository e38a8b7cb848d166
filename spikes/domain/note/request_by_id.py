"""What the outside can ask of a note whose id stands in the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from msgspec import UNSET, UnsetType

from spikes.domain import rules
from spikes.domain.note.command import ACCESSES, STATUSES, Access, CreateNote, Status, UpdateNote
from spikes.domain.note.entity import Note
from spikes.domain.note.request import WholeNote, milliseconds, parsed, tag_ids
from spikes.domain.validation import Request, Rule

T = TypeVar("T")


class PutNoteRequest(WholeNote, frozen=True):
    """Change the note in the path, or write it. `id`, if given, must be the one in the path.

    `due` left out clears it, `tags` left out keeps them. What only the service writes is accepted and ignored, so that
    what was read can be sent back. `owner`, if given, must be the caller.
    """

    id: str | None = None

    rules: ClassVar[Mapping[str, Rule]] = {"id": rules.ID_RULE, **WholeNote.rules}

    @property
    def said_id(self) -> str | None:
        """Which note it is said to be, if the request says it."""
        return parsed(self.id)

    def create_command(self, note_id: str) -> CreateNote:
        """Return the command to the note that is not there yet."""
        tags = tag_ids(self.tags or [])
        return CreateNote(note_id, self.title, self.body, milliseconds(self.due), self.status, self.access, tags)


class PutNewNoteRequest(PutNoteRequest, frozen=True):
    """Write a note under an id of the client's; status and access may be left out as in `CreateNoteRequest`."""

    status: Status = "New"
    access: Access = "Public"

    rules: ClassVar[Mapping[str, Rule]] = {**PutNoteRequest.rules, "due": rules.DUE_RULE}


class PatchNoteRequest(Request, frozen=True):
    """Change some fields of a note (RFC 7396): what is left out stays; null clears `due` and takes off all `tags`."""

    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    due: str | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    access: Access | UnsetType = UNSET
    tags: list[str] | UnsetType | None = UNSET

    rules: ClassVar[Mapping[str, Rule]] = {
        "title": rules.TITLE_RULE,
        "body": rules.BODY_RULE,
        "due": rules.CHANGED_DUE_RULE,
        "status": rules.one_of(STATUSES),
        "access": rules.one_of(ACCESSES),
        "tags": rules.TAGS_RULE,
    }

    @property
    def tags_named(self) -> list[str]:
        """The tags that the note shall have, none if the request says nothing of them."""
        return [] if self.tags is UNSET or self.tags is None else self.tags

    def command(self, note: Note, gone_tags: tuple[str, ...] = ()) -> UpdateNote:
        """Return the command to the note as it is; it is right for this very version only."""
        return UpdateNote(
            title=_merged(self.title, note.title),
            body=_merged(self.body, note.body),
            due=note.due if self.due is UNSET else milliseconds(self.due),
            status=_merged(self.status, note.status),
            access=_merged(self.access, note.access),
            tags=None if self.tags is UNSET else tag_ids(self.tags_named),
            gone_tags=gone_tags,
        )


def _merged(given: T | UnsetType, present: T) -> T:
    return present if given is UNSET else given
