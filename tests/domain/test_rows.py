"""Rule R1: rows, claims and stored states change only together with the state version."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from spikes.bootstrap import BEHAVIORS
from spikes.domain.note import entity as note
from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.comment import Comment
from spikes.domain.note.undo import Patch, Step, Steps
from spikes.domain.relation import Relation
from spikes.domain.tag import entity as tag
from spikes.domain.tag.behavior import tag_behavior
from spikes.domain.user import entity as user
from spikes.domain.user.behavior import user_behavior
from spikes.journal.port import IndexPart
from spikes.persistence.behavior import EventSourcedBehavior, Folded
from tests.domain.samples import ANN, BLUE, BOB, HOUR, LAPTOP, NOTE, NOW, OTHER_NOTE, PHONE, RED

PHONE_SESSION = user.Session(PHONE, "hash-a", NOW, NOW + 1, NOW + 2 * HOUR, "curl/8")
LAPTOP_SESSION = user.Session(LAPTOP, "hash-b", NOW, NOW, NOW + HOUR)
ANN_STATE = user.User(ANN, "Ann", "Ann@Example.org", NOW, "1990-02-28", "I write.", "hash-1")
NOTE_STATE = note.Note(
    id=NOTE,
    owner=ANN,
    title="Élan",
    body="Some text.",
    slug="20261123-elan",
    due=NOW + HOUR,
    status="Doing",
    access="Public",
    tags=(RED, BLUE),
    created=NOW,
    updated=NOW + 1,
)
BLOCKS = Relation(OTHER_NOTE, "blocks", NOW + 3)
COMMENTS = (
    Comment("0MZ4A1B2C3CM1", None, None, None, NOW + 4, removed=True),
    Comment("0MZ4A1B2C3CM2", BOB, "Well", "I see.", NOW + 5, "0MZ4A1B2C3CM1", "ff8800", 5),
    Comment("0MZ4A1B2C3CM3", ANN, "Oh", "", NOW + 6),
)
STEPS = Steps(
    (Step(body=Patch(1, 2, "x"), due=None), Step(title="A", status="New")), (Step(tags=(), access="Public"),), 1
)

USERS: list[user.UserState] = [
    user.Absent(),
    ANN_STATE,
    msgspec.structs.replace(ANN_STATE, bio=None, sessions=(PHONE_SESSION, LAPTOP_SESSION)),
    msgspec.structs.replace(ANN_STATE, relations=(Relation(BOB, "follows", NOW + 1),)),
    user.Removing(ANN, NOW, NOW + 1),
    user.Removed(ANN),
]
NOTES: list[note.NoteState] = [
    note.Absent(),
    NOTE_STATE,
    msgspec.structs.replace(NOTE_STATE, access="Private", due=None, tags=(), trashed=NOW + 2),
    msgspec.structs.replace(NOTE_STATE, comments=COMMENTS, relations=(BLOCKS,), steps=STEPS),
    note.Removed(NOTE),
]
TAG_STATE = tag.Tag(RED, ANN, "Réd", "ff0000", NOW, NOW + 1)
TAGS: list[tag.TagState] = [
    tag.Absent(),
    TAG_STATE,
    msgspec.structs.replace(TAG_STATE, owner=None),
    tag.Removed(RED),
]
ALL = [(user_behavior, USERS), (note_behavior, NOTES), (tag_behavior, TAGS)]

PINNED = {
    ("user", 1): "b505dfa9a381150539fdb6535448e398",
    ("note", 1): "b79da82c6c7f5d82e9fb6730dfb50aab",
    ("user", 2): "5b0d540e56bcee7c92aa9d6620491302",
    ("note", 2): "5ffd5db2da3f9e2bddbfb48164cee8cb",
    ("note", 3): "fe26b49da8bcd88e2aff5cb3ea7d6a92",
    ("tag", 1): "b240480a9ec6507627f29ad925acea1c",
}
"""What each state version stores for these states. A line is never changed: a new version gets a line of its own."""

PLACES = ("homes", "ranges", "feed")
PINNED_PLACES = {
    ("user", 2): "722d2b2dc5319bec070545a31c9a508c",
    ("note", 2): "09f58c72cd48352d7e551b8074995e3a",
    ("note", 3): "09f58c72cd48352d7e551b8074995e3a",
    ("tag", 1): "a6413bdb7c30f59b6c6047c3d32be70f",
    ("ticket", 1): "c01cce7c13ad9217fb9fe96a10d639e7",
    ("audit", 1): "c01cce7c13ad9217fb9fe96a10d639e7",
}
"""Where rows of each state version stand in stores that spread data. A line is never changed, as above."""


def digest(behavior: EventSourcedBehavior[Any, Any, Any], states: list[Any]) -> str:
    """Return a digest of all that the behaviour stores beside events for these states."""
    stored = [
        (
            behavior.row(state, 7),
            [(claim.kind, claim.digest) for claim in behavior.unique(state)],
            behavior.freeze(Folded(state, 7, NOW)).state,
        )
        for state in states
    ]
    schema = {name: value for name, value in msgspec.structs.asdict(behavior.schema).items() if value}
    schema = {name: value for name, value in schema.items() if name not in PLACES}
    return hashlib.sha256(msgspec.json.encode((schema, stored), order="sorted")).hexdigest()[:32]


@pytest.mark.parametrize(("behavior", "states"), ALL)
def test_r1_what_a_state_version_stores_is_fixed(
    behavior: EventSourcedBehavior[Any, Any, Any], states: list[Any]
) -> None:
    found = digest(behavior, states)
    assert PINNED.get((behavior.kind, behavior.state_version)) == found, (
        f"the schema, row(), unique() or the encoding of the state of {behavior.kind!r} changed: raise state_version "
        f"in its RowSchema from {behavior.state_version} and pin {found!r} for the new one (rule R1)"
    )


@pytest.mark.parametrize("behavior", BEHAVIORS, ids=lambda behavior: behavior.kind)
def test_r1_where_rows_of_a_state_version_stand_is_fixed(behavior: EventSourcedBehavior[Any, Any, Any]) -> None:
    places = [msgspec.to_builtins(getattr(behavior.schema, name)) for name in PLACES]
    found = hashlib.sha256(msgspec.json.encode(places, order="sorted")).hexdigest()[:32]
    assert PINNED_PLACES.get((behavior.kind, behavior.state_version)) == found, f"raise state_version, pin {found!r}"


def test_r1_a_change_of_a_row_is_noticed() -> None:
    def other_row(state: Any, sequence_nr: int) -> IndexPart | None:
        index = note_behavior.row(state, sequence_nr)
        return index and msgspec.structs.replace(index, terms=())

    changed = msgspec.structs.replace(note_behavior, row=other_row)
    assert digest(changed, NOTES) != digest(note_behavior, NOTES)


@pytest.mark.parametrize(("behavior", "states"), ALL)
def test_a_row_has_exactly_the_declared_columns(
    behavior: EventSourcedBehavior[Any, Any, Any], states: list[Any]
) -> None:
    kinds = {"text": str, "integer": int}
    for index in filter(None, (behavior.row(state, 7) for state in states)):
        assert set(index.columns) == set(behavior.schema.columns)
        for column, value in index.columns.items():
            assert value is None or type(value) is kinds[behavior.schema.columns[column]]
        assert all(len(texts) == len(behavior.schema.text) for texts in index.search.values())


@pytest.mark.parametrize("behavior", [user_behavior, note_behavior, tag_behavior])
def test_indexes_are_made_of_declared_columns(behavior: EventSourcedBehavior[Any, Any, Any]) -> None:
    assert {column for index in behavior.schema.indexes for column in index} <= set(behavior.schema.columns)


def test_a_user_item_holds_nothing_private() -> None:
    index = user_behavior.row(USERS[2], 7)
    assert index is not None
    assert msgspec.json.decode(index.item) == {
        "id": ANN,
        "name": "Ann",
        "joined": "2026-11-23T10:00:00.000Z",
        "bio": None,
    }


def test_a_note_is_found_by_tags_and_text() -> None:
    index = note_behavior.row(NOTE_STATE, 7)
    assert index is not None
    assert index.terms == (("tag", RED), ("tag", BLUE))
    assert index.search == {"": ("Élan", "Some text.")}
    assert index.columns["title"] == "élan"
