"""The bytes of every event version that was ever stored. They must stay readable for ever, and lead to these events.

A line is never changed or removed. A new version of an event gets an upcaster and a line of its own.
"""

from __future__ import annotations

from typing import Any

import pytest

from spikes.domain.note.event import (
    NOTE_EVENTS,
    CommentAdded,
    CommentRemoved,
    CommentUpdated,
    CommentWriterForgotten,
    NoteCreated,
    NoteRedone,
    NoteRelated,
    NoteRemoved,
    NoteRestored,
    NoteTrashed,
    NoteUndone,
    NoteUnrelated,
    NoteUntrashed,
    NoteUpdated,
)
from spikes.domain.tag.event import TAG_EVENTS, TagCreated, TagDisowned, TagRemoved, TagUpdated
from spikes.domain.user.event import (
    USER_EVENTS,
    PasswordChanged,
    SessionEnded,
    SessionOpened,
    SessionUsed,
    UserRegistered,
    UserRelated,
    UserRemovalStarted,
    UserRemoved,
    UserUnrelated,
    UserUpdated,
)
from spikes.journal.port import Metadata, StoredEvent
from spikes.persistence.codec import EventCodec

GOLDEN: list[tuple[EventCodec[Any], str, bytes, Any]] = [
    (
        USER_EVENTS,
        "user-registered@1",
        b'{"id":"0MZ4A1B2C3D4E","name":"Ann O\'Hara","email":"Ann@Example.org","password_hash":"$argon2id$v=19$x",'
        b'"born":"1990-02-28","bio":"I write.","joined":1795428000000}',
        UserRegistered(
            id="0MZ4A1B2C3D4E",
            name="Ann O'Hara",
            email="Ann@Example.org",
            password_hash="$argon2id$v=19$x",
            born="1990-02-28",
            bio="I write.",
            joined=1795428000000,
        ),
    ),
    (
        USER_EVENTS,
        "user-updated@1",
        '{"name":"Zoë","born":"1990-02-28","bio":null,"updated":1795428000001}'.encode(),
        UserUpdated(name="Zoë", born="1990-02-28", bio=None, updated=1795428000001),
    ),
    (
        USER_EVENTS,
        "password-changed@1",
        b'{"password_hash":"$argon2id$v=19$y","kept_session_id":"0MZ4A1B2C3PHN","changed":1795428000002}',
        PasswordChanged(password_hash="$argon2id$v=19$y", kept_session_id="0MZ4A1B2C3PHN", changed=1795428000002),
    ),
    (
        USER_EVENTS,
        "session-opened@1",
        b'{"id":"0MZ4A1B2C3PHN","token_hash":"9f86d081","created":1795428000003,"expires":1795435200003,'
        b'"user_agent":"curl/8"}',
        SessionOpened(
            id="0MZ4A1B2C3PHN",
            token_hash="9f86d081",
            created=1795428000003,
            expires=1795435200003,
            user_agent="curl/8",
        ),
    ),
    (
        USER_EVENTS,
        "session-used@1",
        b'{"id":"0MZ4A1B2C3PHN","used":1795428600003}',
        SessionUsed(id="0MZ4A1B2C3PHN", used=1795428600003),
    ),
    (
        USER_EVENTS,
        "session-ended@1",
        b'{"ids":["0MZ4A1B2C3PHN","0MZ4A1B2C3TAP"],"ended":1795428600004}',
        SessionEnded(ids=("0MZ4A1B2C3PHN", "0MZ4A1B2C3TAP"), ended=1795428600004),
    ),
    (USER_EVENTS, "user-removal-started@1", b'{"started":1795428600005}', UserRemovalStarted(started=1795428600005)),
    (USER_EVENTS, "user-removed@1", b'{"removed":1795428600006}', UserRemoved(removed=1795428600006)),
    (
        USER_EVENTS,
        "user-related@1",
        b'{"target":"0MZ4A1B2C3D4F","title":"follows","related":1795428600007}',
        UserRelated(target="0MZ4A1B2C3D4F", title="follows", related=1795428600007),
    ),
    (
        USER_EVENTS,
        "user-unrelated@1",
        b'{"target":"0MZ4A1B2C3D4F","unrelated":1795428600008}',
        UserUnrelated(target="0MZ4A1B2C3D4F", unrelated=1795428600008),
    ),
    (
        NOTE_EVENTS,
        "note-created@1",
        b'{"id":"0MZ4A1B2C3ABC","owner":"0MZ4A1B2C3D4E","title":"My first note","body":"Some \\"text\\".\\n",'
        b'"slug":"20261123-my-first-note","due":1795435200000,"status":"New","access":"Public",'
        b'"tags":["0MZ4A1B2C3RED"],"created":1795428000000}',
        NoteCreated(
            id="0MZ4A1B2C3ABC",
            owner="0MZ4A1B2C3D4E",
            title="My first note",
            body='Some "text".\n',
            slug="20261123-my-first-note",
            due=1795435200000,
            status="New",
            access="Public",
            tags=("0MZ4A1B2C3RED",),
            created=1795428000000,
        ),
    ),
    (
        NOTE_EVENTS,
        "note-updated@1",
        b'{"updated":1795428000001,"title":"Another","body":"","slug":"20261123-my-first-note-3abc",'
        b'"due":1795435200001,"status":"Completed","access":"Private","tags":[]}',
        NoteUpdated(
            updated=1795428000001,
            title="Another",
            body="",
            slug="20261123-my-first-note-3abc",
            due=1795435200001,
            status="Completed",
            access="Private",
            tags=(),
        ),
    ),
    (
        NOTE_EVENTS,
        "note-updated@1",
        b'{"updated":1795428000002,"due":null}',
        NoteUpdated(updated=1795428000002, due=None),
    ),
    (NOTE_EVENTS, "note-trashed@1", b'{"trashed":1795428000003}', NoteTrashed(trashed=1795428000003)),
    (NOTE_EVENTS, "note-removed@1", b'{"removed":1795428000004}', NoteRemoved(removed=1795428000004)),
    (
        NOTE_EVENTS,
        "note-undone@1",
        b'{"updated":1795428000005,"title":"My first note","body":"","slug":"20261123-my-first-note-3abc","due":null,'
        b'"status":"New","access":"Public","tags":["0MZ4A1B2C3RED"]}',
        NoteUndone(
            updated=1795428000005,
            title="My first note",
            body="",
            slug="20261123-my-first-note-3abc",
            due=None,
            status="New",
            access="Public",
            tags=("0MZ4A1B2C3RED",),
        ),
    ),
    (NOTE_EVENTS, "note-undone@1", b'{"updated":1795428000005}', NoteUndone(updated=1795428000005)),
    (
        NOTE_EVENTS,
        "note-redone@1",
        b'{"updated":1795428000006,"title":"Another","due":1795435200001}',
        NoteRedone(updated=1795428000006, title="Another", due=1795435200001),
    ),
    (
        NOTE_EVENTS,
        "note-restored@1",
        b'{"updated":1795428000007,"status":"Doing","version":3}',
        NoteRestored(updated=1795428000007, status="Doing", version=3),
    ),
    (NOTE_EVENTS, "note-untrashed@1", b'{"untrashed":1795428000008}', NoteUntrashed(untrashed=1795428000008)),
    (
        NOTE_EVENTS,
        "note-related@1",
        b'{"target":"0MZ4A1B2C3XYZ","title":"blocks","related":1795428000009}',
        NoteRelated(target="0MZ4A1B2C3XYZ", title="blocks", related=1795428000009),
    ),
    (
        NOTE_EVENTS,
        "note-unrelated@1",
        b'{"target":"0MZ4A1B2C3XYZ","unrelated":1795428000010}',
        NoteUnrelated(target="0MZ4A1B2C3XYZ", unrelated=1795428000010),
    ),
    (
        NOTE_EVENTS,
        "comment-added@1",
        b'{"id":"0MZ4A1B2C3CM1","writer":"0MZ4A1B2C3D4F","parent":null,"title":"Well","body":"I see.",'
        b'"color":"ff8800","stars":5,"created":1795428000011}',
        CommentAdded(
            id="0MZ4A1B2C3CM1",
            writer="0MZ4A1B2C3D4F",
            parent=None,
            title="Well",
            body="I see.",
            color="ff8800",
            stars=5,
            created=1795428000011,
        ),
    ),
    (
        NOTE_EVENTS,
        "comment-updated@1",
        b'{"id":"0MZ4A1B2C3CM1","updated":1795428000012,"title":"Oh","body":"","color":null,"stars":0}',
        CommentUpdated(id="0MZ4A1B2C3CM1", updated=1795428000012, title="Oh", body="", color=None, stars=0),
    ),
    (
        NOTE_EVENTS,
        "comment-updated@1",
        b'{"id":"0MZ4A1B2C3CM1","updated":1795428000012,"stars":1}',
        CommentUpdated(id="0MZ4A1B2C3CM1", updated=1795428000012, stars=1),
    ),
    (
        NOTE_EVENTS,
        "comment-removed@1",
        b'{"id":"0MZ4A1B2C3CM1","removed":1795428000013}',
        CommentRemoved(id="0MZ4A1B2C3CM1", removed=1795428000013),
    ),
    (
        NOTE_EVENTS,
        "comment-writer-forgotten@1",
        b'{"writer":"0MZ4A1B2C3D4F","forgotten":1795428000014}',
        CommentWriterForgotten(writer="0MZ4A1B2C3D4F", forgotten=1795428000014),
    ),
    (
        TAG_EVENTS,
        "tag-created@1",
        b'{"id":"0MZ4A1B2C3RED","owner":"0MZ4A1B2C3D4E","title":"Red","color":"ff0000","created":1795428000015}',
        TagCreated(id="0MZ4A1B2C3RED", owner="0MZ4A1B2C3D4E", title="Red", color="ff0000", created=1795428000015),
    ),
    (
        TAG_EVENTS,
        "tag-updated@1",
        b'{"title":"Crimson","color":"dc143c","updated":1795428000016}',
        TagUpdated(title="Crimson", color="dc143c", updated=1795428000016),
    ),
    (TAG_EVENTS, "tag-removed@1", b'{"removed":1795428000017}', TagRemoved(removed=1795428000017)),
    (TAG_EVENTS, "tag-disowned@1", b'{"disowned":1795428000018}', TagDisowned(disowned=1795428000018)),
]


def stored(name: str, payload: bytes) -> StoredEvent:
    return StoredEvent(1, name, payload, Metadata(0, "attempt"))


@pytest.mark.parametrize(("codec", "name", "payload", "event"), GOLDEN)
def test_stored_bytes_still_mean_the_event(codec: EventCodec[Any], name: str, payload: bytes, event: Any) -> None:
    assert codec.decode(stored(name, payload)) == event


@pytest.mark.parametrize(("codec", "name", "payload", "event"), GOLDEN)
def test_the_present_version_is_written_so(codec: EventCodec[Any], name: str, payload: bytes, event: Any) -> None:
    present, written = codec.encode(event)
    assert written == payload or present != name


@pytest.mark.parametrize("codec", [USER_EVENTS, NOTE_EVENTS, TAG_EVENTS])
def test_every_version_has_golden_bytes(codec: EventCodec[Any]) -> None:
    assert set(codec.names) == {name for owner, name, _, _ in GOLDEN if owner is codec}
