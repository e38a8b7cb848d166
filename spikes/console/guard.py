"""Who may ask for what: tokens, the cookie of a login, the machine itself, and that a form comes from our own page.

One decorator, `Guard.admits`, stands before every route of the management listener.

- *This machine*: where no token is set, whoever asks from a loopback address, by a loopback name, and not through a
  proxy, may look. The name is compared because a web page anywhere can have its own name resolve to 127.0.0.1 (DNS
  rebinding).
- *A token*, as `Authorization: Bearer`, gives its role for one request; typed into the login form it gives a cookie.
- *A form* is taken only from our own pages: `Sec-Fetch-Site` says so, or `Origin` where a browser does not send that.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from spikes.console.page import Role
from spikes.settings import Settings, means_this_machine
from spikes.web.addresses import FORWARDED, ClientAddress, parsed

COOKIE = "__Host-spikes"
"""Browsers take a cookie of such a name only if it is Secure, for this host alone and for all paths (RFC 6265bis)."""

SESSION = 12 * 3600
"""How long a login lasts, in seconds."""

CHALLENGE = 'Bearer realm="spikes console"'

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """The request is not let in: 401 where a token would help, else 403, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guard:
    """Knows the tokens, and from them every role."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._tokens = {
            role: token.encode()
            for role, token in ((Role.OPERATOR, settings.admin_token), (Role.VIEWER, settings.admin_viewer_token))
            if token
        }
        self._address = ClientAddress(settings.trusted_proxies)
        self._now = now

    @property
    def asks_for_login(self) -> bool:
        """Whether there is any token."""
        return bool(self._tokens)

    def admits(self, role: Role, serve: Serve, *, machine: bool = False) -> Serve:
        """Return `serve` behind the check that whoever asks has the role; otherwise Refusal is raised.

        With `machine` the machine itself needs no token, whether one is set or not.
        """

        async def guarded(request: web.Request) -> web.StreamResponse:
            if role is not Role.ANYBODY and not (machine and is_local(request)):
                self._check(request, role)
            if request.method == "POST":
                check_origin(request)
            return await serve(request)

        return guarded

    def _check(self, request: web.Request, needed: Role) -> None:
        role = self.role_of(request)
        if role is Role.ANYBODY:
            raise Refusal(401, self._what_is_missing(request))
        if role < needed:
            raise Refusal(403, f"this is for the {needed.name.lower()}; you are {role.name.lower()}")

    def _what_is_missing(self, request: web.Request) -> str:
        if self._tokens:
            return "log in, or send a token as Authorization: Bearer"
        return (
            "without SPIKES_ADMIN_TOKEN this is shown to the machine itself only: ask from it, for localhost or "
            "127.0.0.1, and not through a proxy"
        )

    def role_of(self, request: web.Request) -> Role:
        """Return who asks."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.role_of_token(token.strip())
        if cookie := request.cookies.get(COOKIE):
            return self._role_of_cookie(cookie)
        return Role.VIEWER if not self._tokens and is_local(request) else Role.ANYBODY

    def role_of_token(self, token: str) -> Role:
        """Return whose token this is, the higher role if both have the same; ANYBODY for a wrong one."""
        given = token.encode("utf-8", "surrogateescape")
        matching = [role for role, right in self._tokens.items() if hmac.compare_digest(given, right)]
        return max(matching, default=Role.ANYBODY)

    def cookie_for(self, role: Role) -> str:
        """Return the value of the cookie: role, end in seconds since the epoch, and a signature by the role's token."""
        content = f"{role.name}.{int(self._now()) + SESSION}"
        return f"{content}.{self._signature(role, content)}"

    def _role_of_cookie(self, cookie: str) -> Role:
        name, _, rest = cookie.partition(".")
        end, _, signature = rest.partition(".")
        role = Role.__members__.get(name, Role.ANYBODY)
        if role not in self._tokens or not (end.isascii() and end.isdecimal() and len(end) < 12):
            return Role.ANYBODY
        right = self._signature(role, f"{name}.{end}")
        good = hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), right.encode())
        return role if good and self._now() < int(end) else Role.ANYBODY

    def _signature(self, role: Role, content: str) -> str:
        """Sign with a key made of the role's token, so that every worker knows it and a new token ends all logins."""
        key = hmac.digest(self._tokens[role], b"spikes console cookie", "sha256")
        return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()

    def client(self, request: web.Request) -> str:
        """Return the address that the request comes from."""
        return self._address.of(request)

    def is_private(self, request: web.Request) -> bool:
        """Tell whether nobody on the way can read what is sent: HTTPS up to a trusted proxy, or this machine itself."""
        if is_local(request):
            return True
        protocol = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        return protocol == "https" and self._address.trusts(request.remote or "")


def in_plain_text(serve: Serve) -> Serve:
    """Return `serve` with refusals answered as a line of text, for programs."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await serve(request)
        except Refusal as refusal:
            headers = {"WWW-Authenticate": CHALLENGE} if refusal.status == 401 else {}
            return web.Response(text=f"{refusal}\n", status=refusal.status, headers=headers)

    return answer


def is_local(request: web.Request) -> bool:
    """Tell whether it is this machine that asks, by a name of its own and not for somebody else."""
    peer = parsed(request.remote or "")
    if peer is None or not peer.is_loopback or FORWARDED in request.headers or "Forwarded" in request.headers:
        return False
    return means_this_machine(urlsplit(f"//{request.host}").hostname or "")


def check_origin(request: web.Request) -> None:
    """Raise Refusal unless the request comes from our own page, or from no browser but with a token of its own."""
    headers = request.headers
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None:
        same = site == "same-origin"
    elif origin is not None:
        same = urlsplit(origin).netloc == request.host
    else:
        same = headers.get("Authorization", "").lower().startswith("bearer ")
    if not same:
        raise Refusal(403, "this form was not sent by the console itself; open the console and try again there")
