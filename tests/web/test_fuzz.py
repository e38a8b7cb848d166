"""Arbitrary bodies and queries: never a 5xx, and what is wrong is always named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from tests.web.conftest import Answer, Api, Person, account

FIELDS = [
    *("name", "email", "password", "currentPassword", "born", "bio", "id"),
    *("title", "body", "due", "status", "access", "tags", "owner", "version", "comments"),
]
texts = st.text() | st.sampled_from(["", "A", "New", "Public", "2027-01-01T00:00:00Z", "0SAJWHS03CF2T", "a@b.cd"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
objects = st.dictionaries(st.sampled_from(FIELDS) | st.text(), values, max_size=8)
note = st.fixed_dictionaries({"title": texts, "body": texts}, optional=dict.fromkeys(FIELDS[:7] + FIELDS[9:], values))
user = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, values)).map(lambda some: {**account("Ann"), **some})

ROUTES = [("POST", "/users"), ("PUT", "/users"), ("POST", "/users/login"), ("POST", "/notes"), ("PUT", "/notes")]
fuzz = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def url() -> str:
    return "memory:"


def check(answer: Answer) -> None:
    """Hold an answer to the conventions of errors: bad fields are listed, each once; all else is one object."""
    assert answer.status < 500
    if answer.status == 400 and isinstance(answer.content, list):
        assert answer.fields
        assert len(set(answer.fields)) == len(answer.fields)
        assert all(set(error) == {"field", "error"} and "." in error["field"] for error in answer.content)
    elif answer.status >= 400:
        assert set(answer.content) - {"id"} == {"message", "code", "request_id"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@fuzz
@given(body=objects | note | user | values)
async def test_takes_any_json(api: Api, ann: Person, method: str, path: str, body: Any) -> None:
    check(await api.ask(method, path, body if body is not None else b"null", ann))


@pytest.mark.parametrize(("method", "path"), ROUTES)
@fuzz
@given(body=st.binary() | st.text().map(str.encode) | objects.map(msgspec.json.encode).map(lambda body: body[:-1]))
async def test_takes_any_bytes(api: Api, ann: Person, method: str, path: str, body: bytes) -> None:
    check(await api.ask(method, path, body, ann))


@fuzz
@given(
    path=st.sampled_from(["/notes", "/notes/mine", "/users"]),
    query=st.dictionaries(st.sampled_from(["limit", "cursor", "start", "count"]) | st.text(), st.text(), max_size=3),
)
async def test_takes_any_query(api: Api, ann: Person, path: str, query: dict[str, str]) -> None:
    async with api.client.get(path, params=query, headers={"Authorization": f"Bearer {ann.token}"}) as answer:
        assert answer.status in (200, 400)
        assert answer.status == 200 or (await answer.json())["code"] == "bad_query"


@fuzz
@given(name=st.text(min_size=1, max_size=40))
async def test_takes_any_path(api: Api, name: str) -> None:
    for path in ("/notes/", "/users/", "/"):
        answer = await api.ask("GET", str(URL.build(path=path + name.replace("/", "%2F"))))
        check(answer)


@fuzz
@given(header=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
@pytest.mark.parametrize("name", ["If_Match", "Idempotency_Key", "X_Request_ID", "Authorization", "Content_Type"])
async def test_takes_any_header(api: Api, ann: Person, name: str, header: str) -> None:
    body = {"id": "0SAJWHS03CF2T", "title": "A", "body": "B", "status": "New", "access": "Public"}
    headers = {"Authorization": f"Bearer {ann.token}", name: header}
    check(await api.put("/notes", body, None, **headers))
