"""The requests of comments, tags, relations and restoring, and the commands they become."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.note.command import RelateNote
from spikes.domain.note.comment import Comment
from spikes.domain.note.request import (
    AddCommentRequest,
    NothingMoreRequest,
    RelateNoteRequest,
    RestoreNoteRequest,
    UpdateCommentRequest,
    UpdateNoteRequest,
)
from spikes.domain.note.response import comment_response
from spikes.domain.tag.command import CreateTag, UpdateTag
from spikes.domain.tag.entity import Tag
from spikes.domain.tag.request import CreateTagRequest, UpdateTagRequest
from spikes.domain.tag.response import tag_response
from spikes.domain.user.command import RelateUser
from spikes.domain.user.request import RelateUserRequest
from spikes.domain.validation import Invalid, NotJson, Request, decode
from tests.domain.samples import ANN, BOB, NOTE, NOW, ONE, OTHER_NOTE, RED, TWO, comment, create_tag, recomment, update
from tests.domain.test_requests import UPDATE, decoded, wrong

COMMENT = {"title": "Well", "body": "I see.", "color": "ff8800", "stars": 3}
WRONG_COMMENTS = [
    ("title", ""),
    ("title", "x" * 256),
    ("body", "x" * 8_193),
    ("body", None),
    ("color", "red"),
    ("stars", 6),
    ("stars", -1),
    ("stars", 2.5),
    ("stars", True),
    ("stars", None),
    ("parent", "x"),
    ("noteId", "x"),
    ("slug", "x"),
]
ALL: list[type[Request]] = [
    AddCommentRequest,
    UpdateCommentRequest,
    CreateTagRequest,
    UpdateTagRequest,
    RelateNoteRequest,
    RelateUserRequest,
    RestoreNoteRequest,
    NothingMoreRequest,
]


# ---------------------------------------------------------------------------------------------------- comments


def test_a_comment_becomes_a_command() -> None:
    assert decoded(AddCommentRequest, COMMENT).command(ONE) == comment()
    assert decoded(AddCommentRequest, COMMENT, parent=TWO.lower()).command(ONE) == comment(parent=TWO)
    assert decoded(UpdateCommentRequest, COMMENT).command(ONE) == recomment()
    assert decoded(UpdateCommentRequest, COMMENT, parent=TWO.lower()).command(ONE) == recomment(parent=TWO)


@pytest.mark.parametrize("request_type", [AddCommentRequest, UpdateCommentRequest])
def test_a_comment_needs_title_and_body_only(request_type: type[Request]) -> None:
    assert wrong(request_type, {}) == {"title", "body"}
    command = decoded(request_type, {"title": "Well", "body": ""}).command(ONE)
    assert (command.color, command.stars, command.parent) == (None, 0, None)


@pytest.mark.parametrize("request_type", [AddCommentRequest, UpdateCommentRequest])
@pytest.mark.parametrize(("field", "value"), WRONG_COMMENTS)
def test_a_comment_keeps_the_rules(request_type: type[Request], field: str, value: Any) -> None:
    assert wrong(request_type, COMMENT, **{field: value}) == {field}


@pytest.mark.parametrize("request_type", [AddCommentRequest, UpdateCommentRequest])
def test_a_comment_may_say_where_it_is(request_type: type[Request]) -> None:
    assert decoded(request_type, COMMENT).in_note is None
    assert decoded(request_type, COMMENT, noteId=NOTE.lower()).in_note == NOTE


def test_a_changed_comment_may_say_which_it_is() -> None:
    assert decoded(UpdateCommentRequest, COMMENT).comment_id is None
    assert decoded(UpdateCommentRequest, COMMENT, id=ONE.lower()).comment_id == ONE
    assert wrong(UpdateCommentRequest, COMMENT, id="x") == {"id"}
    assert wrong(AddCommentRequest, COMMENT, id=ONE) == {"id"}


def test_a_comment_that_was_read_can_be_sent_back() -> None:
    read = comment_response(Comment(ONE, BOB, "Well", "I see.", NOW, TWO, "ff8800", 3), NOTE)
    request = decode(UpdateCommentRequest, msgspec.json.encode(read), "Comment", NOW)
    assert (request.command(ONE), request.in_note) == (recomment(parent=TWO), NOTE)


# -------------------------------------------------------------------------------------------------------- tags


def test_a_tag_becomes_a_command() -> None:
    assert decoded(CreateTagRequest, {"title": "Red", "color": "ff0000"}).command(RED) == create_tag()
    assert decoded(CreateTagRequest, {"title": "Red"}).command(RED) == CreateTag(RED, "Red", "000000")
    assert decoded(UpdateTagRequest, {"title": "Red", "color": "ff0000"}).command() == UpdateTag("Red", "ff0000")
    assert decoded(UpdateTagRequest, {"title": "Red"}).command() == UpdateTag("Red", "000000")


@pytest.mark.parametrize("request_type", [CreateTagRequest, UpdateTagRequest])
@pytest.mark.parametrize(
    ("field", "value"), [("title", ""), ("title", "x" * 51), ("color", "red"), ("color", None), ("weight", 1)]
)
def test_a_tag_keeps_the_rules(request_type: type[Request], field: str, value: Any) -> None:
    assert wrong(request_type, {"title": "Red", "color": "ff0000"}, **{field: value}) == {field}


def test_a_tag_needs_a_title() -> None:
    assert wrong(CreateTagRequest, {}) == wrong(UpdateTagRequest, {}) == {"title"}


def test_a_tag_that_was_read_can_be_sent_back() -> None:
    sent = msgspec.json.encode(tag_response(Tag(RED, ANN, "Red", "ff0000", NOW, NOW), 3))
    request = decode(UpdateTagRequest, sent, "Tag", NOW)
    assert (request.tag_id, request.command()) == (RED, UpdateTag("Red", "ff0000"))
    assert decoded(UpdateTagRequest, {"title": "Red"}).tag_id is None


# ------------------------------------------------------------------------------------- relations and restoring


def test_a_relation_becomes_a_command() -> None:
    assert decoded(RelateNoteRequest, {"title": "blocks"}).command(OTHER_NOTE) == RelateNote(OTHER_NOTE, "blocks")
    assert decoded(RelateUserRequest, {"title": "follows"}).command(BOB) == RelateUser(BOB, "follows")


@pytest.mark.parametrize("request_type", [RelateNoteRequest, RelateUserRequest])
@pytest.mark.parametrize("title", ["", " ", "x" * 101, None, 1])
def test_a_relation_keeps_the_rules(request_type: type[Request], title: Any) -> None:
    assert wrong(request_type, {"title": title}) == {"title"}
    assert wrong(request_type, {}) == {"title"}


def test_a_version_may_be_named_to_restore() -> None:
    assert decoded(RestoreNoteRequest, {}).version is None
    assert decoded(RestoreNoteRequest, {"version": 1}).version == 1
    assert wrong(RestoreNoteRequest, {"version": 0}) == {"version"}
    assert wrong(RestoreNoteRequest, {"version": "1"}) == {"version"}


def test_undo_and_redo_are_asked_with_nothing() -> None:
    assert decoded(NothingMoreRequest, {})
    assert wrong(NothingMoreRequest, {"steps": 2}) == {"steps"}


def test_tags_that_are_gone_come_with_an_update() -> None:
    assert decoded(UpdateNoteRequest, UPDATE).command((RED,)) == update(gone_tags=(RED,))


# ------------------------------------------------------------------------------------------------------ always


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("request_type", ALL)
@given(data=st.data())
def test_whatever_is_sent_is_taken_or_named(request_type: type[Request], data: st.DataObject) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(request_type)]
    sent = data.draw(st.dictionaries(st.sampled_from([*names, "other"]), json_values, max_size=6))
    try:
        decode(request_type, msgspec.json.encode(sent), "X", NOW)
    except Invalid as invalid:
        named = [error.field for error in invalid.fields]
        assert named
        assert len(named) == len(set(named))
    except NotJson:
        pytest.fail("it was JSON")
