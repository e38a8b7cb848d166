"""People, notes and times that the tests of the domain speak of."""

from __future__ import annotations

from typing import Any

from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.command import AddComment, CreateNote, NoteCommand, UpdateComment, UpdateNote
from spikes.domain.note.entity import NoteState
from spikes.domain.note.event import NoteEvent
from spikes.domain.tag.behavior import tag_behavior
from spikes.domain.tag.command import CreateTag, TagCommand
from spikes.domain.tag.entity import TagState
from spikes.domain.tag.event import TagEvent
from spikes.domain.times import from_rfc3339
from spikes.domain.user.behavior import user_behavior
from spikes.domain.user.command import Login, Register, UserCommand
from spikes.domain.user.entity import UserState
from spikes.domain.user.event import UserEvent
from spikes.journal.port import Claim
from spikes.persistence.testkit import BehaviorTestKit

NOW = from_rfc3339("2026-11-23T10:00:00.000Z")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

ANN = "0MZ4A1B2C3D4E"
BOB = "0MZ4A1B2C3D4F"
CAT = "0MZ4A1B2C3D4G"
NOTE = "0MZ4A1B2C3ABC"
OTHER_NOTE = "0MZ4A1B2C3XYZ"
RED = "0MZ4A1B2C3RED"
BLUE = "0MZ4A1B2C3BEE"
PHONE = "0MZ4A1B2C3PHN"
LAPTOP = "0MZ4A1B2C3TAP"
ONE, TWO, THREE, FOUR = (f"0MZ4A1B2C3CM{number}" for number in range(1, 5))
"""Ids of comments."""

NoteKit = BehaviorTestKit[NoteCommand, NoteEvent, NoteState]
TagKit = BehaviorTestKit[TagCommand, TagEvent, TagState]
UserKit = BehaviorTestKit[UserCommand, UserEvent, UserState]


def register(**changes: Any) -> Register:
    values: dict[str, Any] = {
        "id": ANN,
        "name": "Ann O'Hara",
        "email": "Ann@Example.org",
        "password_hash": "hash-1",
        "born": "1990-02-28",
        "bio": "I write.",
    }
    return Register(**{**values, **changes})


def login(session_id: str = PHONE, **changes: Any) -> Login:
    values: dict[str, Any] = {
        "session_id": session_id,
        "token_hash": f"token-of-{session_id}",
        "expires": NOW + 2 * HOUR,
        "user_agent": "curl/8",
        "password_hash": "hash-1",
    }
    return Login(**{**values, **changes})


def create(**changes: Any) -> CreateNote:
    values: dict[str, Any] = {"id": NOTE, "title": "My first note", "body": "Some text."}
    return CreateNote(**{**values, **changes})


def update(**changes: Any) -> UpdateNote:
    values: dict[str, Any] = {
        "title": "My first note",
        "body": "Some text.",
        "due": None,
        "status": "New",
        "access": "Public",
    }
    return UpdateNote(**{**values, **changes})


def comment(comment_id: str = ONE, parent: str | None = None, **changes: Any) -> AddComment:
    values: dict[str, Any] = {"title": "Well", "body": "I see.", "color": "ff8800", "stars": 3, "parent": parent}
    return AddComment(comment_id, **{**values, **changes})


def recomment(comment_id: str = ONE, **changes: Any) -> UpdateComment:
    values: dict[str, Any] = {"title": "Well", "body": "I see.", "color": "ff8800", "stars": 3}
    return UpdateComment(comment_id, **{**values, **changes})


def create_tag(**changes: Any) -> CreateTag:
    values: dict[str, Any] = {"id": RED, "title": "Red", "color": "ff0000"}
    return CreateTag(**{**values, **changes})


def new_tag(tag_id: str = RED, claims: dict[Claim, str] | None = None) -> TagKit:
    return BehaviorTestKit(tag_behavior, tag_id, claims)


def new_user(user_id: str = ANN, claims: dict[Claim, str] | None = None) -> UserKit:
    return BehaviorTestKit(user_behavior, user_id, claims)


def new_note(note_id: str = NOTE, claims: dict[Claim, str] | None = None) -> NoteKit:
    return BehaviorTestKit(note_behavior, note_id, claims)


def ann(claims: dict[Claim, str] | None = None) -> UserKit:
    """Return Ann, registered."""
    kit = new_user(claims=claims)
    assert kit.run(register(), now=NOW).value.id == ANN
    return kit


def note_of_ann(claims: dict[Claim, str] | None = None, **changes: Any) -> NoteKit:
    """Return a note of Ann's."""
    kit = new_note(claims=claims)
    assert kit.run(create(**changes), principal=ANN, now=NOW).value.owner == ANN
    return kit


def tag_of_ann(claims: dict[Claim, str] | None = None, **changes: Any) -> TagKit:
    """Return a tag of Ann's."""
    kit = new_tag(claims=claims)
    assert kit.run(create_tag(**changes), principal=ANN, now=NOW).value.owner == ANN
    return kit
