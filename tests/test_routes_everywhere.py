"""Every route is documented, and tried, in all the places where a reader or an operator looks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikes.web.routes import ROUTES, Route
from tests.api_table import FILE, table
from tests.web.world import access_table

ROOT = Path(__file__).parent.parent


def missing(route: Route) -> list[str]:
    """Return what is to be added for a route."""
    places = {
        "a doc=Operation(...) in spikes/web/routes.py; the others show how (spikes/web/described/)": route.doc
        is not None,
        "a row in docs/access.md that says who may use it": route.name in {row.route for row in access_table()},
        "a row in docs/api.md: run python -m tests.api_table": f"| `{route.name}` |" in FILE.read_text(),
    }
    return [f"{route.name} needs {place}" for place, there in places.items() if not there]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_is_everywhere(route: Route) -> None:
    assert missing(route) == []


def test_the_api_table_is_the_route_table() -> None:
    assert table() in FILE.read_text(), "run python -m tests.api_table"


def test_no_two_routes_are_the_same() -> None:
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)
