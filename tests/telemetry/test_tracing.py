"""Traces: one from the request to the reply, by OpenTelemetry; and a traceparent that leads there from each event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spikes.journal.port import Metadata
from spikes.settings import SettingError
from spikes.telemetry import tracing
from spikes.telemetry.tracing import Tracing, set_up, traceparent_of, wanted
from tests.processes import SPIKES, running
from tests.storm import spikes
from tests.web.conftest import Api, Person, ann, api, start

__all__ = ["ann", "api", "start"]

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
NOTE = {"title": "A note", "body": "Text"}
ACCOUNT = {"name": "Ada", "email": "ada@example.com", "password": "Analytic-1", "born": "1990-12-10"}


class Spans:
    """The spans that have ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def of_trace(self) -> dict[str, ReadableSpan]:
        """Return those of the trace that the tests begin, by name."""
        ended = self._exporter.get_finished_spans()
        return {span.name: span for span in ended if span.context and f"{span.context.trace_id:032x}" == TRACE}


@pytest.fixture
def url() -> str:
    return "memory:"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Traces turned on, with the spans kept here."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "now", Tracing(provider))
    yield Spans(exporter)
    provider.shutdown()


def id_of(span: ReadableSpan) -> str:
    assert span.context
    return f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str:
    assert span.parent
    return f"{span.parent.span_id:016x}"


async def traceparents(api: Api, note_id: str) -> list[str | None]:
    return [event.metadata.traceparent for event in await api.journal.events(f"note|{note_id}")]


async def test_a_request_is_one_trace_down_to_its_append(api: Api, ann: Person, spans: Spans) -> None:
    answer = await api.post("/notes", NOTE, ann, traceparent=TRACEPARENT)
    found = spans.of_trace()
    request, command = found["POST /notes"], found["command CreateNote"]
    assert parent_of(request) == CALLER
    assert parent_of(command) == parent_of(found["reply"]) == id_of(request)
    assert parent_of(found["append"]) == id_of(command)
    assert request.attributes
    assert request.attributes["http.response.status_code"] == answer.status == 201


async def test_an_event_leads_to_its_trace(api: Api, ann: Person, spans: Spans) -> None:
    note = (await api.post("/notes", NOTE, ann, traceparent=TRACEPARENT)).content
    command = spans.of_trace()["command CreateNote"]
    assert await traceparents(api, note["id"]) == [f"00-{TRACE}-{id_of(command)}-01"]


async def test_a_request_within_a_batch_belongs_to_it(api: Api, ann: Person, spans: Spans) -> None:
    await api.post("/batch", [{"method": "GET", "path": "/notes/mine"}], ann, traceparent=TRACEPARENT)
    found = spans.of_trace()
    assert parent_of(found["GET /notes/mine"]) == id_of(found["POST /batch"])


async def test_a_fault_of_the_service_is_marked(api: Api, ann: Person, spans: Spans) -> None:
    api.journal.fail("append")
    await api.post("/notes", NOTE, ann, traceparent=TRACEPARENT)
    failed = {name for name, span in spans.of_trace().items() if not span.status.is_ok}
    assert failed == {"POST /notes", "command CreateNote", "append"}


async def test_a_refusal_is_no_fault(api: Api, ann: Person, spans: Spans) -> None:
    await api.post("/tags", {"title": "taken"}, ann)
    assert (await api.post("/tags", {"title": "taken"}, ann, traceparent=TRACEPARENT)).status == 409
    assert "append" in spans.of_trace()
    assert all(span.status.is_ok for span in spans.of_trace().values())


async def test_nothing_that_users_wrote_is_in_a_trace(api: Api, ann: Person, spans: Spans) -> None:
    await api.post("/notes", {"title": "Diary", "body": "Darling"}, ann, traceparent=TRACEPARENT)
    written = "".join(span.to_json() for span in spans.of_trace().values())
    assert "append" in written
    for text in ("Diary", "Darling", "example.org"):
        assert text not in written


async def test_without_tracing_the_callers_span_is_kept(api: Api, ann: Person) -> None:
    assert tracing.now is None
    note = (await api.post("/notes", NOTE, ann, traceparent=TRACEPARENT)).content
    assert await traceparents(api, note["id"]) == [TRACEPARENT]


def test_releases_pass_over_what_metadata_they_do_not_know() -> None:
    stored = b'{"time":1,"attempt_id":"a","traceparent":"x","of_a_later_release":[1]}'
    assert msgspec.json.decode(stored, type=Metadata) == Metadata(1, "a", traceparent="x")
    assert msgspec.json.encode(Metadata(1, "a")) == b'{"time":1,"attempt_id":"a"}'


async def test_without_a_traceparent_events_have_none(api: Api, ann: Person) -> None:
    note = (await api.post("/notes", NOTE, ann)).content
    assert await traceparents(api, note["id"]) == [None]


@pytest.mark.parametrize(
    "given",
    ["", "x" * 10_000, TRACEPARENT.upper(), TRACEPARENT + "-x", "01" + TRACEPARENT[2:], f"00-{'0' * 32}-{CALLER}-01"],
)
def test_a_traceparent_of_another_form_is_left_alone(given: str) -> None:
    assert traceparent_of({"traceparent": given}) is None
    assert traceparent_of({"traceparent": TRACEPARENT}) == TRACEPARENT


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "notes"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
    ],
)
def test_traces_are_off_unless_told_where_to_go(environ: dict[str, str], on: bool) -> None:
    assert wanted(environ) is on


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "one of otlp, console, none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_right(variable: str, value: str, right: str) -> None:
    with pytest.raises(SettingError, match=f"{variable}='{value}' is wrong: it must be {right}"):
        set_up({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", variable: value})


@pytest.fixture
async def collector() -> AsyncIterator[tuple[str, asyncio.Queue[ExportTraceServiceRequest]]]:
    """Something that takes traces by OTLP over HTTP: its URL, and what it was sent."""
    sent: asyncio.Queue[ExportTraceServiceRequest] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        sent.put_nowait(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("")).rstrip("/"), sent
    await server.close()


async def test_a_served_request_arrives_at_a_collector(
    tmp_path: Path, collector: tuple[str, asyncio.Queue[ExportTraceServiceRequest]]
) -> None:
    url, sent = collector
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "100", "SPIKES_JOURNAL": "memory:"}
    async with spikes(tmp_path, **environ) as service, aiohttp.ClientSession() as session:
        headers, users = {"traceparent": TRACEPARENT}, f"http://127.0.0.1:{service.port}/users"
        async with session.post(users, json=ACCOUNT, headers=headers) as answer:
            assert answer.status == 201
        names: set[str] = set()
        async with asyncio.timeout(30):
            while not {"POST /users", "append", "reply"} <= names:
                for resource in (await sent.get()).resource_spans:
                    spans = [span for scope in resource.scope_spans for span in scope.spans]
                    names |= {span.name for span in spans if span.trace_id.hex() == TRACE}
    service_name = next(each for each in resource.resource.attributes if each.key == "service.name")
    assert service_name.value.string_value == "spikes"


async def test_a_start_with_a_wrong_variable_says_so(tmp_path: Path) -> None:
    environ = {"SPIKES_DATA_DIR": str(tmp_path), "OTEL_TRACES_EXPORTER": "zipkin"}
    async with running("serve", "--port", "0", module=SPIKES, **environ) as service:
        assert await service.exit_code() == 2
    assert any("OTEL_TRACES_EXPORTER='zipkin' is wrong" in line for line in service.noise)
