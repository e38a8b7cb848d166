"""/openapi.json says what the service does, and /docs shows it with nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from spikes.domain import rules
from spikes.web.documentation import ASSETS, FILES, POLICY
from spikes.web.openapi import document, operation_of, shape
from spikes.web.routes import ROUTES, Route
from tests.web.conftest import Api, Person
from tests.web.world import access_table, build

VENDORED = json.loads((ASSETS / "vendored.json").read_text())
WITH_BODY = [route for route in ROUTES if route.doc is not None and route.doc.request is not None]


@pytest.fixture
def url() -> str:
    return "memory:"


@pytest.fixture
async def described(api: Api) -> Any:
    answer = await api.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.content


def of(described: Any, route: Route) -> Any:
    """Return what the document says of a route."""
    path = next(path for path in described["paths"] if shape(path) == shape(route.path))
    return described["paths"][path][route.method.lower()]


def texts(value: Any, key: str) -> Iterator[str]:
    """Yield all texts under a key, wherever in the document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str):
                yield inner
            yield from texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, key)


async def test_is_openapi_3_1(described: Any) -> None:
    assert described["openapi"] == "3.1.0"
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_names_every_operation_once(described: Any) -> None:
    ids = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)
    assert {operation_of(route).id for route in ROUTES} == set(ids)


async def test_refers_only_to_what_is_there(described: Any) -> None:
    wanted = {text.removeprefix("#/components/schemas/") for text in texts(described, "$ref")}
    assert wanted <= set(described["components"]["schemas"])
    leads = {text for path in described["paths"].values() for text in texts(path, "operationId")}
    assert {link.operation for route in ROUTES for a in operation_of(route).answers for link in a.links} <= leads


async def test_says_where_a_token_is_needed(described: Any) -> None:
    for route in ROUTES:
        assert (of(described, route)["security"] == [{"bearer": []}]) == (not route.open)
        assert ("Needs a token." in of(described, route).get("description", "")) == (not route.open)


async def test_says_the_limits_of_the_domain(described: Any) -> None:
    schemas = described["components"]["schemas"]
    title = schemas["CreateNoteRequest"]["properties"]["title"]
    assert (title["minLength"], title["maxLength"]) == (1, rules.TITLE)
    assert schemas["CreateNoteRequest"]["properties"]["tags"]["maxItems"] == rules.TAGS
    assert schemas["UpdateNoteRequest"]["properties"]["due"]["format"] == "date-time"
    assert schemas["RegisterRequest"]["required"] == ["name", "email", "password", "born"]


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
def test_says_each_rule_of_each_field(route: Route) -> None:
    request = operation_of(route).request
    assert request is not None
    types = document([route], "0")["components"]["schemas"][request.__name__]["properties"]
    names = {field.name: field.encode_name for field in msgspec.structs.fields(request)}
    silent = [
        f"the rule of {request.__name__}.{name} says nothing in JSON Schema: give it a schema (domain/rules.py)"
        for name, rule in request.rules.items()
        if rule.check.__name__ != "_anything" and not rule.schema
    ]
    assert silent == []
    assert all(rule.schema.items() <= types[names[name]].items() for name, rule in request.rules.items())


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
async def test_requires_what_the_service_requires(api: Api, described: Any, route: Route) -> None:
    world = await build(api)
    answer = await world.ask(route, _on(route), "owner", body={"noSuchField": 1})
    content = of(described, route)["requestBody"]["content"][operation_of(route).media]
    name = content["schema"]["$ref"].rpartition("/")[2]
    errors = {error["field"].partition(".")[2]: error["error"] for error in answer.content}
    assert errors.pop("noSuchField") == "unknown field"
    assert set(errors) == set(described["components"]["schemas"][name]["required"])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_each_example_works(api: Api, described: Any, route: Route) -> None:
    world = await build(api)
    answer = await world.ask(route, _on(route), "owner")
    success = operation_of(route).answers[0]
    assert answer.status == success.status
    assert answer.headers.get("Content-Type", success.media).startswith(success.media)
    missing = [header.name for header in success.headers if header.always and header.name not in answer.headers]
    assert missing == []


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
def test_each_route_with_a_body_has_an_example(route: Route) -> None:
    operation = operation_of(route)
    assert operation.example is not None or operation.may_be_empty


async def test_the_page_loads_nothing_from_elsewhere(api: Api) -> None:
    async with api.client.get("/docs") as page:
        html = await page.text()
        assert page.headers["Content-Security-Policy"] == POLICY
    assert re.findall(r'(?:src|href)="(?!/(?:docs/|openapi))', html) == []
    assert "<script>" not in html
    assert "style=" not in html


@pytest.mark.parametrize("name", FILES)
async def test_serves_each_file_of_the_page(api: Api, name: str) -> None:
    async with api.client.get(f"/docs/{name}") as answer:
        assert await answer.read() == FILES[name].read_bytes()
        tag = answer.headers["ETag"]
    async with api.client.get(f"/docs/{name}", headers={"If-None-Match": tag}) as again:
        assert (again.status, await again.read()) == (304, b"")


async def test_serves_no_other_file(api: Api, ann: Person) -> None:
    for name in ("vendored.json", "..%2Fapp.py", "docs.html", "LICENSE"):
        assert (await api.get(f"/docs/{name}", ann)).status == 404


def test_the_vendored_files_are_what_was_published() -> None:
    folder = ASSETS / VENDORED["folder"]
    assert {path.name for path in folder.iterdir()} == set(VENDORED["integrity"])
    for name, integrity in VENDORED["integrity"].items():
        digest = hashlib.sha384((folder / name).read_bytes()).digest()
        assert integrity == f"sha384-{base64.b64encode(digest).decode()}"
    assert {"name", "version", "licence", "source"} <= set(VENDORED)


def _on(route: Route) -> str:
    """Return what the route works on for its owner, by the table of access."""
    rows = [row for row in access_table() if row.route == route.name]
    return next(row.on for row in rows if row.statuses["owner"] < 300)
