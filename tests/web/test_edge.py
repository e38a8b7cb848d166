"""What every request meets on its way in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog

from spikes.journal.errors import JournalUnusable
from spikes.web.errors import MAX_BODY
from spikes.web.media import LONGEST
from tests.abilities import in_memory
from tests.web.conftest import PASSWORD, Answer, Api, Person, Start, account

NOTE = b'{"title": "A note", "body": "Text"}'


# --------------------------------------------------------------------------------------------------------- request ids


@in_memory
@pytest.mark.parametrize("given", ["r" * 8, "r" * 64, "Az09_-Az"])
async def test_returns_the_request_id(api: Api, given: str) -> None:
    answer = await api.get("/nowhere", X_Request_ID=given)
    assert answer.headers["X-Request-ID"] == answer.content["request_id"] == given


@in_memory
@pytest.mark.parametrize("given", [None, "", "r" * 7, "r" * 65, "request id", "request.id", "räquest-id"])
async def test_makes_a_request_id(api: Api, given: str | None) -> None:
    headers = {} if given is None else {"X_Request_ID": given}
    answer = await api.get("/nowhere", None, **headers)
    made = answer.headers["X-Request-ID"]
    assert made == answer.content["request_id"] != given
    assert 8 <= len(made) <= 64


async def test_stores_the_request_id_with_the_event(api: Api, ann: Person) -> None:
    await api.post("/notes", NOTE, ann, X_Request_ID="request-7")
    note = (await api.get("/notes/mine", ann)).content[0]
    (event,) = await api.journal.events(f"note|{note['id']}")
    assert (event.metadata.request_id, event.metadata.principal) == ("request-7", ann.id)


# -------------------------------------------------------------------------------------------------------------- bodies


@in_memory
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        'application/json; a="b"',
    ],
)
async def test_takes_json(api: Api, ann: Person, content_type: str) -> None:
    assert (await api.post("/notes", NOTE, ann, Content_Type=content_type)).status == 201


@in_memory
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json2", "application/json; charset=latin-1"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("path", ["/notes", "/users"])
async def test_takes_nothing_but_json(api: Api, ann: Person, method: str, path: str, content_type: str) -> None:
    answer = await api.ask(method, path, NOTE, ann, Content_Type=content_type)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@in_memory
@pytest.mark.parametrize(("length", "status"), [(LONGEST, 201), (LONGEST + 1, 415)])
async def test_takes_no_longer_content_type_apart(api: Api, ann: Person, length: int, status: int) -> None:
    content_type = "application/json; a=".ljust(length, "b")
    assert (await api.post("/notes", NOTE, ann, Content_Type=content_type)).status == status


@in_memory
@pytest.mark.parametrize("hard", ["a/b; charset=" + "(" * 7000, 'a/b; "' + '"' * 7000, "a/b; charset=" + "(" * 187])
async def test_refuses_content_types_that_are_hard_to_read(api: Api, ann: Person, hard: str) -> None:
    for method, path in (("POST", "/notes"), ("POST", "/users/me/import")):
        answer = await api.ask(method, path, NOTE, ann, Content_Type=hard)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")


@in_memory
@pytest.mark.parametrize("body", [b"", b" ", b"{", b"[]", b'"x"', b"null", b'{"title": "\xff"}', b"[" * 5000, b"\xef"])
@pytest.mark.parametrize("path", ["/notes", "/users", "/users/login"])
async def test_says_what_is_no_json_object(api: Api, ann: Person, path: str, body: bytes) -> None:
    answer = await api.post(path, body, ann)
    assert (answer.status, answer.code) == (400, "not_json")


@in_memory
async def test_takes_a_body_of_one_mebibyte_and_no_more(api: Api, ann: Person) -> None:
    answer = await api.post("/notes", NOTE + b" " * (MAX_BODY - len(NOTE)), ann)
    assert answer.status == 201
    answer = await api.post("/notes", NOTE + b" " * (MAX_BODY - len(NOTE) + 1), ann)
    assert (answer.status, answer.code) == (413, "too_large")


@in_memory
@pytest.mark.parametrize(("length", "status"), [(MAX_BODY, 201), (MAX_BODY + 1, 413)])
async def test_measures_a_body_that_says_no_length(api: Api, ann: Person, length: int, status: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield NOTE
        yield b" " * (length - len(NOTE))

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ann.token}"}
    async with api.client.post("/notes", data=chunks(), headers=headers) as answer:
        assert answer.status == status
        assert answer.content_type == "application/json"


@in_memory
@pytest.mark.parametrize("expect", ["100-continue", "100-Continue", "tea"])
async def test_asks_for_the_body_that_a_client_holds_back(api: Api, ann: Person, expect: str) -> None:
    assert (await api.post("/notes", NOTE, ann, Expect=expect)).status == 201


# --------------------------------------------------------------------------------------------------- paths and methods


@in_memory
@pytest.mark.parametrize("path", ["/", "/nowhere", "/notes/", "/notes/x/y", "/users/x", "/notes//", "/sessions/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PATCH"])
async def test_finds_no_other_paths(api: Api, method: str, path: str) -> None:
    answer = await api.ask(method, path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert "an id in it has 13 characters, like 0SAJWHS03CF2T" in answer.content["message"]


@in_memory
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/notes", "GET, HEAD, OPTIONS, POST, PUT"),
        ("DELETE", "/notes", "GET, HEAD, OPTIONS, POST, PUT"),
        ("PATCH", "/users", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("GET", "/users/login", "OPTIONS, POST"),
        ("POST", "/notes/0SAJWHS03CF2T", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("DELETE", "/notes/20261123-a-note", "GET, HEAD, OPTIONS"),
        ("POST", "/liveness", "GET, HEAD, OPTIONS"),
        ("PURGE", "/info", "GET, HEAD, OPTIONS"),
    ],
)
async def test_names_the_allowed_methods(api: Api, method: str, path: str, allowed: str) -> None:
    answer = await api.ask(method, path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


@in_memory
async def test_answers_head_like_get_without_a_body(api: Api, ann: Person) -> None:
    note = await api.note(ann)
    get, head = [await api.ask(method, f"/notes/{note['id']}") for method in ("GET", "HEAD")]
    assert (head.status, head.content) == (200, None)
    assert {**head.headers, "X-Request-ID": ""} == {**get.headers, "X-Request-ID": ""}
    assert (await api.ask("HEAD", "/notes/0000000000000")).status == 404


@in_memory
async def test_names_the_methods_of_a_path(api: Api) -> None:
    answer = await api.ask("OPTIONS", "/notes/mine")
    assert (answer.status, answer.content, answer.headers["Allow"]) == (204, None, "GET, HEAD, OPTIONS")


@in_memory
@pytest.mark.parametrize("path", ["/notes/mine", "/users/me", "/info", "/notes/0SAJWHS03CF2T", "/sessions"])
async def test_names_unknown_query_parameters(api: Api, ann: Person, path: str) -> None:
    answer = await api.get(f"{path}?zzz=1", ann)
    assert (answer.status, answer.code) == (400, "bad_query")
    assert "'zzz'" in answer.content["message"]


@in_memory
async def test_repeats_only_a_part_of_what_is_wrong(api: Api) -> None:
    answer = await api.get("/notes?" + "z" * 5000 + "=1&%ff%00=2&limit=" + "9" * 900)
    assert answer.status == 400
    assert len(answer.content["message"]) < 500


# ------------------------------------------------------------------------------------------------------- other origins


@in_memory
async def test_lets_scripts_of_any_origin_read_answers(api: Api) -> None:
    for path in ("/stati", "/nowhere", "/users/me"):
        headers = (await api.get(path, Origin="https://a.example")).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Access-Control-Expose-Headers"] == (
            "ETag, Location, Link, Retry-After, X-Request-ID, Idempotency-Replayed, RateLimit, RateLimit-Policy, "
            "X-Search-Truncated"
        )


async def preflight(api: Api, path: str, origin: str = "https://a.example") -> Answer:
    return await api.ask("OPTIONS", path, Origin=origin, Access_Control_Request_Method="PUT")


@in_memory
async def test_answers_a_preflight_for_a_day(api: Api) -> None:
    answer = await preflight(api, "/notes")
    assert (answer.status, answer.content) == (204, None)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST, PUT"
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    for header in ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-ID"):
        assert header in answer.headers["Access-Control-Allow-Headers"]


@in_memory
async def test_lets_only_chosen_origins_read_answers(start: Start) -> None:
    api = await start(cors_origins=("https://a.example", "https://b.example"))
    for origin in ("https://a.example", "https://b.example"):
        for answer in (await api.get("/nowhere", Origin=origin), await preflight(api, "/notes", origin)):
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Vary"] == "Authorization, Origin"
    for answer in (await api.get("/stati", Origin="https://c.example"), await preflight(api, "/notes", "null")):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Authorization, Origin"


@in_memory
@pytest.mark.parametrize("path", ["/stati", "/nowhere", "/users/me"])
async def test_tells_browsers_not_to_guess(api: Api, path: str) -> None:
    headers = (await api.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "spikes"


# ------------------------------------------------------------------------------------------------------ log and errors


async def test_writes_one_access_line_a_request(start: Start) -> None:
    with structlog.testing.capture_logs() as lines:
        api = await start()
        ann = await api.person("Ann")
        del lines[:]
        note = await api.note(ann)
        await api.get(f"/notes/{note['id']}", X_Request_ID="request-1")
    assert [(line["method"], line["route"], line["status"], line["principal"]) for line in lines] == [
        ("POST", "/notes", 201, ann.id),
        ("GET", "/notes/{tsid}", 200, None),
    ]
    line = lines[1]
    assert (line["event"], line["request_id"], line["ms"], line["log_level"]) == ("request", "request-1", 0.0, "info")


async def test_logs_no_texts_no_emails_no_tokens(start: Start) -> None:
    with structlog.testing.capture_logs() as lines:
        api = await start()
        ann = await api.person("Ann")
        note = await api.note(ann, title="Diary", body="Darling")
        await api.post("/users", account("Ann"))
        await api.get(f"/notes/{note['slug']}?diary=darling", ann)
        await api.get("/users", Authorization=f"Bearer {ann.token}x")
        await api.post("/users/login", {"email": ann.email, "password": PASSWORD + "!"})
    written = repr(lines).casefold()
    assert len(lines) == 7
    for secret in ("diary", "darling", "example.org", PASSWORD, ann.token.partition(".")[2]):
        assert secret.casefold() not in written


async def test_says_nothing_of_the_inside_when_it_fails(start: Start) -> None:
    with structlog.testing.capture_logs() as lines:
        api = await start()
        api.journal.reject("query", JournalUnusable("SELECT * FROM /var/lib/secret"))
        answer = await api.get("/notes", X_Request_ID="request-1")
    assert answer.status == 500
    assert answer.content == {
        "message": "an error in the service; the log has it under the request id",
        "code": "internal",
        "request_id": "request-1",
    }
    (line,) = [line for line in lines if line["event"] == "unexpected"]
    assert (line["request_id"], type(line["exc_info"])) == ("request-1", JournalUnusable)
