"""Traces by OpenTelemetry: each request is one, from HTTP through its commands and their appends to the reply.

Off unless the environment says where traces go, in OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and
the like). A `traceparent` header (W3C Trace Context) is honoured in any case: it goes into the metadata of the events,
where it leads from an event to the trace in which it happened.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from spikes import __version__
from spikes.settings import SettingError

if TYPE_CHECKING:  # the extra `otel`; without it, and where traces are off, nothing of it is imported
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import Attributes

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTER = "OTEL_TRACES_EXPORTER"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
DISABLED = "OTEL_SDK_DISABLED"

LAST_SPANS = 1.0
"""Seconds that are waited at the end for the last spans to be sent."""

_is_traceparent = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def traceparent_of(headers: Mapping[str, str]) -> str | None:
    """Return the `traceparent` of a request, None if it has none or one that is not of version 00 of the format."""
    given = headers.get("traceparent")
    return given if given is not None and _is_traceparent(given) else None


class Step:
    """One span, from its beginning to `end`. `traceparent` is what its children have as their parent."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def end(self, *, failed: bool = False, **attributes: str | int) -> None:
        """End it; `failed` is a fault of the service."""
        self._span.set_attributes(attributes)
        if failed:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Tracing:
    """The spans of one process, while traces are on."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer: Tracer = provider.get_tracer("spikes", __version__)
        self._read = TraceContextTextMapPropagator().extract

    def request(self, method: str, route: str, request_id: str, parent: str | None) -> Step:
        """Begin the span of a request."""
        attributes: Attributes = {"http.request.method": method, "http.route": route, "spikes.request_id": request_id}
        return self._begin(f"{method} {route}", parent, attributes, server=True)

    def command(self, persistence_id: str, command: object, parent: str | None) -> Step:
        """Begin the span of a command, from asking the entity to its answer."""
        return self._begin(f"command {type(command).__name__}", parent, {"spikes.persistence_id": persistence_id})

    def append(self, persistence_id: str, plugin: str, events: int, parent: str | None) -> Step:
        """Begin the span of an append."""
        attributes: Attributes = {"db.system": plugin, "spikes.persistence_id": persistence_id, "spikes.events": events}
        return self._begin("append", parent, attributes)

    def reply(self, parent: str | None) -> Step:
        """Begin the span of a reply being made, or, of a stream, sent."""
        return self._begin("reply", parent, {})

    def _begin(self, name: str, parent: str | None, attributes: Attributes, *, server: bool = False) -> Step:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        context = self._read({"traceparent": parent}, Context()) if parent else Context()
        kind = SpanKind.SERVER if server else SpanKind.INTERNAL
        return Step(self._tracer.start_span(name, context, kind, attributes))

    async def close(self) -> None:
        """Send the last spans, if that takes no longer than `LAST_SPANS`."""
        ending = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, LAST_SPANS)


now: Tracing | None = None
"""What makes spans; None while traces are off."""


def set_up(environ: Mapping[str, str] | None = None) -> None:
    """Turn traces on if the environment wants them. Raises SettingError if it wants what can't be."""
    global now
    environ = os.environ if environ is None else environ
    now = Tracing(_provider(environ)) if wanted(environ) else None


def wanted(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment says where traces go."""
    if environ.get(DISABLED, "").lower() == "true" or environ.get(EXPORTER) == "none":
        return False
    return any(environ.get(name) for name in (*ENDPOINTS, EXPORTER))


def _provider(environ: Mapping[str, str]) -> TracerProvider:
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        raise SettingError("the OTEL_ variables ask for traces, which need: pip install 'spikes[otel]'") from None
    known = {"service.version": __version__}
    if "OTEL_SERVICE_NAME" not in environ:
        known["service.name"] = "spikes"
    provider = TracerProvider(resource=Resource.create(known), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(environ)))
    return provider


def _exporter(environ: Mapping[str, str]) -> SpanExporter:
    exporter = environ.get(EXPORTER) or "otlp"
    if exporter == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    if exporter != "otlp":
        raise SettingError(f"{EXPORTER}={exporter!r} is wrong: it must be one of otlp, console, none")
    for name in PROTOCOLS:
        if environ.get(name, "http/protobuf") != "http/protobuf":
            raise SettingError(f"{name}={environ[name]!r} is wrong: it must be http/protobuf")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
