"""Arbitrary bodies for comments, tags, relations and steps back: never a 5xx, and what is wrong is always named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.conftest import Api, Person
from tests.web.test_fuzz import check, fuzz, texts, values
from tests.web.test_tags import tag

FIELDS = [
    *("title", "body", "id", "color", "stars", "parent", "noteId", "writer", "created", "removed"),
    *("owner", "updated", "version"),
]
ROUTES = [
    *(
        ("POST", "/notes/{note}/comments"),
        ("PUT", "/notes/{note}/comments"),
        ("PUT", "/notes/{note}/comments/{comment}"),
    ),
    *(("POST", "/tags"), ("PUT", "/tags"), ("PUT", "/tags/{tag}")),
    *(("PUT", "/notes/{note}/relations/{other}"), ("PUT", "/users/me/relations/{user}")),
    *(("POST", "/notes/{note}/undo"), ("POST", "/notes/{note}/redo"), ("POST", "/notes/{note}/restore")),
]
objects = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, values))
some = dict.fromkeys(FIELDS[2:], texts | st.integers(0, 6))
likely = st.fixed_dictionaries({"title": texts, "body": texts}, optional=some)


@pytest.fixture
def url() -> str:
    return "memory:"


@pytest.fixture
async def names(api: Api, ann: Person, bob: Person) -> dict[str, str]:
    """What stands in paths."""
    note, other, made = await api.note(ann), await api.note(bob), await tag(api, ann)
    said = await api.post(f"/notes/{note['id']}/comments", {"title": "Hm", "body": ""}, ann)
    ids = {"note": note["id"], "other": other["id"], "tag": made["id"], "user": bob.id}
    return {**ids, "comment": said.content["comments"][0]["id"]}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@fuzz
@given(body=objects | likely | values | st.binary())
async def test_takes_any_body(api: Api, ann: Person, names: dict[str, str], method: str, path: str, body: Any) -> None:
    check(await api.ask(method, path.format(**names), body if body is not None else b"null", ann))


@pytest.mark.parametrize("path", ["/notes/{note}", "/notes/{note}/history", "/notes/{note}/relations", "/tags"])
@fuzz
@given(query=st.dictionaries(st.sampled_from(["limit", "cursor", "version", "as_of"]) | st.text(), texts, max_size=3))
async def test_takes_any_query(api: Api, ann: Person, names: dict[str, str], path: str, query: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {ann.token}"}
    async with api.client.get(path.format(**names), params=query, headers=headers) as answer:
        assert answer.status in (200, 400, 404)
        assert answer.status != 400 or (await answer.json())["code"] == "bad_query"
