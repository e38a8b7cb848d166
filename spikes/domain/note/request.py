"""What the outside can ask of notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Raw

from spikes.domain import rules
from spikes.domain.note.command import ACCESSES, STATUSES, Access, CreateNote, Status, UpdateNote
from spikes.domain.times import from_rfc3339
from spikes.domain.tsid import parse_tsid
from spikes.domain.validation import Request, Rule

IGNORED = Raw(b"null")


class CreateNoteRequest(Request, frozen=True):
    """Write a note. That `due` is in the future is for the note to judge, so that a repeat gets its first answer."""

    title: str
    body: str
    due: str | None = None
    status: Status = "New"
    access: Access = "Public"
    tags: list[str] | None = None

    rules: ClassVar[Mapping[str, Rule]] = {
        "title": rules.TITLE_RULE,
        "body": rules.BODY_RULE,
        "due": rules.DUE_RULE,
        "status": rules.one_of(STATUSES),
        "access": rules.one_of(ACCESSES),
        "tags": rules.TAGS_RULE,
    }

    def command(self, note_id: str) -> CreateNote:
        """Return the command to the note that will have this id."""
        tags = tag_ids(self.tags or [])
        return CreateNote(note_id, self.title, self.body, milliseconds(self.due), self.status, self.access, tags)


class UpdateNoteRequest(Request, frozen=True):
    """Change a note. `due` left out clears it, `tags` left out keeps them.

    What only the service writes is accepted and ignored, so that what was read can be sent back. `owner`, if given,
    must be the caller.
    """

    id: str
    title: str
    body: str
    status: Status
    access: Access
    due: str | None = None
    tags: list[str] | None = None
    owner: str | None = None
    slug: Raw = IGNORED
    version: Raw = IGNORED
    comments: Raw = IGNORED
    comment_count: Raw = IGNORED
    created: Raw = IGNORED
    updated: Raw = IGNORED
    trashed: Raw = IGNORED
    highlights: Raw = IGNORED

    rules: ClassVar[Mapping[str, Rule]] = {
        "id": rules.ID_RULE,
        "title": rules.TITLE_RULE,
        "body": rules.BODY_RULE,
        "due": rules.CHANGED_DUE_RULE,
        "status": rules.one_of(STATUSES),
        "access": rules.one_of(ACCESSES),
        "tags": rules.TAGS_RULE,
        "owner": rules.ID_RULE,
    }

    @property
    def note_id(self) -> str:
        """Which note is meant."""
        return parse_tsid(self.id)

    @property
    def owner_id(self) -> str | None:
        """Whose note it is said to be, if the request says it."""
        return None if self.owner is None else parse_tsid(self.owner)

    def command(self) -> UpdateNote:
        """Return the command to the note."""
        tags = None if self.tags is None else tag_ids(self.tags)
        return UpdateNote(self.title, self.body, milliseconds(self.due), self.status, self.access, tags)


def tag_ids(tags: list[str]) -> tuple[str, ...]:
    """Return the ids in upper case, each once, in the order given."""
    return tuple(dict.fromkeys(map(parse_tsid, tags)))


def milliseconds(due: str | None) -> int | None:
    """Return a due time in milliseconds since the epoch."""
    return None if due is None else from_rfc3339(due)
