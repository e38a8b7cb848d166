"""Accounts and sessions."""

from __future__ import annotations

import pytest

from tests.external.client import Client, Person, covers
from tests.external.conftest import PASSWORD, account, person


@covers("POST /users", "POST /users/login", "GET /users/me", "DELETE /users")
def test_an_account_opens_and_goes(client: Client) -> None:
    somebody = account()
    opened = client.ask("POST", "/users", somebody)
    assert (opened.status, opened.headers["Location"]) == (201, f"/users/{opened.content['id']}")
    assert client.ask("POST", "/users", {**somebody, "email": somebody["email"].upper()}).status == 409
    login = client.ask("POST", "/users/login", {"email": somebody["email"], "password": PASSWORD})
    assert login.content["token_type"] == "bearer"
    who = Person(login.content["id"], somebody["email"], login.content["access_token"])
    assert client.ask("GET", "/users/me", who=who).content == opened.content
    assert client.ask("DELETE", "/users", who=who).status == 200
    assert client.ask("GET", "/users/me", who=who).status == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "R2D2"), ("email", "nobody"), ("password", "simple"), ("born", "2999-01-01"), ("bio", 7)],
)
def test_a_wrong_field_is_named(client: Client, field: str, value: object) -> None:
    answer = client.ask("POST", "/users", {**account(), field: value})
    assert answer.status == 400
    assert [error["field"] for error in answer.content] == [f"User.{field}"]


def test_all_wrong_fields_are_named_at_once(client: Client) -> None:
    answer = client.ask("POST", "/users", {"name": "", "more": 1})
    fields = {error["field"]: error["error"].partition(":")[0] for error in answer.content}
    missing = dict.fromkeys(["User.email", "User.password", "User.born"], "missing")
    assert fields == {"User.name": "invalid", "User.more": "unknown field", **missing}


def test_wrong_credentials_tell_nothing(client: Client, ann: Person) -> None:
    wrong = client.ask("POST", "/users/login", {"email": ann.email, "password": "Wrong-123"})
    nobody = client.ask("POST", "/users/login", {"email": account()["email"], "password": "Wrong-123"})
    assert (wrong.status, wrong.content["code"]) == (400, "wrong_credentials")
    assert wrong.content["message"] == nobody.content["message"]


@covers("PUT /users")
def test_an_account_is_changed_by_its_owner(client: Client, ann: Person, bob: Person) -> None:
    changed = client.ask("PUT", "/users", {"bio": "Tests"}, ann)
    assert (changed.status, changed.content["bio"]) == (200, "Tests")
    assert client.ask("PUT", "/users", {"id": ann.id, "bio": "Not mine"}, bob).status == 403


@covers("GET /users", "GET /users/{tsid}")
def test_profiles_show_nothing_private(client: Client, ann: Person, bob: Person) -> None:
    profile = client.ask("GET", f"/users/{ann.id}", who=bob).content
    assert (profile["email"], profile["born"]) == (None, None)
    assert client.ask("GET", f"/users/{ann.id.lower()}", who=ann).content["email"] == ann.email
    page = client.ask("GET", "/users?start=0&count=1")
    assert len(page.content) == 1
    assert page.headers["Link"] == '</users?start=1&count=1>; rel="next"'
    assert client.ask("GET", "/users/0000000000000").status == 404


@covers("GET /sessions", "DELETE /sessions/{tsid}", "POST /users/logout")
def test_sessions_are_listed_and_end(client: Client) -> None:
    who = person(client)
    other = client.ask("POST", "/users/login", {"email": who.email, "password": PASSWORD}).content
    sessions = client.ask("GET", "/sessions", who=who).content
    assert sorted(session["current"] for session in sessions) == [False, True]
    ended = next(session["id"] for session in sessions if not session["current"])
    assert client.ask("DELETE", f"/sessions/{ended}", who=who).status == 204
    assert client.ask("GET", "/users/me", who=who._replace(token=other["access_token"])).status == 401
    assert client.ask("POST", "/users/logout", who=who).status == 204
    assert client.ask("GET", "/users/me", who=who).status == 401
