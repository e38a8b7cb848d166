"""Logging in and out: a token typed into a form becomes a signed cookie."""

from __future__ import annotations

import time

import structlog
from aiohttp import web

from spikes.console.guard import COOKIE, SESSION, Guard, Refusal
from spikes.console.page import Role
from spikes.web.errors import Problem
from spikes.web.limits import Buckets, Policy

ATTEMPTS = Policy("console logins", 10)
"""How often one address may try in a minute, in each process."""

NOT_PRIVATE = (
    "logging in over plain HTTP would show the token to the network; come by HTTPS through a proxy that "
    "SPIKES_TRUSTED_PROXIES names, or from the machine itself: ssh -L 9090:localhost:9090 HOST, or kubectl port-forward"
)

log = structlog.get_logger("spikes.console")


class Login:
    """Takes tokens and gives cookies."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._attempts = Buckets(ATTEMPTS)

    async def login(self, request: web.Request) -> web.Response:
        """POST /login: `token`, and `to`, the page to go to. Raises Refusal."""
        if not self._guard.is_private(request):
            raise Refusal(403, NOT_PRIVATE)
        client = self._guard.client(request)
        self._count(client)
        form = await request.post()
        role = self._guard.role_of_token(str(form.get("token", "")).strip())
        if role is Role.ANYBODY:
            log.warning("console_login_failed", client=client)
            raise Refusal(401, "this is no token of the console; SPIKES_ADMIN_TOKEN and SPIKES_ADMIN_VIEWER_TOKEN are")
        log.info("console_login", client=client, role=role.name.lower())
        response = _to(_own_path(str(form.get("to", ""))))
        value = self._guard.cookie_for(role)
        response.set_cookie(COOKIE, value, max_age=SESSION, secure=True, httponly=True, samesite="Strict")
        return response

    async def logout(self, _: web.Request) -> web.Response:
        """POST /logout: the browser forgets the cookie."""
        response = _to("/")
        response.del_cookie(COOKIE, secure=True, httponly=True, samesite="Strict")
        return response

    def _count(self, client: str) -> None:
        try:
            self._attempts.take(client, time.monotonic())
        except Problem as problem:
            raise Refusal(429, problem.message) from None


def _to(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


def _own_path(text: str) -> str:
    """Return where to go to: only ever a page of the console."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    return text if is_path and not text.startswith("/log") else "/"
