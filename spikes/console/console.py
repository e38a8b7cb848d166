"""The frame of the console: from a request to a page as HTML, as JSON or as a stream, and what is said without one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from spikes.console import rendering
from spikes.console.guard import CHALLENGE, Guard, Refusal, Serve
from spikes.console.inside import Inside
from spikes.console.login import NOT_PRIVATE, Login
from spikes.console.page import BadRequest, Download, NotThere, Page, PageContext, Redirect, Role, Route
from spikes.console.peers import Peers
from spikes.console.snapshot import Verdict, verdict_of
from spikes.journal.errors import JournalError

log = structlog.get_logger("spikes.console")

LONGEST_STREAM = 900.0
"""Seconds after which a stream ends; the browser asks for it anew, and so shows that its login is still good."""

Problem = tuple[int, str, str]
"""A status, a title, and what is wrong."""


class Console:
    """Serves pages."""

    def __init__(self, app: web.Application, inside: Inside, peers: Peers, guard: Guard) -> None:
        self._app = app
        self._inside = inside
        self._peers = peers
        self._guard = guard
        self._templates = rendering.set_up(app)
        self._labels: list[tuple[str, str]] = []
        self._login = Login(guard)
        self._draining = asyncio.Event()
        inside.state.when_draining(self._draining.set)

    def add(self, routes: Sequence[Route]) -> None:
        """Serve routes of the table; whatever else is asked for is not there."""
        self._labels = [(route.path, route.label) for route in routes if route.label]
        for route in routes:
            self._add(route, self._serving(route))
        for route, serve in ((LOGIN, self._login.login), (LOGOUT, self._login.logout), (FORM, self._form)):
            self._add(route, serve)
        self._add(UNMATCHED, self._serving(UNMATCHED))

    def _add(self, route: Route, serve: Serve) -> None:
        self._app.router.add_route(route.method, route.path, self._answering(route, serve))

    def _serving(self, route: Route) -> Serve:
        async def serve(request: web.Request) -> web.StreamResponse:
            context = await self._context(request)
            if request.query.get("format") == "live" and route.every is not None:
                return await self._stream(request, route, context, route.every)
            return await self._reply(request, context, await route.handler(context), route.every)

        return serve

    def _answering(self, route: Route, serve: Serve) -> Serve:
        """Return `serve` behind the guard, with a page for whatever goes wrong."""
        guarded = self._guard.admits(route.role, serve)

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await guarded(request)
            except (Refusal, BadRequest, NotThere, JournalError, web.HTTPRequestEntityTooLarge) as problem:
                return await self._refused(request, problem_of(problem))
            except Exception:
                log.exception("console_failed", route=route.name)
                return await self._refused(request, (500, "Error", "an error in the console; the log has it"))

        return answer

    async def _context(self, request: web.Request) -> PageContext:
        form = await request.post() if request.method == "POST" else {}
        return PageContext(
            inside=self._inside,
            peers=self._peers,
            role=self._guard.role_of(request),
            url=request.path,
            path=dict(request.match_info),
            query=dict(request.query),
            form={name: value for name, value in form.items() if isinstance(value, str)},
            client=self._guard.client(request),
        )

    async def _reply(
        self, request: web.Request, context: PageContext, result: Page | Redirect | Download, every: float | None = None
    ) -> web.Response:
        match result:
            case Redirect(url):
                return web.Response(status=303, headers={"Location": url})
            case Download(name, body, media_type):
                disposition = f'attachment; filename="{name}"'
                return web.Response(body=body, content_type=media_type, headers={"Content-Disposition": disposition})
            case Page() if request.query.get("format") == "json":
                return web.Response(body=as_json(result.data), status=result.status, content_type="application/json")
            case Page():
                live = None if every is None else str(request.rel_url.update_query(format="live"))
                values = await self._values(context, result, live)
                text = rendering.whole(self._templates, result.template, values)
                return web.Response(text=text, status=result.status, content_type="text/html")

    async def _values(self, context: PageContext, page: Page, live: str | None = None) -> Mapping[str, Any]:
        """Return what templates may use; `live` is where the page's live part is to be had."""
        return {
            "context": context,
            "data": page.data,
            "title": page.title,
            "verdict": None if context.role is Role.ANYBODY else await self._verdict(),
            "live": live,
            "labels": self._labels,
            "operator": context.role is Role.OPERATOR,
            "login": self._guard.asks_for_login,
            "now": time.time(),
        }

    async def _verdict(self) -> Verdict:
        return verdict_of(await self._peers.ask("snapshot"), self._inside)

    async def _stream(
        self, request: web.Request, route: Route, context: PageContext, every: float
    ) -> web.StreamResponse:
        """Send the verdict and the live part of a page again and again, until the client or this process ends."""
        response = EventSourceResponse()
        await response.prepare(request)
        try:
            async with response:
                over = time.monotonic() + LONGEST_STREAM
                while not self._draining.is_set() and time.monotonic() < over:
                    await self._send(response, route, context)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._draining.wait(), every)
        except ConnectionError:
            log.debug("console_stream_left", route=route.name)
        return response

    async def _send(self, response: EventSourceResponse, route: Route, context: PageContext) -> None:
        page = await route.handler(context)
        if isinstance(page, Page):
            values = await self._values(context, page)
            await response.send(rendering.block(self._templates, "base.html", "verdict", values), event="verdict")
            await response.send(rendering.block(self._templates, page.template, "live", values), event="live")

    async def _refused(self, request: web.Request, problem: Problem) -> web.Response:
        status, title, message = problem
        if request.query.get("format") == "json" or "Authorization" in request.headers:
            response = web.Response(body=as_json({"message": message}), status=status, content_type="application/json")
        elif status == 401 and self._guard.asks_for_login:
            response = await self._login_page(request, message, status)
        else:
            context = PageContext(inside=self._inside, peers=self._peers, role=self._guard.role_of(request), url="")
            response = await self._reply(request, context, Page("refused.html", {"message": message}, title, status))
        if status == 401:
            response.headers["WWW-Authenticate"] = CHALLENGE
        return response

    async def _form(self, request: web.Request) -> web.StreamResponse:
        return await self._login_page(request, "", 200)

    async def _login_page(self, request: web.Request, message: str, status: int) -> web.Response:
        """Return the form for a token; where it must not be sent from, the reason instead."""
        private = self._guard.is_private(request)
        data = {
            "form": private,
            "attempted": request.method == "POST",
            "message": message if private else NOT_PRIVATE,
            "to": request.path_qs if request.method == "GET" else "/",
        }
        context = PageContext(inside=self._inside, peers=self._peers, role=Role.ANYBODY, url=request.path)
        return await self._reply(request, context, Page("login.html", data, "Log in", status))


def problem_of(problem: Exception) -> Problem:
    """Return what to say of it."""
    match problem:
        case Refusal():
            return problem.status, "Not allowed", str(problem)
        case BadRequest():
            return 400, "Wrong request", str(problem)
        case NotThere():
            return 404, "Not found", str(problem)
        case JournalError():
            return 503, "The journal does not answer", f"the journal can't be read at the moment: {problem}"
        case _:
            return 413, "Too large", "the form is too large"


def as_json(data: Any) -> bytes:
    """Return a page's data as JSON, indented: it is read by people too."""
    return msgspec.json.format(msgspec.json.encode(data, enc_hook=str), indent=2) + b"\n"


async def unmatched(context: PageContext) -> Page:
    """Answer what no route serves."""
    raise NotThere(f"there is no page {context.url[:100]}")


LOGIN = Route("POST", "/login", unmatched, Role.ANYBODY)
LOGOUT = Route("POST", "/logout", unmatched, Role.ANYBODY)
FORM = Route("GET", "/login", unmatched, Role.ANYBODY)
UNMATCHED = Route("*", "/{path:[\\s\\S]*}", unmatched, Role.VIEWER)
