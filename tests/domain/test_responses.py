"""What the outside sees."""

from __future__ import annotations

from typing import Any

import msgspec

from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.response import note_response
from spikes.domain.user.behavior import user_behavior
from spikes.domain.user.entity import User
from spikes.domain.user.response import listed_user, session_response, user_response
from tests.domain.samples import ANN, NOTE, NOW, PHONE
from tests.domain.test_rows import ANN_STATE, NOTE_STATE, PHONE_SESSION

NOTE_JSON = {
    "id": NOTE,
    "owner": ANN,
    "title": "Élan",
    "body": "Some text.",
    "slug": "20261123-elan",
    "due": "2026-11-23T11:00:00.000Z",
    "status": "Doing",
    "access": "Public",
    "tags": ["0MZ4A1B2C3RED", "0MZ4A1B2C3BEE"],
    "comments": [],
    "created": "2026-11-23T10:00:00.000Z",
    "updated": "2026-11-23T10:00:00.001Z",
    "version": 7,
    "trashed": None,
}


def seen(response: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(response))


def test_a_note_shows_every_key() -> None:
    assert seen(note_response(NOTE_STATE, 7)) == NOTE_JSON


def test_a_listed_note_counts_its_comments() -> None:
    index = note_behavior.row(NOTE_STATE, 7)
    assert index is not None
    item = msgspec.json.decode(index.item)
    assert item.pop("commentCount") == 0
    assert item == {key: value for key, value in NOTE_JSON.items() if key != "comments"}


def test_a_trashed_note_says_when() -> None:
    trashed = msgspec.structs.replace(NOTE_STATE, trashed=NOW, due=None)
    assert (note_response(trashed, 8).trashed, note_response(trashed, 8).due) == ("2026-11-23T10:00:00.000Z", None)


def test_only_oneself_sees_email_and_birth() -> None:
    profile = {"id": ANN, "name": "Ann", "joined": "2026-11-23T10:00:00.000Z", "bio": "I write.", "notes": 3}
    own = {"email": "Ann@Example.org", "born": "1990-02-28"}
    assert seen(user_response(ANN_STATE, 3, own=True)) == profile | own
    assert seen(user_response(ANN_STATE, 3, own=False)) == profile | dict.fromkeys(own)


def test_a_listed_user_looks_like_anybody() -> None:
    index = user_behavior.row(ANN_STATE, 7)
    assert index is not None
    assert listed_user(index.item, 3) == user_response(ANN_STATE, 3, own=False)


def test_a_session_shows_no_hash() -> None:
    assert seen(session_response(PHONE_SESSION, current=True)) == {
        "id": PHONE,
        "created": "2026-11-23T10:00:00.000Z",
        "lastUsed": "2026-11-23T10:00:00.001Z",
        "expires": "2026-11-23T12:00:00.000Z",
        "current": True,
        "userAgent": "curl/8",
    }


def test_no_response_has_a_field_for_secrets() -> None:
    assert "password_hash" in User.__struct_fields__
    assert "hash" not in str(seen(user_response(ANN_STATE, 0, own=True)))
