"""The headers that every answer carries: for browsers' scripts of other origins, and against browsers' guesses."""

from __future__ import annotations

from collections.abc import Iterable

from multidict import CIMultiDict

from spikes.web.reply import Headers

SECURITY: Headers = (
    ("Server", "spikes"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)

EXPOSED = (
    "ETag, Location, Link, Retry-After, X-Request-ID, Idempotency-Replayed, RateLimit, RateLimit-Policy, "
    "X-Search-Truncated"
)
ACCEPTED = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-ID"
REMEMBERED = 86_400
"""How long a browser may remember what a preflight answered, in seconds (they cut it at two hours or so)."""


class Cors:
    """Which origins may read answers; tokens, not cookies, so any origin is no danger."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)
        self._any = "*" in self._origins
        self.headers = CIMultiDict((*SECURITY, ("Vary", "Authorization" if self._any else "Authorization, Origin")))
        if self._any:
            self._allow(self.headers, "*")

    def apply(self, headers: CIMultiDict[str], origin: str | None) -> None:
        """Add what depends on the origin of the request to `headers`, which start as a copy of this one's."""
        if not self._any and origin in self._origins:
            assert origin is not None
            self._allow(headers, origin)

    @staticmethod
    def _allow(headers: CIMultiDict[str], origin: str) -> None:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED


def preflight(methods: str) -> Headers:
    """Return what a browser wants to know before it sends a request."""
    return (
        ("Access-Control-Allow-Methods", methods),
        ("Access-Control-Allow-Headers", ACCEPTED),
        ("Access-Control-Max-Age", str(REMEMBERED)),
    )
