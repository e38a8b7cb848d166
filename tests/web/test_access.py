"""Who may ask what: every route of the table, with and without a token."""

from __future__ import annotations

import pytest

from spikes.web.routes import ROUTES, Route
from tests.web.conftest import Api, Person

OPEN = {
    *("POST /users", "POST /users/login", "GET /users", "GET /users/{tsid}"),
    *("GET /notes", "GET /notes/{tsid}", "GET /notes/{slug}"),
    *("GET /info", "GET /liveness", "GET /readiness", "GET /check", "GET /stati"),
}
CLOSED = {
    *("POST /users/logout", "GET /users/me", "PUT /users", "DELETE /users", "GET /sessions", "DELETE /sessions/{tsid}"),
    *("POST /notes", "PUT /notes", "GET /notes/mine", "DELETE /notes/{tsid}"),
}


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def path(route: Route) -> str:
    return route.path.replace("{tsid}", "0SAJWHS03CF2T").replace("{slug}", "20261123-a-note")


def test_every_route_is_open_or_closed_on_purpose() -> None:
    assert {name(route) for route in ROUTES if route.open} == OPEN
    assert {name(route) for route in ROUTES if not route.open} == CLOSED


@pytest.mark.parametrize("route", ROUTES, ids=name)
async def test_asks_for_a_token_where_one_is_needed(api: Api, route: Route) -> None:
    answer = await api.ask(route.method, path(route))
    assert (answer.status == 401) == (not route.open)
    if not route.open:
        assert answer.code == "not_authenticated"
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="spikes"'


@pytest.mark.parametrize("route", ROUTES, ids=name)
async def test_refuses_ended_sessions_everywhere(api: Api, ann: Person, route: Route) -> None:
    await api.ask("POST", "/users/logout", who=ann)
    answer = await api.ask(route.method, path(route), who=ann)
    assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("route", ROUTES, ids=name)
async def test_refuses_removed_users_everywhere(api: Api, ann: Person, route: Route) -> None:
    await api.delete("/users", ann)
    answer = await api.ask(route.method, path(route), who=ann)
    assert (answer.status, answer.code) == (401, "not_authenticated")
