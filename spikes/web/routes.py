"""All routes, in one table: what is served, by whom, and who may ask."""

from __future__ import annotations

from spikes.web import health, notes, sessions, users
from spikes.web.paging import COUNT, CURSOR, LIMIT, START
from spikes.web.route import PATTERNS, Route

__all__ = ["PATTERNS", "ROUTES", "Route"]

ROUTES: tuple[Route, ...] = (
    Route("POST", "/users", users.register, open=True),
    Route("POST", "/users/login", sessions.login, open=True),
    Route("POST", "/users/logout", sessions.logout),
    Route("GET", "/users/me", users.read_me),
    Route("PUT", "/users", users.update),
    Route("DELETE", "/users", users.remove),
    Route("GET", "/users", users.list_all, open=True, parameters=(START, COUNT)),
    Route("GET", "/users/{tsid}", users.read, open=True),
    Route("GET", "/sessions", sessions.list_mine),
    Route("DELETE", "/sessions/{tsid}", sessions.end),
    Route("GET", "/notes/{tsid}", notes.read, open=True),
    Route("DELETE", "/notes/{tsid}", notes.trash),
    Route("POST", "/notes", notes.create),
    Route("PUT", "/notes", notes.update),
    Route("GET", "/notes", notes.list_visible, open=True, parameters=(LIMIT, CURSOR)),
    Route("GET", "/notes/mine", notes.list_mine, parameters=(LIMIT, CURSOR)),
    Route("GET", "/notes/{slug}", notes.read_by_slug, open=True),
    Route("GET", "/info", health.info, open=True),
    Route("GET", "/liveness", health.liveness, open=True),
    Route("GET", "/readiness", health.readiness, open=True),
    Route("GET", "/check", health.check, open=True),
    Route("GET", "/stati", health.stati, open=True),
)
