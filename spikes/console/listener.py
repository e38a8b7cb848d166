"""The management listener: probes, metrics and the console as one application, on a port of its own."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from spikes.console.console import Console
from spikes.console.guard import Guard, in_plain_text
from spikes.console.headers import secure
from spikes.console.inside import Inside
from spikes.console.page import Role
from spikes.console.peers import Peers
from spikes.console.probes import Probes
from spikes.console.routes import QUESTIONS, ROUTES
from spikes.console.scraping import Scraping

STATIC = Path(__file__).parent / "static"
"""Scripts and styles: ours, and in `vendor/` others', as `vendor/vendored.json` records them."""

MAX_BODY = 64 * 1024
"""The longest form, in bytes."""


def make_management_app(inside: Inside, directory: str | None = None) -> web.Application:
    """Return what is served on SPIKES_ADMIN_HOST and SPIKES_ADMIN_PORT.

    `directory` is where workers of one supervisor find each other; without it this process is the only one.
    """
    app = web.Application(client_max_size=MAX_BODY)
    app.on_response_prepare.append(secure)
    peers, guard = Peers(inside, QUESTIONS, directory), Guard(inside.settings)
    app.cleanup_ctx.extend((inside.watch.running, peers.serving))
    app.router.add_static("/static/", STATIC)
    probes = Probes(peers, inside.settings.ask_timeout)
    for path, probe in (("/livez", probes.livez), ("/readyz", probes.readyz), ("/startupz", probes.startupz)):
        app.router.add_get(path, guard.admits(Role.ANYBODY, probe))
    app.router.add_get("/metrics", in_plain_text(guard.admits(Role.VIEWER, Scraping(peers).metrics, machine=True)))
    Console(app, inside, peers, guard).add(ROUTES)
    return app
