"""Who may ask for what: every route in everybody's name."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.console.console import FORM, LOGIN, LOGOUT, UNMATCHED
from spikes.console.guard import COOKIE, Guard
from spikes.console.page import Role, Route
from spikes.console.routes import ROUTES
from spikes.settings import Settings
from tests.console.conftest import TOKEN, VIEWER_TOKEN, Managed, StartManaged

OPEN = {"/livez", "/readyz", "/startupz", "/static"}
GUARD = Guard(Settings(admin_token=TOKEN, admin_viewer_token=VIEWER_TOKEN))
NAMES = {Role.ANYBODY: "nobody", Role.VIEWER: "a viewer", Role.OPERATOR: "an operator"}
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def guarded(manage: StartManaged) -> Managed:
    return await manage(admin_token=TOKEN, admin_viewer_token=VIEWER_TOKEN, console_writes=True)


def path_of(route: Route) -> str:
    """Return a path that the route matches, of something that does not exist."""
    path = route.path
    while "{" in path:
        before, _, rest = path.partition("{")
        path = f"{before}nothing{rest.partition('}')[2]}"
    return path


async def status(managed: Managed, method: str, path: str, **headers: str) -> int:
    async with managed.client.request(method, path, headers=headers, allow_redirects=False) as response:
        return response.status


def identified(role: Role, way: str) -> dict[str, str]:
    """Return the headers by which somebody shows a role."""
    if role is Role.ANYBODY:
        return {}
    token = TOKEN if role is Role.OPERATOR else VIEWER_TOKEN
    return {"Cookie": f"{COOKIE}={GUARD.cookie_for(role)}"} if way == "cookie" else {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("way", ["cookie", "bearer"])
@pytest.mark.parametrize("role", Role, ids=lambda role: NAMES[role])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_each_route_lets_in_its_roles_only(guarded: Managed, route: Route, role: Role, way: str) -> None:
    method = "GET" if route.method == "*" else route.method
    found = await status(guarded, method, path_of(route), **HERE, **identified(role, way))
    if role is Role.ANYBODY:
        assert found == 401
    elif role < route.role:
        assert found == 403
    else:
        assert found not in {401, 403, 500}


async def test_no_route_stands_outside_of_the_table(guarded: Managed) -> None:
    known = {route.path for route in (*ROUTES, LOGIN, LOGOUT, FORM)} | OPEN | {"/metrics"}
    app = guarded.client.server.app  # type: ignore[attr-defined]
    there = {resource.canonical for resource in app.router.resources()}
    assert there - known == {UNMATCHED.path.replace(":[\\s\\S]*", "")}


@pytest.mark.parametrize("path", ["/login", "/static/console.css", "/livez"])
async def test_the_way_in_is_open_to_all(guarded: Managed, path: str) -> None:
    assert await status(guarded, "GET", path) == 200


async def test_nobody_learns_the_version_before_logging_in(guarded: Managed) -> None:
    response, text = await guarded.get("/entities/anything")
    assert response.status == 401
    assert guarded.service.state.version not in text
    assert 'action="/login"' in text


async def test_without_a_token_the_machine_itself_may_look(managed: Managed) -> None:
    assert await status(managed, "GET", "/") == 200
    assert managed.service.inside.settings.admin_token is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example:9090"},
        {"Host": "127.0.0.1.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
    ],
    ids=["another name", "a name that looks like it", "a proxy", "another proxy"],
)
async def test_what_is_not_the_machine_itself_may_not(managed: Managed, headers: dict[str, str]) -> None:
    assert await status(managed, "GET", "/", **headers) == 401


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://HOST"}, 303),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Authorization": f"Bearer {TOKEN}"}, 303),
    ],
)
async def test_a_form_is_taken_from_our_own_pages_only(
    guarded: Managed, headers: dict[str, str], expected: int
) -> None:
    host = f"{guarded.client.host}:{guarded.client.port}"
    sent = {name: value.replace("HOST", host) for name, value in headers.items()}
    assert await status(guarded, "POST", "/logout", **sent) == expected


@pytest.mark.parametrize(
    "cookie",
    [
        "OPERATOR.99999999999.0",
        "ANYBODY.99999999999.0",
        "OPERATOR",
        GUARD.cookie_for(Role.VIEWER).replace("VIEWER", "OPERATOR"),
        Guard(Settings(admin_token="another")).cookie_for(Role.OPERATOR),
        Guard(Settings(admin_token=TOKEN), now=lambda: 0.0).cookie_for(Role.OPERATOR),
    ],
    ids=["made up", "of nobody", "cut", "of a viewer", "by another token", "too old"],
)
async def test_a_cookie_that_was_not_given_is_worth_nothing(guarded: Managed, cookie: str) -> None:
    assert await status(guarded, "GET", "/", Cookie=f"{COOKIE}={cookie}") == 401


async def test_another_worker_takes_the_cookie_too(guarded: Managed, manage: StartManaged) -> None:
    other = await manage(admin_token=TOKEN)
    assert await status(other, "GET", "/", Cookie=f"{COOKIE}={GUARD.cookie_for(Role.OPERATOR)}") == 200


async def log_in(managed: Managed, token: str, **more: str) -> tuple[int, Any]:
    form = {"token": token, "to": more.pop("to", "/")}
    headers = {**HERE, **{name.replace("_", "-"): value for name, value in more.items()}}
    async with managed.client.post("/login", data=form, headers=headers, allow_redirects=False) as response:
        return response.status, response if response.status == 303 else await response.text()


async def test_the_right_token_gives_a_cookie(guarded: Managed) -> None:
    found, response = await log_in(guarded, TOKEN, to="/system?x=1")
    assert (found, response.headers["Location"]) == (303, "/system?x=1")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-spikes=OPERATOR.")
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie


@pytest.mark.parametrize(
    "to", ["//attacker.example", "https://attacker.example", "/\\attacker.example", "javascript:x"]
)
async def test_a_login_leads_to_our_own_pages_only(guarded: Managed, to: str) -> None:
    _, response = await log_in(guarded, VIEWER_TOKEN, to=to)
    assert response.headers["Location"] == "/"


async def test_a_wrong_token_is_told_so_and_no_more_than_ten_times(guarded: Managed) -> None:
    answers = [await log_in(guarded, f"guess-{number}") for number in range(11)]
    assert [found for found, _ in answers] == [401] * 10 + [429]
    assert "this is no token of the console" in answers[0][1]
    assert (await log_in(guarded, TOKEN))[0] == 429


async def test_plain_http_from_elsewhere_is_refused_with_the_reason(guarded: Managed) -> None:
    found, text = await log_in(guarded, TOKEN, Host="spikes.example:9090")
    assert found == 403
    assert "logging in over plain HTTP would show the token to the network" in text
    _, form = await guarded.get("/login", Host="spikes.example:9090")
    assert 'name="token"' not in form


@pytest.mark.parametrize(("proxies", "expected"), [((), 403), (("127.0.0.0/8",), 303)], ids=["unknown", "trusted"])
async def test_https_counts_only_if_a_trusted_proxy_says_so(
    manage: StartManaged, proxies: tuple[str, ...], expected: int
) -> None:
    managed = await manage(admin_token=TOKEN, trusted_proxies=proxies)
    headers = {"Host": "spikes.example", "X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.9"}
    assert (await log_in(managed, TOKEN, **headers))[0] == expected


async def test_logging_out_takes_the_cookie_away(guarded: Managed) -> None:
    async with guarded.client.post("/logout", headers=HERE, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/")
        assert "Max-Age=0" in response.headers["Set-Cookie"]
