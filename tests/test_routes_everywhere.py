"""Every route is documented, and tried, in all the places where a reader or an operator looks for it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from spikes.web.routes import ROUTES, Route
from tests.api_table import FILE, table
from tests.web.world import access_table

EXTERNAL = Path(__file__).parent / "external"


def covered() -> set[str]:
    """Return the routes that the external suite says it asks; each of its tests checks that it really does."""
    text = "".join(path.read_text() for path in EXTERNAL.glob("test_*.py"))
    marks = re.findall(r"^@covers\((.*?)\)$", text, re.MULTILINE | re.DOTALL)
    return {route for mark in marks for route in re.findall(r'"([A-Z]+ /[^"]*)"', mark)}


def missing(route: Route) -> list[str]:
    """Return what is to be added for a route."""
    places = {
        "a doc=Operation(...) in spikes/web/routes.py; the others show how (spikes/web/described/)": route.doc
        is not None,
        "a row in docs/access.md that says who may use it": route.name in {row.route for row in access_table()},
        "a row in docs/api.md: run python -m tests.api_table": f"| `{route.name}` |" in FILE.read_text(),
        'a test in tests/external marked @covers("...") that asks for it from outside': route.name in covered(),
    }
    return [f"{route.name} needs {place}" for place, there in places.items() if not there]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_is_everywhere(route: Route) -> None:
    assert missing(route) == []


def test_the_api_table_is_the_route_table() -> None:
    assert table() in FILE.read_text(), "run python -m tests.api_table"


def test_the_external_suite_covers_nothing_else() -> None:
    assert covered() <= {route.name for route in ROUTES}


def test_the_external_suite_knows_nothing_of_the_inside() -> None:
    imported = re.findall(
        r"^(?:from|import) (\w+)", "".join(p.read_text() for p in EXTERNAL.glob("*.py")), re.MULTILINE
    )
    assert set(imported) <= {*sys.stdlib_module_names, "pytest", "tests"}


def test_no_two_routes_are_the_same() -> None:
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)
