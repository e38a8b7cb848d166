"""The way of every request, in and out: `Edge.serve` is the one function that all of them pass.

request -> request id -> who asks (401) -> not too often (429) -> query parameters (400) -> handler -> reply -> headers
-> access line
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.web_urldispatcher import AbstractRoute

from spikes import telemetry
from spikes.domain.shapes import EXAMPLE_ID
from spikes.telemetry import tracing
from spikes.telemetry.metrics import RequestMeter, known_method
from spikes.telemetry.requests import RequestSeen, milliseconds
from spikes.web.call import Call, Services, Within
from spikes.web.cors import Cors, preflight
from spikes.web.errors import Problem, internal, not_authenticated, problem_of
from spikes.web.limits import RateLimits
from spikes.web.parameters import defaults, read_query
from spikes.web.reply import Reply
from spikes.web.routes import Route
from spikes.web.sessions import authenticate
from spikes.web.tickets import who_listens

CLIENT_CLOSED = 499
"""What stands for the status of a request in its trace when its client had gone before there was one."""

STALLED = 60.0
"""How long a client may take nothing of a streamed answer, in seconds; then it is cut off."""

NO_SUCH_PATH = f"there is no such path; an id in it has 13 characters, like {EXAMPLE_ID}; /docs shows all paths"

_is_request_id = re.compile(r"[A-Za-z0-9_-]{8,64}").fullmatch


class Edge:
    """Everything between HTTP and the handlers."""

    def __init__(self, services: Services, served: Mapping[AbstractRoute, Route]) -> None:
        """`served` leads from what the router finds to the routes of the table."""
        self._services = services
        self._served = served
        self._cors = Cors(services.settings.cors_origins)
        self._limits = RateLimits(services.settings)
        self._prefix = services.sources.random(4).hex()
        self._requests = 0
        self._meters: dict[tuple[str, str], RequestMeter] = {}
        self._monotonic = services.sources.monotonic
        self._access: Any = structlog.get_logger("spikes.access").bind()
        self._log: Any = structlog.get_logger("spikes.web")

    async def serve(self, request: web.Request, route: Route) -> web.StreamResponse:
        """Answer one request, whatever happens."""
        started = self._monotonic()
        call = Call(self._services, request, route.path, self._request_id(request))
        call.ask_within = self._within
        step, status = _begin(call), CLIENT_CLOSED
        try:
            reply = await self._answer(call, route)
            status = reply.status
            self._measure(call, reply, self._monotonic() - started)
            response = await self._give(call, reply)
        finally:
            _end(step, status)
        self._note(call, reply, started)
        return response

    async def _give(self, call: Call, reply: Reply) -> web.StreamResponse:
        """Make the response, and send it if it is a stream."""
        step = tracing.now and tracing.now.reply(call.traceparent)
        response = self._response(call, reply)
        try:
            if reply.stream is not None:
                await self._send(call, response, reply.stream)
        finally:
            if step:
                step.end()
        return response

    async def _within(self, request: web.Request, content: bytes, request_id: str) -> Reply:
        """Answer a request that came within another one: by the same way, but nothing is sent."""
        started = self._monotonic()
        match = await request.app.router.resolve(request)
        route = self._served.get(match.route, UNMATCHED)
        call = Call(self._services, request, route.path, request_id, Within(content, match))
        step, status = _begin(call), CLIENT_CLOSED
        try:
            reply = await self._answer(call, route)
            status = reply.status
        finally:
            _end(step, status)
        self._measure(call, reply, self._monotonic() - started)
        self._note(call, reply, started)
        return Reply(reply.status, reply.body, (("X-Request-ID", request_id), *call.rate, *reply.headers))

    async def _answer(self, call: Call, route: Route) -> Reply:
        try:
            return await self._reply(call, route)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return self._problem(call, error).reply(call.request_id)

    def _measure(self, call: Call, reply: Reply, seconds: float) -> None:
        """Count a request; a streamed answer counts as given when it begins, as it may go on for hours."""
        method = known_method(call.request.method)
        meter = self._meters.get((method, call.route))
        if meter is None:
            meter = self._meters[method, call.route] = RequestMeter(method, call.route)
        meter.note(reply.status, seconds)
        now = milliseconds()
        telemetry.here.requests.note(
            RequestSeen(call.request_id, now, method, call.route, reply.status, seconds * 1000, call.user_id)
        )

    def _note(self, call: Call, reply: Reply, started: float) -> None:
        self._access.info(
            "request",
            method=call.request.method,
            route=call.route,
            status=reply.status,
            ms=round((self._monotonic() - started) * 1000, 2),
            request_id=call.request_id,
            principal=call.user_id,
        )

    async def _reply(self, call: Call, route: Route) -> Reply:
        try:
            by_ticket = route.ticket and call.within is None
            call.principal = await (who_listens(call) if by_ticket else authenticate(call))
        finally:  # who shows a bad token is counted by address, so that nobody tries many
            call.rate = self._limits.count(call)
        if call.principal is None and not route.open:
            raise not_authenticated(given=False)
        if route.alone and call.within is not None:
            raise Problem(400, "not_in_batch", f"{route.name} can't be asked for within a batch")
        asked = "?" in call.request.raw_path and route is not UNMATCHED
        call.query = read_query(route.parameters, call.request.query) if asked else defaults(route.parameters)
        return await route.handler(call)

    def _request_id(self, request: web.Request) -> str:
        given = request.headers.get("X-Request-ID")
        if given is not None and _is_request_id(given):
            return given
        self._requests += 1
        return f"{self._prefix}{self._requests:08x}"

    def _problem(self, call: Call, error: Exception) -> Problem:
        problem = problem_of(error)
        if problem is None:
            self._log.error("unexpected", request_id=call.request_id, route=call.route, exc_info=error)
            return internal()
        return problem

    async def _send(self, call: Call, response: web.StreamResponse, stream: AsyncGenerator[bytes, None]) -> None:
        """Send a body piece by piece; where it can't go on, the connection is cut so that the client sees it."""
        async with aclosing(stream):
            try:
                await response.prepare(call.request)
                if call.request.method != "HEAD":
                    async for piece in stream:
                        async with asyncio.timeout(STALLED):
                            await response.write(piece)
                if self._services.state.draining:
                    response.force_close()
                await response.write_eof()
            except ConnectionError:
                return  # the client has gone away
            except Exception as error:  # noqa: BLE001 - the status is out already
                self._log.error("stream_broken", request_id=call.request_id, route=call.route, exc_info=error)
                if call.request.transport is not None:
                    call.request.transport.abort()

    def _response(self, call: Call, reply: Reply) -> web.StreamResponse:
        response: web.StreamResponse
        if reply.stream is None:
            response = web.Response(status=reply.status, body=reply.body or None, headers=self._cors.headers)
        else:
            response = web.StreamResponse(status=reply.status, headers=self._cors.headers)
        headers = response.headers
        headers["X-Request-ID"] = call.request_id
        if reply.body:
            headers["Content-Type"] = "application/json"
        for name, value in (*call.rate, *reply.headers):
            headers[name] = value
        self._cors.apply(headers, call.request.headers.get("Origin"))
        if self._services.state.draining:
            response.force_close()
        return response


def _begin(call: Call) -> tracing.Step | None:
    """Make a request one span, under which all that it leads to stands, if traces are on."""
    if tracing.now is None:
        return None
    step = tracing.now.request(known_method(call.request.method), call.route, call.request_id, call.traceparent)
    call.traceparent = step.traceparent
    return step


def _end(step: tracing.Step | None, status: int) -> None:
    if step is not None:
        step.end(failed=status >= 500, **{"http.response.status_code": status})


async def continue_or_ignore(request: web.Request) -> None:
    """Tell a client that waits for it to send its body; any other expectation is ignored, as RFC 9110 allows."""
    if request.headers["Expect"].lower() == "100-continue" and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def unmatched(call: Call) -> Reply:
    """Answer what no route serves: OPTIONS of a path that exists, else 405 or 404."""
    methods = await _methods(call.request)
    if not methods:
        raise Problem(404, "not_found", NO_SUCH_PATH)
    if call.request.method != "OPTIONS":
        raise Problem(405, "method_not_allowed", f"the methods here are {methods}", (("Allow", methods),))
    if call.header("Access-Control-Request-Method") is None:
        return Reply(204, headers=(("Allow", methods),))
    return Reply(204, headers=preflight(methods))


UNMATCHED = Route("*", "/{path}", unmatched, open=True)


async def _methods(request: web.Request) -> str:
    found: set[str] = set()
    for resource in request.app.router.resources():
        found |= (await resource.resolve(request))[1]
    found.discard("*")
    return ", ".join(sorted(found | {"OPTIONS"})) if found else ""
