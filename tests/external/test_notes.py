"""Notes: written, read, changed, listed and thrown away."""

from __future__ import annotations

import re
import secrets
import time
import uuid

import pytest

from tests.external.client import Client, Person, covers
from tests.external.conftest import Write

KEYS = {
    *("id", "owner", "title", "body", "slug", "due", "status", "access", "tags", "comments", "created", "updated"),
    *("version", "trashed"),
}
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@covers("POST /notes", "GET /notes/{tsid}", "GET /notes/{slug}")
def test_a_note_is_written_and_read(client: Client, ann: Person) -> None:
    written = client.ask("POST", "/notes", {"title": f"Über {uuid.uuid4().hex}", "body": "Grüße"}, ann)
    note = written.content
    assert (written.status, written.headers["Location"]) == (201, f"/notes/{note['slug']}")
    assert (note["status"], note["access"], note["version"], note["trashed"]) == ("New", "Public", 1, None)
    assert set(note) == KEYS
    assert TIME.fullmatch(note["created"])
    assert client.ask("GET", f"/notes/{note['id']}").content == note
    assert client.ask("GET", f"/notes/{note['slug']}").content == note


@covers("PUT /notes")
def test_what_was_read_can_be_changed_and_sent_back(client: Client, ann: Person, write: Write) -> None:
    note = write()
    changed = client.ask("PUT", "/notes", {**note, "body": "Changed", "status": "Doing"}, ann)
    assert (changed.status, changed.content["version"], changed.content["body"]) == (200, 2, "Changed")


def test_nobody_sees_or_changes_what_is_not_theirs(client: Client, bob: Person, write: Write) -> None:
    private, public = write(), write(access="Public")
    assert client.ask("GET", f"/notes/{private['id']}", who=bob).status == 404
    assert client.ask("PUT", "/notes", {**private, "owner": bob.id}, bob).status == 404
    assert client.ask("DELETE", f"/notes/{public['id']}", who=bob).status == 403
    assert client.ask("DELETE", f"/notes/{public['id']}").status == 401


def test_an_update_of_what_was_not_seen_is_refused(client: Client, ann: Person, write: Write) -> None:
    note = write()
    seen = client.ask("GET", f"/notes/{note['id']}", who=ann).headers["ETag"]
    known = client.ask("GET", f"/notes/{note['id']}", who=ann, headers={"If-None-Match": seen})
    assert (known.status, known.content) == (304, b"")
    first = client.ask("PUT", "/notes", {**note, "body": "First"}, ann, {"If-Match": seen})
    second = client.ask("PUT", "/notes", {**note, "body": "Second"}, ann, {"If-Match": seen})
    assert (first.status, second.status) == (200, 412)


def test_a_repeat_with_the_same_key_is_not_done_twice(client: Client, ann: Person) -> None:
    key, note = {"Idempotency-Key": uuid.uuid4().hex}, {"title": uuid.uuid4().hex, "body": "Once"}
    first, again = client.ask("POST", "/notes", note, ann, key), client.ask("POST", "/notes", note, ann, key)
    assert (again.status, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert client.ask("POST", "/notes", {**note, "body": "Twice"}, ann, key).status == 422


@covers("PUT /notes/{tsid}")
def test_a_client_gives_a_note_its_id(client: Client, ann: Person, bob: Person, write: Write) -> None:
    drawn = 2**63 + (int(time.time() * 1000) % 2**40 << 22) + secrets.randbits(22)  # of a time yet to come
    note_id = "".join(ALPHABET[drawn >> shift & 31] for shift in range(60, -1, -5))
    path, new = f"/notes/{note_id}", {"If-None-Match": "*"}
    note = {"title": uuid.uuid4().hex, "body": "Offline", "status": "New", "access": "Private"}
    made = client.ask("PUT", path, note, ann, new)
    assert (made.status, made.content["id"], made.headers["Location"]) == (
        201,
        note_id,
        f"/notes/{made.content['slug']}",
    )
    assert client.ask("PUT", path, {**note, "body": "Mine"}, bob, new).status == 412
    changed = client.ask("PUT", path, {**made.content, "body": "Online"}, ann)
    assert (changed.status, changed.content["body"]) == (200, "Online")


@covers("PATCH /notes/{tsid}")
def test_single_fields_are_changed(client: Client, ann: Person, write: Write) -> None:
    path = f"/notes/{write(due='2100-01-01T00:00:00Z', body='Stays')['id']}"
    patch = {"Content-Type": "application/merge-patch+json"}
    changed = client.ask("PATCH", path, {"status": "Doing", "due": None}, ann, patch).content
    assert (changed["status"], changed["due"], changed["body"]) == ("Doing", None, "Stays")
    wrong = client.ask("PATCH", path, {"title": None}, ann, patch)
    assert (wrong.status, [error["field"] for error in wrong.content]) == (400, ["Note.title"])
    assert client.ask("PATCH", path, {"status": "Doing"}, ann).status == 415


@covers("DELETE /notes/{tsid}")
def test_a_note_goes_to_the_trash(client: Client, ann: Person, write: Write) -> None:
    note = write()
    trashed = client.ask("DELETE", f"/notes/{note['id']}", who=ann)
    assert (trashed.status, bool(trashed.content["trashed"])) == (200, True)
    assert client.ask("GET", f"/notes/{note['id']}", who=ann).status == 404


@covers("GET /notes/mine", "GET /notes")
def test_lists_go_on_at_the_link(client: Client, ann: Person, write: Write) -> None:
    wanted = [write(access="Public")["id"] for _ in range(3)][::-1]
    for path in ("/notes/mine", "/notes"):
        first = client.ask("GET", f"{path}?limit=2", who=ann)
        link = re.fullmatch(r'<(.+)>; rel="next"', first.headers["Link"])
        assert link is not None
        rest = client.ask("GET", link[1], who=ann).content
        found = [note["id"] for note in [*first.content, *rest] if note["owner"] == ann.id]
        assert found[:3] == wanted
        assert "comments" not in first.content[0]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x", "unknown=1", "limit=1&limit=2"])
def test_a_wrong_query_is_named(client: Client, ann: Person, query: str) -> None:
    answer = client.ask("GET", f"/notes/mine?{query}", who=ann)
    assert (answer.status, answer.content["code"]) == (400, "bad_query")
    assert query.partition("=")[0] in answer.content["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("title", ""), ("title", "x" * 256), ("body", "x" * 65_537), ("due", "2001-01-01T00:00:00Z")),
        *(("status", "Done"), ("access", "Shared"), ("tags", ["0000000000000"])),
    ],
)
def test_a_wrong_field_is_named(client: Client, ann: Person, field: str, value: object) -> None:
    answer = client.ask("POST", "/notes", {"title": "Title", "body": "Body", field: value}, ann)
    assert answer.status == 400
    assert [error["field"] for error in answer.content] == [f"Note.{field}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", uuid.uuid4().hex.ljust(255, "x")), ("body", "ü" * 32_768), ("due", "2999-01-01T00:00:00.000Z")],
)
def test_the_utmost_is_taken(write: Write, field: str, value: str) -> None:
    assert write(**{field: value})[field] == value


def test_only_json_is_taken(client: Client, ann: Person) -> None:
    assert client.ask("POST", "/notes", b"{", ann).content["code"] == "not_json"
    assert client.ask("POST", "/notes", b"a=b", ann, {"Content-Type": "text/plain"}).status == 415
    assert client.ask("POST", "/notes", b" " * (1024 * 1024 + 1), ann).status == 413
