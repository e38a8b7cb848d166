"""Sessions over HTTP: logging in, being known, logging out."""

from __future__ import annotations

import pytest

from spikes.web.passwords import PasswordCost, Passwords
from tests.abilities import in_memory
from tests.web.conftest import PASSWORD, Api, Person, Start

SESSION = ["id", "created", "lastUsed", "expires", "current", "userAgent"]


async def test_logs_in_with_a_token_for_two_hours(api: Api, ann: Person) -> None:
    answer = await api.post("/users/login", {"email": "ANN@example.org", "password": PASSWORD})
    assert answer.status == 200
    token = answer.content.pop("access_token")
    assert answer.content == {"id": ann.id, "token_type": "bearer", "expires_in": 7200}
    assert token.partition(".")[0] == ann.id
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("login", [{"password": "Wrong-123"}, {"email": "nobody@example.org"}, {"email": "?"}])
async def test_answers_wrong_logins_alike(api: Api, ann: Person, login: dict[str, str]) -> None:
    answer = await api.post("/users/login", {"email": ann.email, "password": PASSWORD, **login})
    assert answer.status == 400
    assert answer.content.pop("request_id")
    assert answer.content == {"message": "e-mail or password is wrong", "code": "wrong_credentials"}


async def test_verifies_a_password_for_nobody_too(start: Start) -> None:
    passwords = CountingPasswords(PasswordCost(1, 8, 1))
    api = await start(passwords)
    await api.post("/users/login", {"email": "nobody@example.org", "password": PASSWORD})
    assert passwords.verified == 1
    assert api.journal.calls["load"] == 1


async def test_ends_the_session_at_logout(api: Api, ann: Person) -> None:
    other = await api.login("Ann")
    assert (await api.ask("POST", "/users/logout", who=ann)).status == 204
    assert (await api.get("/users/me", ann)).status == 401
    assert (await api.get("/users/me", other)).status == 200


async def test_knows_nobody_after_the_token_expired(api: Api, ann: Person) -> None:
    api.clock.pass_by(seconds=7199)
    assert (await api.get("/users/me", ann)).status == 200
    api.clock.pass_by(seconds=1)
    assert (await api.get("/users/me", ann)).status == 401


async def test_lists_the_own_sessions(api: Api, ann: Person) -> None:
    await api.post("/users/login", {"email": ann.email, "password": PASSWORD}, User_Agent="Browser")
    sessions = (await api.get("/sessions", ann)).content
    assert [list(session) for session in sessions] == [SESSION, SESSION]
    assert [session["current"] for session in sessions] == [True, False]
    assert sessions[1] | {"id": 0} == {
        "id": 0,
        "created": "2026-11-23T10:00:00.000Z",
        "lastUsed": "2026-11-23T10:00:00.000Z",
        "expires": "2026-11-23T12:00:00.000Z",
        "current": False,
        "userAgent": "Browser",
    }


@in_memory
async def test_keeps_stray_bytes_of_a_browser_out(api: Api, ann: Person) -> None:
    agent = b"\xff\xfe".decode("utf-8", "surrogateescape")
    await api.post("/users/login", {"email": ann.email, "password": PASSWORD}, User_Agent=agent)
    assert (await api.get("/sessions", ann)).status == 200


async def test_ends_another_of_the_own_sessions(api: Api, ann: Person) -> None:
    other = await api.login("Ann")
    id_of_other = (await api.get("/sessions", ann)).content[1]["id"]
    assert (await api.delete(f"/sessions/{id_of_other.lower()}", ann)).status == 204
    assert (await api.get("/users/me", other)).status == 401
    assert (await api.delete(f"/sessions/{id_of_other}", ann)).status == 404


async def test_finds_no_session_of_another(api: Api, ann: Person, bob: Person) -> None:
    id_of_bob = (await api.get("/sessions", bob)).content[0]["id"]
    assert (await api.delete(f"/sessions/{id_of_bob}", ann)).status == 404
    assert (await api.get("/users/me", bob)).status == 200


async def test_ends_the_oldest_of_more_than_fifty_sessions(api: Api, ann: Person) -> None:
    second = await api.login("Ann")
    for _ in range(48):
        await api.login("Ann")
    assert [(await api.get("/users/me", who)).status for who in (ann, second)] == [200, 200]
    newest = await api.login("Ann")
    assert [(await api.get("/users/me", who)).status for who in (ann, second, newest)] == [401, 200, 200]


@in_memory
@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer x", "Basic {token}", "{token}", "Bearer {token}x", "Bearer {other}", "Bearer \xe4"],
)
@pytest.mark.parametrize("path", ["/users/me", "/notes", "/users"])
async def test_refuses_a_bad_token_on_open_routes_too(api: Api, ann: Person, path: str, header: str) -> None:
    user_id, _, secret = ann.token.partition(".")
    other = f"{user_id}.{'A' if secret[0] != 'A' else 'B'}{secret[1:]}"
    answer = await api.get(path, Authorization=header.format(token=ann.token, other=other))
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="spikes", error="invalid_token"'


async def test_refuses_the_token_of_nobody(api: Api) -> None:
    answer = await api.get("/users", Authorization=f"Bearer 0000000000000.{'A' * 43}")
    assert answer.status == 401


async def test_takes_the_scheme_and_the_id_in_any_case(api: Api, ann: Person) -> None:
    user_id, _, secret = ann.token.partition(".")
    assert (await api.get("/users/me", Authorization=f"bearer {user_id.lower()}.{secret}")).status == 200


class CountingPasswords(Passwords):
    """Real passwords that count what is verified."""

    verified = 0

    async def matches(self, password: str, password_hash: str | None) -> bool:
        self.verified += 1
        return await super().matches(password, password_hash)
