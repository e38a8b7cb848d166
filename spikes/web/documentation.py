"""The documentation: /openapi.json, and /docs, which shows it with Swagger UI from this very service."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from pathlib import Path

import msgspec

from spikes.web.call import Call
from spikes.web.conditions import is_known
from spikes.web.errors import not_found
from spikes.web.openapi import document
from spikes.web.reply import Headers, Reply
from spikes.web.route import Route

ASSETS = Path(__file__).parent / "assets"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
}
FILES = {
    "docs.css": ASSETS / "docs.css",
    "docs.js": ASSETS / "docs.js",
    "favicon-32x32.png": ASSETS / "swagger-ui" / "favicon-32x32.png",
    "swagger-ui-bundle.js": ASSETS / "swagger-ui" / "swagger-ui-bundle.js",
    "swagger-ui.css": ASSETS / "swagger-ui" / "swagger-ui.css",
}
"""What /docs/{asset} serves, and nothing else."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: load from here, ask this service, nothing inline."""

Handler = Callable[[Call], Awaitable[Reply]]


def described(routes: Callable[[], Iterable[Route]]) -> Handler:
    """Return the handler of GET /openapi.json; `routes` are asked for at the first request."""

    @cache
    def content(version: str) -> Reply:
        body = msgspec.json.encode(document(routes(), version))
        return _file(body, "application/json")

    async def openapi(call: Call) -> Reply:
        """GET /openapi.json: the API in OpenAPI 3.1."""
        return _unless_known(call, content(call.services.state.version))

    return openapi


async def page(call: Call) -> Reply:
    """GET /docs: the API to read and to try."""
    return _unless_known(call, _asset(ASSETS / "docs.html"))


async def asset(call: Call) -> Reply:
    """GET /docs/{asset}: a file that the page is made of."""
    path = FILES.get(call.in_path("asset"))
    if path is None:
        raise not_found("file")
    return _unless_known(call, _asset(path))


@cache
def _asset(path: Path) -> Reply:
    more: Headers = (("Content-Security-Policy", POLICY),) if path.suffix == ".html" else ()
    return _file(path.read_bytes(), MEDIA_TYPES[path.suffix], more)


def _file(body: bytes, media_type: str, more: Headers = ()) -> Reply:
    tag = f'"{hashlib.blake2s(body, digest_size=12).hexdigest()}"'
    return Reply(200, body, (("Content-Type", media_type), ("ETag", tag), ("Cache-Control", "no-cache"), *more))


def _unless_known(call: Call, reply: Reply) -> Reply:
    """Return a 304 if the browser has it already."""
    headers = dict(reply.headers)
    return Reply(304, headers=reply.headers) if is_known(call.header("If-None-Match"), headers["ETag"]) else reply
