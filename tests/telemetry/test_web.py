"""What the edge tells: requests by route, what nobody expected, and all of one request by its id."""

from __future__ import annotations

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from spikes.journal.errors import JournalUnusable
from spikes.telemetry import Telemetry, metrics
from spikes.telemetry.lines import notice
from tests.telemetry.conftest import Grown
from tests.web.conftest import Api, Person, ann, api, start

__all__ = ["ann", "api", "start"]

NOTE = {"title": "Nobody's business", "body": "What I think of ann@example.org"}


@pytest.fixture
def url() -> str:
    return "memory:"


async def test_requests_are_counted_by_route_and_status(api: Api, ann: Person, grown: Grown) -> None:
    labels = {"method": "GET", "route": "/notes/{tsid}", "status": "404"}
    grown("spikes_http_requests_total", **labels)
    grown("spikes_http_request_seconds_count", method="GET", route="/notes/{tsid}")
    await api.get("/notes/0SAJWHS03CF2T", ann)
    await api.get("/notes/0SAJWHS03CF2V", ann)
    assert grown("spikes_http_requests_total", **labels) == 2
    assert grown("spikes_http_request_seconds_count", method="GET", route="/notes/{tsid}") == 2


async def test_no_id_becomes_a_label(api: Api, ann: Person) -> None:
    note = (await api.post("/notes", NOTE, ann)).content
    await api.get(f"/notes/{note['id']}", ann)
    await api.get(f"/no/such/path/{note['id']}")
    assert note["id"].encode() not in metrics.exposition()
    assert ann.id.encode() not in metrics.exposition()


async def test_requests_of_a_batch_are_counted_too(api: Api, ann: Person, grown: Grown) -> None:
    labels = {"method": "GET", "route": "/notes/mine", "status": "200"}
    grown("spikes_http_requests_total", **labels)
    await api.post("/batch", [{"method": "GET", "path": "/notes/mine"}] * 3, ann)
    assert grown("spikes_http_requests_total", **labels) == 3


async def test_a_stream_counts_when_it_begins(api: Api, ann: Person, grown: Grown) -> None:
    labels = {"method": "GET", "route": "/feed"}
    grown("spikes_http_request_seconds_count", **labels)
    headers = {"Authorization": f"Bearer {ann.token}"}
    async with api.client.get("/feed", headers=headers) as response:
        await response.content.readline()
        assert metrics.sample("spikes_feed_clients") == 1
        assert grown("spikes_http_request_seconds_count", **labels) == 1


async def test_a_request_is_found_by_its_id(api: Api, ann: Person, here: Telemetry) -> None:
    answer = await api.post("/notes", NOTE, ann, X_Request_ID="of-this-test")
    found = here.requests.find("of-this-test")
    assert found is not None
    (request,) = found.requests
    assert (request.method, request.route, request.status, request.principal) == ("POST", "/notes", 201, ann.id)
    written = next(command for command in found.commands if command.persistence_id.startswith("note|"))
    assert (written.persistence_id, written.outcome) == (f"note|{answer.content['id']}", "ok")
    assert [event.type.partition("@")[0] for event in found.events] == ["note-created"]


async def test_nothing_that_users_wrote_is_kept(api: Api, ann: Person, here: Telemetry) -> None:
    await api.post("/notes", NOTE, ann, X_Request_ID="of-this-test")
    api.journal.fail("append")
    await api.post("/notes", NOTE, ann, X_Request_ID="of-this-test")
    kept = msgspec.json.encode([here.requests.find("of-this-test"), here.errors.groups(), here.history.series()])
    assert b"failed_command" in kept
    for text in ("Nobody's business", "What I think", "ann@example.org"):
        assert text.encode() not in kept


async def test_what_nobody_expected_is_in_the_inbox(api: Api, ann: Person, here: Telemetry) -> None:
    api.journal.reject("query", JournalUnusable("ann@example.org wrote a secret"))
    with capture_logs(processors=[structlog.processors.add_log_level, noticed]):
        await api.get("/notes/mine", ann, X_Request_ID="of-this-test")
    (group,) = here.errors.groups()
    assert group.kind == "unexpected"
    assert group.summary.startswith("unexpected: JournalUnusable at ")
    assert (group.sample["request_id"], group.sample["route"]) == ("of-this-test", "/notes/mine")
    found = here.requests.find("of-this-test")
    assert found is not None
    assert [(line.level, line.event) for line in found.lines] == [("error", "unexpected")]
    assert b"secret" not in msgspec.json.encode([found, group])


def test_lines_of_no_request_are_not_kept(here: Telemetry) -> None:
    notice({"level": "info", "event": "ready", "pid": 7})
    notice({"level": "info", "event": "request", "request_id": "r1"})
    assert len(here.requests) == 0


def test_lines_of_a_request_are_kept_in_short(here: Telemetry) -> None:
    notice({"level": "warning", "event": "odd", "request_id": "r1", "who": "bob@example.org", "long": "x" * 1000})
    found = here.requests.find("r1")
    assert found is not None
    assert found.lines[0].fields == {"who": "[hidden]", "long": "x" * 200}


def noticed(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    notice(line)
    return line
