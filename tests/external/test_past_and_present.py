"""History, undo, the trash, the live feed, export and import."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.external.client import Client, Person, covers
from tests.external.conftest import Write, person


@covers("GET /notes/{tsid}/history")
def test_history_tells_what_changed(client: Client, ann: Person, write: Write) -> None:
    note = write(body="Before")
    client.ask("PUT", "/notes", {**note, "body": "After"}, ann)
    newest, first = client.ask("GET", f"/notes/{note['id']}/history", who=ann).content
    assert (newest["version"], newest["who"], newest["changes"]["body"]) == (2, ann.id, ["Before", "After"])
    assert first["version"] == 1


@covers("POST /notes/{tsid}/undo", "POST /notes/{tsid}/redo", "POST /notes/{tsid}/restore")
def test_changes_are_undone_and_done_again(client: Client, ann: Person, write: Write) -> None:
    note = write(body="Before")
    path = f"/notes/{note['id']}"
    assert client.ask("POST", f"{path}/undo", {}, ann).status == 409
    client.ask("PUT", "/notes", {**note, "body": "After"}, ann)
    assert client.ask("POST", f"{path}/undo", {}, ann).content["body"] == "Before"
    assert client.ask("POST", f"{path}/redo", {}, ann).content["body"] == "After"
    assert client.ask("POST", f"{path}/restore", {"version": 1}, ann).content["body"] == "Before"


@covers("GET /notes/trash", "POST /notes/{tsid}/restore")
def test_a_note_comes_out_of_the_trash(client: Client, ann: Person, write: Write) -> None:
    note = write()
    client.ask("DELETE", f"/notes/{note['id']}", who=ann)
    assert note["id"] in [each["id"] for each in client.ask("GET", "/notes/trash", who=ann).content]
    assert client.ask("POST", f"/notes/{note['id']}/restore", {}, ann).content["trashed"] is None
    assert client.ask("GET", f"/notes/{note['id']}", who=ann).status == 200


@covers("POST /feed/ticket", "GET /feed")
def test_the_feed_tells_what_happens(client: Client, ann: Person, write: Write) -> None:
    ticket = client.ask("POST", "/feed/ticket", who=ann)
    assert (ticket.status, ticket.content["expiresIn"]) == (201, 60)
    path = f"/feed?ticket={ticket.content['ticket']}"
    connection, stream = client.open(path)
    try:
        assert stream.headers.get_content_type() == "text/event-stream"
        note = write()
        assert next(data for data in events(stream) if data["id"] == note["id"])["version"] == 1
    finally:
        stream.close()
        connection.close()
    assert client.ask("GET", path).status == 401, "a ticket is good only once"


def events(stream: Any) -> Any:
    """Yield the data of each event as it comes; the client's time-out ends a stream that says nothing."""
    for line in stream:
        if line.startswith(b"data: {"):
            yield json.loads(line.removeprefix(b"data: "))


@covers("GET /users/me/export", "POST /users/me/import")
def test_what_was_exported_can_be_imported(client: Client, ann: Person, write: Write) -> None:
    note = write(body="To be kept")
    archive = client.ask("GET", "/users/me/export", who=ann)
    assert archive.headers.get_content_type() == "application/zip"
    assert any(note["slug"] in name for name in zipfile.ZipFile(io.BytesIO(archive.content)).namelist())
    somebody = person(client)
    headers = {"Content-Type": "application/zip"}
    assert client.ask("POST", "/users/me/import", archive.content, somebody, headers).status == 200
    mine = client.ask("GET", "/notes/mine?limit=200", who=somebody).content
    assert note["title"] in [each["title"] for each in mine]


@covers("POST /users/me/import")
def test_what_is_no_archive_is_refused(client: Client, ann: Person) -> None:
    assert client.ask("POST", "/users/me/import", b"no zip", ann, {"Content-Type": "application/zip"}).status == 400
