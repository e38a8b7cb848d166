"""Who may ask what: every row of docs/access.md, in everybody's name."""

from __future__ import annotations

import pytest

from spikes.web.routes import ROUTES, Route
from tests.web.conftest import Api
from tests.web.world import PRINCIPALS, Row, access_table, build

BY_NAME = {route.name: route for route in ROUTES}
TABLE = access_table()


@pytest.fixture
def url() -> str:
    return "memory:"


def name(row: Row) -> str:
    return f"{row.route} {row.on}".strip()


def test_every_row_is_of_a_route() -> None:
    assert [row.route for row in TABLE if row.route not in BY_NAME] == []


@pytest.mark.parametrize("principal", PRINCIPALS)
@pytest.mark.parametrize("row", TABLE, ids=name)
async def test_answers_as_the_table_says(api: Api, row: Row, principal: str) -> None:
    world = await build(api)
    answer = await world.ask(BY_NAME[row.route], row.on, principal)
    assert answer.status == row.statuses[principal]


@pytest.mark.parametrize("row", [row for row in TABLE if row.statuses["anonymous"] == 401], ids=name)
async def test_says_how_to_authenticate(api: Api, row: Row) -> None:
    world = await build(api)
    answer = await world.ask(BY_NAME[row.route], row.on, "anonymous")
    assert answer.code == "not_authenticated"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="spikes"'


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_refuses_ended_sessions_everywhere(api: Api, route: Route) -> None:
    world = await build(api)
    await api.post("/users/logout", None, world.people["owner"])
    answer = await world.ask(route, next(row.on for row in TABLE if row.route == route.name), "owner")
    assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_open_route_lets_somebody_in_without_a_token(route: Route) -> None:
    anonymous = [row.statuses["anonymous"] for row in TABLE if row.route == route.name]
    assert (401 not in anonymous) if route.open else all(status == 401 for status in anonymous)
