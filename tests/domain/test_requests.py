"""The requests of users and notes, and the commands they become."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.command import ACCESSES, STATUSES
from spikes.domain.note.request import CreateNoteRequest, UpdateNoteRequest
from spikes.domain.note.response import note_response
from spikes.domain.user.request import LoginRequest, RegisterRequest, UpdateUserRequest
from spikes.domain.validation import Invalid, Request, decode
from tests.domain.samples import ANN, BLUE, NOTE, NOW, PHONE, RED, create, note_of_ann, register, update

PASSWORD = "Secret-1"
REGISTER = {"name": "Ann O'Hara", "email": "Ann@Example.org", "password": PASSWORD, "born": "1990-02-28"}
CREATE = {"title": "My first note", "body": "Some text."}
UPDATE = {"id": NOTE, **CREATE, "status": "New", "access": "Public"}


def decoded(request_type: type[Request], content: dict[str, Any], **changes: Any) -> Any:
    return decode(request_type, msgspec.json.encode({**content, **changes}), "X", NOW)


def wrong(request_type: type[Request], content: dict[str, Any], **changes: Any) -> set[str]:
    with pytest.raises(Invalid) as raised:
        decoded(request_type, content, **changes)
    return {error.field.removeprefix("X.") for error in raised.value.fields}


def test_a_registration_becomes_a_command() -> None:
    request = decoded(RegisterRequest, REGISTER, bio="I write.")
    assert request.command(ANN, "hash-1") == register()


def test_an_empty_registration_misses_all_but_bio() -> None:
    assert wrong(RegisterRequest, {}) == {"name", "email", "password", "born"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "4nn"),
        ("email", "ann"),
        ("password", "secret"),
        ("born", "2020-01-01"),
        ("bio", "x" * 2001),
        ("id", ANN),
    ],
)
def test_a_registration_keeps_the_rules(field: str, value: str) -> None:
    assert wrong(RegisterRequest, REGISTER, **{field: value}) == {field}


def test_a_login_takes_any_two_texts() -> None:
    assert decoded(LoginRequest, {"email": "?", "password": ""}).email == "?"
    assert wrong(LoginRequest, {"email": None, "password": 1}) == {"email", "password"}


def test_an_account_changes_only_in_what_is_given() -> None:
    command = decoded(UpdateUserRequest, {}).command(PHONE, None)
    assert (command.name, command.password_hash, command.born, command.bio) == (None, None, None, UNSET)
    assert decoded(UpdateUserRequest, {"bio": None}).command(PHONE, None).bio is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "x"), ("name", "4nn"), ("password", "secret"), ("born", "x"), ("bio", 1), ("email", "a@b.co")],
)
def test_a_changed_account_keeps_the_rules(field: str, value: Any) -> None:
    assert wrong(UpdateUserRequest, {}, **{field: value}) == {field}


def test_no_password_is_ever_shown() -> None:
    with pytest.raises(Invalid) as raised:
        decoded(UpdateUserRequest, {"password": "hunter2", "currentPassword": ["hunter2"]})
    assert len(raised.value.fields) == 2
    assert "hunter2" not in str(raised.value.fields)


def test_ids_are_taken_in_either_case() -> None:
    assert decoded(UpdateUserRequest, {"id": ANN.lower()}).user_id == ANN
    assert decoded(UpdateNoteRequest, UPDATE, id=NOTE.lower(), owner=ANN.lower()).note_id == NOTE
    assert decoded(UpdateNoteRequest, UPDATE, owner=ANN.lower()).owner_id == ANN
    assert decoded(CreateNoteRequest, CREATE, tags=[RED.lower(), BLUE, RED]).command(NOTE).tags == (RED, BLUE)


def test_a_new_note_has_defaults() -> None:
    assert decoded(CreateNoteRequest, CREATE).command(NOTE) == create()
    assert decoded(CreateNoteRequest, CREATE, due=None, tags=None).command(NOTE) == create()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", " "),
        ("body", "x" * 65_537),
        ("due", "soon"),
        ("status", "new"),
        ("access", "Secret"),
        ("tags", ["red"]),
        ("tags", [1]),
        ("slug", "20261123-x"),
    ],
)
def test_a_new_note_keeps_the_rules(field: str, value: Any) -> None:
    assert wrong(CreateNoteRequest, CREATE, **{field: value}) == {field}


def test_a_due_time_that_has_passed_is_named_with_others() -> None:
    past = {"due": "2026-11-23T10:00:00Z"}
    assert decoded(CreateNoteRequest, CREATE, **past).command(NOTE).due == NOW
    assert wrong(CreateNoteRequest, CREATE, **past, title="") == {"title", "due"}
    assert wrong(UpdateNoteRequest, UPDATE, **past, title="") == {"title"}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("access", ACCESSES)
def test_each_status_and_access_is_known(status: str, access: str) -> None:
    assert decoded(UpdateNoteRequest, UPDATE, status=status, access=access).status == status


def test_what_is_left_out_clears_due_and_keeps_tags() -> None:
    command = decoded(UpdateNoteRequest, UPDATE).command()
    assert command == update(due=None, tags=None)
    assert decoded(UpdateNoteRequest, UPDATE, tags=[]).command().tags == ()


def test_a_changed_note_needs_all_other_fields() -> None:
    assert wrong(UpdateNoteRequest, {}) == {"id", "title", "body", "status", "access"}


def test_a_note_that_was_read_can_be_sent_back() -> None:
    note = note_of_ann(tags=(RED,), due=NOW + 1).run(update(due=NOW + 1), principal=ANN, now=NOW).value
    sent = msgspec.json.encode(note_response(note, 1))
    assert decode(UpdateNoteRequest, sent, "Note", NOW).command() == update(due=NOW + 1, tags=(RED,))


def test_a_list_item_can_be_sent_back() -> None:
    index = note_behavior.row(note_of_ann().state, 1)
    assert index is not None
    assert decode(UpdateNoteRequest, index.item, "Note", NOW).command() == update(tags=())


def test_what_only_the_service_writes_may_be_anything() -> None:
    fields = ("slug", "version", "comments", "commentCount", "created", "updated", "trashed", "highlights")
    assert decoded(UpdateNoteRequest, UPDATE, **{key: {"any": ["thing"]} for key in fields}).command() == update()
