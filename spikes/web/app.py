"""The web application: the routes of the table, each behind the edge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from spikes.actors.port import Entities, Views
from spikes.settings import Settings
from spikes.web.call import Services
from spikes.web.edge import UNMATCHED, Edge
from spikes.web.errors import MAX_BODY
from spikes.web.idempotency import InFlight
from spikes.web.passwords import Passwords
from spikes.web.routes import PATTERNS, ROUTES, Route
from spikes.web.sources import Sources
from spikes.web.state import ServiceState

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(
    entities: Entities,
    views: Views,
    settings: Settings,
    state: ServiceState,
    sources: Sources | None = None,
    passwords: Passwords | None = None,
) -> web.Application:
    """Return the public API over running entities. Its cleanup ends the threads that hash passwords."""
    passwords = passwords or Passwords()
    sources = sources or Sources.of_this_machine()
    edge = Edge(Services(entities, views, settings, state, sources, passwords, InFlight()))
    app = web.Application(client_max_size=MAX_BODY)
    for route in ROUTES:
        serve = _endpoint(edge, route)
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, _pattern(route.path), serve)
    app.router.add_route(UNMATCHED.method, "/{path:[\\s\\S]*}", _endpoint(edge, UNMATCHED))

    async def end(_: web.Application) -> None:
        passwords.close()

    app.on_cleanup.append(end)
    return app


def _endpoint(edge: Edge, route: Route) -> Serve:
    async def serve(request: web.Request) -> web.StreamResponse:
        return await edge.serve(request, route)

    return serve


def _pattern(path: str) -> str:
    for name, pattern in PATTERNS.items():
        path = path.replace(f"{{{name}}}", f"{{{name}:{pattern}}}")
    return path
