"""What the outside can ask of notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Raw

from spikes.domain import rules
from spikes.domain.note.command import (
    ACCESSES,
    STATUSES,
    Access,
    AddComment,
    CreateNote,
    RelateNote,
    Status,
    UpdateComment,
    UpdateNote,
)
from spikes.domain.times import from_rfc3339
from spikes.domain.tsid import parse_tsid
from spikes.domain.validation import Request, Rule

IGNORED = Raw(b"null")

COMMENT_RULES: Mapping[str, Rule] = {
    "title": rules.TITLE_RULE,
    "body": rules.COMMENT_BODY_RULE,
    "color": rules.COLOR_RULE,
    "stars": rules.STARS_RULE,
    "parent": rules.ID_RULE,
    "note_id": rules.ID_RULE,
}


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


class WholeNote(Request, frozen=True):
    """All that an owner writes of a note, as it shall be. `due` left out clears it, `tags` left out keeps them.

    What only the service writes is accepted and ignored, so that what was read can be sent back. `owner`, if given,
    must be the caller.
    """

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
        "title": rules.TITLE_RULE,
        "body": rules.BODY_RULE,
        "due": rules.CHANGED_DUE_RULE,
        "status": rules.one_of(STATUSES),
        "access": rules.one_of(ACCESSES),
        "tags": rules.TAGS_RULE,
        "owner": rules.ID_RULE,
    }

    @property
    def owner_id(self) -> str | None:
        """Whose note it is said to be, if the request says it."""
        return parsed(self.owner)

    def command(self, gone_tags: tuple[str, ...] = ()) -> UpdateNote:
        """Return the command to the note."""
        tags = None if self.tags is None else tag_ids(self.tags)
        return UpdateNote(self.title, self.body, milliseconds(self.due), self.status, self.access, tags, gone_tags)


class UpdateNoteRequest(WholeNote, frozen=True, kw_only=True):
    """Change a note. `due` left out clears it, `tags` left out keeps them.

    What only the service writes is accepted and ignored, so that what was read can be sent back. `owner`, if given,
    must be the caller.
    """

    id: str

    rules: ClassVar[Mapping[str, Rule]] = {"id": rules.ID_RULE, **WholeNote.rules}

    @property
    def note_id(self) -> str:
        """Which note is meant."""
        return parse_tsid(self.id)


class AddCommentRequest(Request, frozen=True):
    """Comment on a note, or answer a comment. `noteId`, if given, must be the note in the path."""

    title: str
    body: str
    color: str | None = None
    stars: int = 0
    parent: str | None = None
    note_id: str | None = None

    rules: ClassVar[Mapping[str, Rule]] = COMMENT_RULES

    @property
    def in_note(self) -> str | None:
        """Which note it is said to be on, if the request says it."""
        return parsed(self.note_id)

    def command(self, comment_id: str) -> AddComment:
        """Return the command to the note; the comment will have this id."""
        return AddComment(comment_id, self.title, self.body, self.color, self.stars, parsed(self.parent))


class UpdateCommentRequest(Request, frozen=True):
    """Change a comment. `id` may be left out where the path has it; `parent` and `noteId`, if given, must be right.

    What only the service writes is accepted and ignored, so that what was read can be sent back.
    """

    title: str
    body: str
    id: str | None = None
    color: str | None = None
    stars: int = 0
    parent: str | None = None
    note_id: str | None = None
    writer: Raw = IGNORED
    created: Raw = IGNORED
    removed: Raw = IGNORED

    rules: ClassVar[Mapping[str, Rule]] = {"id": rules.ID_RULE, **COMMENT_RULES}

    @property
    def comment_id(self) -> str | None:
        """Which comment is meant, if the request says it."""
        return parsed(self.id)

    @property
    def in_note(self) -> str | None:
        """Which note it is said to be on, if the request says it."""
        return parsed(self.note_id)

    def command(self, comment_id: str) -> UpdateComment:
        """Return the command to the note."""
        return UpdateComment(comment_id, self.title, self.body, self.color, self.stars, parsed(self.parent))


class RelateNoteRequest(Request, frozen=True):
    """Relate a note to the one in the path; the title says how: "blocks"."""

    title: str

    rules: ClassVar[Mapping[str, Rule]] = {"title": rules.RELATION_TITLE_RULE}

    def command(self, target_id: str) -> RelateNote:
        """Return the command to the note that the relation starts from."""
        return RelateNote(target_id, self.title)


class RestoreNoteRequest(Request, frozen=True):
    """Go back to a version of a note, or, without one, take it out of the trash."""

    version: int | None = None

    rules: ClassVar[Mapping[str, Rule]] = {"version": rules.VERSION_RULE}


class NothingMoreRequest(Request, frozen=True):
    """What undo and redo are asked with: the path says it all."""


def tag_ids(tags: list[str]) -> tuple[str, ...]:
    """Return the ids in upper case, each once, in the order given."""
    return tuple(dict.fromkeys(map(parse_tsid, tags)))


def parsed(text: str | None) -> str | None:
    """Return an id in upper case, if there is one."""
    return None if text is None else parse_tsid(text)


def milliseconds(due: str | None) -> int | None:
    """Return a due time in milliseconds since the epoch."""
    return None if due is None else from_rfc3339(due)
