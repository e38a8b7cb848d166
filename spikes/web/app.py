"""The web application: the routes of the table, each behind the edge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute

from spikes.actors.port import Entities, Views
from spikes.settings import Settings
from spikes.web.call import Services
from spikes.web.edge import UNMATCHED, Edge, continue_or_ignore
from spikes.web.errors import MAX_BODY
from spikes.web.idempotency import InFlight
from spikes.web.listeners import Listeners
from spikes.web.passwords import Passwords
from spikes.web.recognised import RecognisedTokens
from spikes.web.routes import PATTERNS, ROUTES, Route
from spikes.web.sources import Sources
from spikes.web.state import ServiceState

Application = web.Application

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
    recognised, listeners = RecognisedTokens(views), Listeners(entities.feed)
    state.when_draining(listeners.drain)
    services = Services(entities, views, settings, state, sources, passwords, InFlight(), recognised, listeners)
    served: dict[AbstractRoute, Route] = {}
    edge = Edge(services, served)
    app = web.Application(client_max_size=MAX_BODY)
    for path, routes in _by_path().items():
        resource = app.router.add_resource(path)
        for route in routes:
            served |= dict.fromkeys(_add(resource, route, edge), route)
    _add(app.router.add_resource("/{path:[\\s\\S]*}"), UNMATCHED, edge)

    async def end(_: web.Application) -> None:
        passwords.close()

    app.on_cleanup.append(end)
    return app


def _by_path() -> dict[str, list[Route]]:
    """Return the routes of each path together: the router tries paths one after another."""
    paths: dict[str, list[Route]] = {}
    for route in ROUTES:
        paths.setdefault(_pattern(route.path), []).append(route)
    return paths


def _add(resource: web.Resource, route: Route, edge: Edge) -> list[AbstractRoute]:
    serve = _endpoint(edge, route)
    methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
    return [resource.add_route(method, serve, expect_handler=continue_or_ignore) for method in methods]


def _endpoint(edge: Edge, route: Route) -> Serve:
    async def serve(request: web.Request) -> web.StreamResponse:
        return await edge.serve(request, route)

    return serve


def _pattern(path: str) -> str:
    for name, pattern in PATTERNS.items():
        path = path.replace(f"{{{name}}}", f"{{{name}:{pattern}}}")
    return path
