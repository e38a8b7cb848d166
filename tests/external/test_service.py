"""Health, documentation, and what holds for every route."""

from __future__ import annotations

import uuid

import pytest

from tests.external.client import Client, Person, covers


@covers("GET /liveness", "GET /readiness", "GET /check", "GET /stati", "GET /info")
def test_health(client: Client) -> None:
    assert client.ask("GET", "/liveness").content == {"status": "UP"}
    assert client.ask("GET", "/readiness").content == {"status": "UP"}
    assert client.ask("GET", "/check").content == {"result": "OK"}
    assert client.ask("GET", "/stati").content == ["Blank", "New", "Ready", "ToDo", "Doing", "Review", "Completed"]
    assert {"recovered", "users", "notes", "sessions", "tags", "version", "persid"} <= set(
        client.ask("GET", "/info").content
    )


@covers("GET /openapi.json", "GET /docs", "GET /docs/{asset}")
def test_documentation(client: Client) -> None:
    assert client.ask("GET", "/openapi.json").content["openapi"].startswith("3.1")
    page = client.ask("GET", "/docs")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert client.ask("GET", "/docs/swagger-ui.css").headers.get_content_type() == "text/css"


def test_what_is_not_there_is_named(client: Client) -> None:
    missing = client.ask("GET", "/nothing")
    assert missing.status == 404
    assert set(missing.content) == {"message", "code", "request_id"}
    wrong = client.ask("DELETE", "/info")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_request_ids_come_back(client: Client) -> None:
    assert client.ask("GET", "/info", headers={"X-Request-ID": "quality-1"}).headers["X-Request-ID"] == "quality-1"
    assert client.ask("GET", "/info", headers={"X-Request-ID": "no"}).headers["X-Request-ID"] != "no"


def test_answers_protect_browsers(client: Client) -> None:
    headers = client.ask("GET", "/info").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("token", ["x", "0000000000000.x", ""])
def test_a_bad_token_is_refused_on_open_routes_too(client: Client, token: str) -> None:
    answer = client.ask("GET", "/info", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.content["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@covers("POST /batch")
def test_many_requests_come_in_one(client: Client, ann: Person) -> None:
    note = {"title": uuid.uuid4().hex, "body": "One of many", "access": "Private"}
    wanted = [("POST", "/notes", note), ("POST", "/notes", {"title": ""}), ("GET", "/users/me", None)]
    items = [{"method": method, "path": path, "body": body} for method, path, body in wanted]
    answer = client.ask("POST", "/batch", items, ann)
    assert (answer.status, [each["status"] for each in answer.content]) == (200, [201, 400, 200])
    assert client.ask("GET", answer.content[0]["headers"]["Location"], who=ann).content["title"] == note["title"]
    assert answer.content[2]["body"]["id"] == ann.id
    assert client.ask("POST", "/batch", [items[0]] * 101, ann).status == 400
    assert client.ask("POST", "/batch", [{"method": "POST", "path": "/batch"}], ann).content[0]["status"] == 400
