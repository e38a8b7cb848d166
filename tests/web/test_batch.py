"""Batches: many requests in one, each as if it had come alone."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
import pytest

from spikes.web.batch import ANSWERED, ITEMS, LONGEST_PATH, LONGEST_VALUE, MAX_BATCH
from spikes.web.errors import MAX_BODY
from spikes.web.openapi import operation_of
from spikes.web.operation import JSON
from spikes.web.routes import ROUTES
from tests.abilities import in_memory
from tests.web.conftest import PASSWORD, Answer, Api, Person, Start

NOTE = {"title": "A note", "body": "Text"}
ME = {"method": "GET", "path": "/users/me"}


async def batch(api: Api, who: Person | None, *items: Any, **headers: str) -> list[Any]:
    answer = await api.post("/batch", items, who, **headers)
    assert answer.status == 200
    return list(answer.content)


def item(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    return {
        "method": method,
        "path": path,
        "body": body,
        "headers": {k.replace("_", "-"): v for k, v in headers.items()},
    }


def padded(item: dict[str, Any], length: int) -> bytes:
    """Return a batch of one request that has so many bytes."""
    text = msgspec.json.encode([item])
    return text + b" " * (length - len(text))


async def test_answers_each_in_order(api: Api, ann: Person) -> None:
    made, mine, wrong, gone = await batch(
        api,
        ann,
        item("POST", "/notes", NOTE),
        {"method": "GET", "path": "/notes/mine?limit=1"},
        item("POST", "/notes", {"title": ""}),
        item("DELETE", "/notes/0SAJWHS03CF2T"),
    )
    assert [made["status"], mine["status"], wrong["status"], gone["status"]] == [201, 200, 400, 404]
    assert [note["id"] for note in mine["body"]] == [made["body"]["id"]]
    assert [error["field"] for error in wrong["body"]] == ["Note.title", "Note.body"]
    assert gone["body"]["code"] == "not_found"


async def test_answers_as_if_it_had_come_alone(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    (inside,) = await batch(api, ann, item("GET", f"/notes/{note['id']}"))
    alone = await api.get(f"/notes/{note['id']}", ann)
    assert (inside["body"], inside["headers"]["ETag"]) == (alone.content, alone.headers["ETag"])
    assert inside["headers"]["Content-Type"] == "application/json"


async def test_a_failure_leaves_the_others_as_they_are(api: Api, ann: Person) -> None:
    same = item("POST", "/notes", NOTE)
    answers = await batch(api, ann, same, same, item("POST", "/notes", {**NOTE, "title": "Other"}))
    assert [answer["status"] for answer in answers] == [201, 409, 201]
    assert len((await api.get("/notes/mine", ann)).content) == 2


@in_memory
async def test_takes_headers_of_each(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    path = f"/notes/{note['id']}"
    answers = await batch(
        api,
        ann,
        item("PATCH", path, {"title": "Other"}, If_Match='"1-000000000000"'),
        item("PATCH", path, {"title": "Third"}, if_match='"1-000000000000"'),
        item("PATCH", path, {"title": "Third"}, Content_Type="application/json"),
        item("POST", "/notes", {**NOTE, "title": "New"}, Idempotency_Key="k"),
        item("POST", "/notes", {**NOTE, "title": "New"}, Idempotency_Key="k"),
        item("GET", path, If_None_Match="*"),
    )
    assert [answer["status"] for answer in answers] == [200, 412, 415, 201, 201, 304]
    assert answers[4]["headers"]["Idempotency-Replayed"] == "true"
    assert answers[5]["body"] is None


async def test_writes_under_ids_of_the_client(api: Api, ann: Person) -> None:
    path, new = "/notes/0SAJWHS03CF2T", {"If_None_Match": "*"}
    made, changed = await batch(api, ann, item("PUT", path, NOTE, **new), item("PATCH", path, {"body": "Other"}))
    assert (made["status"], changed["status"], changed["body"]["version"]) == (201, 200, 2)


@in_memory
@pytest.mark.parametrize("name", ["Authorization", "X-Request-ID", "X-Forwarded-For", "Content-Length", "Host", "Ä"])
async def test_refuses_other_headers(api: Api, ann: Person, name: str) -> None:
    (answer,) = await batch(api, ann, {**ME, "headers": {name: "1"}})
    assert (answer["status"], answer["body"]["code"]) == (400, "bad_header")


@in_memory
@pytest.mark.parametrize("value", ["a\nb", "\0", "ä", "\x7f"])
async def test_refuses_headers_that_none_could_send(api: Api, ann: Person, value: str) -> None:
    (answer,) = await batch(api, ann, item("GET", "/users/me", If_None_Match=value))
    assert (answer["status"], answer["body"]["code"]) == (400, "bad_header")


@in_memory
@pytest.mark.parametrize(
    "path",
    [
        "",
        "notes",
        "//example.org/notes",
        "/a b",
        "/notes#x",
        "/ä",
        "/\n",
        "http://example.org/",
        "/" + "x" * LONGEST_PATH,
    ],
)
async def test_refuses_what_is_no_path(api: Api, ann: Person, path: str) -> None:
    (answer,) = await batch(api, ann, item("GET", path))
    assert (answer["status"], answer["body"]["code"]) == (400, "bad_path")


@in_memory
async def test_takes_paths_as_the_service_itself_does(api: Api, ann: Person) -> None:
    paths = ("/", "/nowhere", "/" + "x" * (LONGEST_PATH - 1), "/users/m%65", "/users/me?x=1", "/notes/%00%zz")
    answers = await batch(api, ann, *(item("GET", path) for path in paths))
    assert [answer["status"] for answer in answers] == [404, 404, 404, 200, 400, 404]


@in_memory
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("OPTIONS", 204), ("get", 405), ("TRACE", 405), ("X" * 20, 405)]
)
async def test_takes_any_method_that_a_path_has(api: Api, ann: Person, method: str, status: int) -> None:
    (answer,) = await batch(api, ann, item(method, "/users/me"))
    assert answer["status"] == status
    assert status == 405 or answer["body"] is None


@in_memory
@pytest.mark.parametrize("route", [route for route in ROUTES if route.alone], ids=lambda route: route.name)
async def test_holds_nothing_that_stands_alone(api: Api, ann: Person, route: Any) -> None:
    body = {"email": ann.email, "password": PASSWORD} if route.method == "POST" else None
    (answer,) = await batch(api, ann, item(route.method, route.path.replace("{asset}", "docs.js"), body))
    assert (answer["status"], answer["body"]["code"]) == (400, "not_in_batch")


@in_memory
async def test_leaves_a_ticket_for_the_feed_unused(api: Api, ann: Person) -> None:
    ticket = (await api.post("/feed/ticket", None, ann)).content["ticket"]
    (inside,) = await batch(api, ann, item("GET", f"/feed?ticket={ticket}"))
    assert inside["body"]["code"] == "not_in_batch"
    async with api.client.get(f"/feed?ticket={ticket}") as alone:
        assert alone.status == 200


def test_stand_alone() -> None:
    alone = {route.name for route in ROUTES if route.alone}
    assert {"POST /batch", "POST /users/login", "GET /feed", "GET /users/me/export", "POST /users/me/import"} <= alone
    others = [route for route in ROUTES if not route.alone]
    assert {answer.media for route in others for answer in operation_of(route).answers} == {JSON}


async def test_is_done_in_the_callers_name(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(bob, access="Private")
    me, his = await batch(api, ann, ME, item("GET", f"/notes/{note['id']}"))
    assert (me["body"]["id"], his["status"]) == (ann.id, 404)
    assert (await api.post("/batch", [ME])).status == 401


async def test_ends_with_the_session(api: Api, ann: Person) -> None:
    answers = await batch(api, ann, item("POST", "/users/logout"), ME, item("POST", "/notes", NOTE))
    assert [answer["status"] for answer in answers] == [204, 401, 401]


@in_memory
async def test_gives_each_an_id_of_its_own(api: Api, ann: Person) -> None:
    first, second = await batch(api, ann, ME, item("GET", "/nowhere"), X_Request_ID="my-request")
    assert (first["headers"]["X-Request-ID"], second["body"]["request_id"]) == ("my-request-0", "my-request-1")


# -------------------------------------------------------------------------------------------------------------- limits


@in_memory
@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (ITEMS, 200), (ITEMS + 1, 400)])
async def test_holds_the_limits_of_their_number(api: Api, ann: Person, count: int, status: int) -> None:
    answer = await api.post("/batch", [ME] * count, ann)
    assert answer.status == status
    assert len(answer.content) == count if status == 200 else answer.fields == ["Batch"]


@in_memory
@pytest.mark.parametrize(("length", "status"), [(MAX_BATCH, 200), (MAX_BATCH + 1, 413)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_holds_the_limit_of_all(api: Api, ann: Person, length: int, status: int, chunked: bool) -> None:
    body, headers = padded(ME, length), {"Authorization": f"Bearer {ann.token}", "Content-Type": "application/json"}

    async def pieces() -> Any:
        yield body

    async with api.client.post("/batch", data=pieces() if chunked else BytesIO(body), headers=headers) as answer:
        assert answer.status == status
        assert status == 200 or f"{MAX_BATCH:,}" in await answer.text()


@in_memory
@pytest.mark.parametrize(("length", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
async def test_holds_the_limit_of_each(api: Api, ann: Person, length: int, status: int) -> None:
    body = b'{"bio": "New"' + b" " * (length - 14) + b"}"
    answer = await api.post("/batch", b'[{"method": "PUT", "path": "/users", "body": ' + body + b"}]", ann)
    assert [each["status"] for each in answer.content] == [status]


@in_memory
async def test_leaves_the_rest_undone_after_too_much(api: Api, ann: Person) -> None:
    notes = [item("POST", "/notes", {"title": f"Note {n}", "body": "x" * 65_536}) for n in range(ITEMS)]
    await batch(api, ann, *notes)
    lists = [item("GET", "/notes/mine?limit=200")] * 6
    answers = await batch(api, ann, *lists, item("DELETE", "/users"))
    enough = ANSWERED // (65_536 * ITEMS) + 1
    assert [each["status"] for each in answers] == [200] * enough + [413] * (7 - enough)
    assert (await api.get("/users/me", ann)).status == 200


@in_memory
async def test_counts_each_for_the_rate_limit(start: Start) -> None:
    api = await start(rate_limits=True)
    ann = await api.person("Ann")
    for _ in range(5):
        await batch(api, ann, *[item("DELETE", "/nowhere")] * ITEMS)
    answers = await batch(api, ann, *[item("DELETE", "/nowhere")] * ITEMS)
    statuses = [answer["status"] for answer in answers]
    assert statuses == [404] * statuses.count(404) + [429] * statuses.count(429)
    assert 6 + 500 + statuses.count(404) == 600
    assert int(answers[-1]["headers"]["Retry-After"]) > 0
    assert answers[0]["headers"]["RateLimit"].startswith('"writes";r=')
    assert (await api.post("/batch", [ME], ann)).status == 429


@in_memory
async def test_counts_each_for_the_address_it_comes_from(start: Start) -> None:
    api = await start(rate_limits=True, trusted_proxies=("127.0.0.1/32",))
    ann, register = await api.person("Ann"), item("POST", "/users", {})
    answers = await batch(api, ann, *[register] * 11, X_Forwarded_For="203.0.113.1")
    assert [answer["status"] for answer in answers] == [400] * 10 + [429]
    assert (await batch(api, ann, register, X_Forwarded_For="203.0.113.2"))[0]["status"] == 400


# --------------------------------------------------------------------------------------------------------- wrong bodies


@in_memory
@pytest.mark.parametrize("body", [b"{}", b"", b"[", b"null", b"[\xff]", b"[" * 100_000])
async def test_refuses_what_is_no_array(api: Api, ann: Person, body: bytes) -> None:
    answer = await api.post("/batch", body, ann)
    assert (answer.status, answer.code) == (400, "not_json")


@in_memory
async def test_names_all_that_is_wrong_with_all(api: Api, ann: Person) -> None:
    wrong = [ME, {"path": 1, "extra": 1}, "x", {**ME, "headers": {"If-Match": 1}}]
    answer: Answer = await api.post("/batch", wrong, ann)
    fields = ["Batch[1].method", "Batch[1].path", "Batch[1].extra", "Batch[2]", "Batch[3].headers"]
    assert (answer.status, answer.fields) == (400, fields)


@in_memory
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"method": ""}, "Batch[0].method: invalid: ; right is a method like GET"),
        ({"method": "G T"}, "Batch[0].method: invalid: G T; right is a method like GET"),
        ({"method": "X" * 21}, f"Batch[0].method: invalid: {'X' * 21}; right is a method like GET"),
        ({"path": 1}, "Batch[0].path: invalid: 1; right is a path like /notes/mine?limit=10"),
        ({"headers": []}, "Batch[0].headers: invalid: []; right is an object of names and values, all of them texts"),
    ],
)
async def test_says_what_would_be_right(api: Api, ann: Person, wrong: dict[str, Any], error: str) -> None:
    (found,) = (await api.post("/batch", [{**ME, **wrong}], ann)).content
    assert f"{found['field']}: {found['error']}" == error


@in_memory
@pytest.mark.parametrize(("length", "status"), [(LONGEST_VALUE, 200), (LONGEST_VALUE + 1, 400)])
async def test_holds_the_limit_of_a_header(api: Api, ann: Person, length: int, status: int) -> None:
    (answer,) = await batch(api, ann, {**ME, "headers": {"Accept": "x" * length}})
    assert answer["status"] == status


@in_memory
async def test_takes_json_only(api: Api, ann: Person) -> None:
    assert (await api.post("/batch", [ME], ann, Content_Type="text/plain")).status == 415
