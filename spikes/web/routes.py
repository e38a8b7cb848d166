"""All routes, in one table: what is served, by whom, and who may ask."""

from __future__ import annotations

from spikes.web import documentation, exporting, feed, health, importing, listing, notes, sessions, tickets, users
from spikes.web.described import feed as about_feed
from spikes.web.described import notes as about_notes
from spikes.web.described import service as about_service
from spikes.web.described import transfers as about_transfers
from spikes.web.described import users as about_users
from spikes.web.filters import NOTE_LIST
from spikes.web.paging import COUNT, START
from spikes.web.route import PATTERNS, Route

__all__ = ["PATTERNS", "ROUTES", "Route"]

ROUTES: tuple[Route, ...] = (
    Route("POST", "/users", users.register, open=True, doc=about_users.REGISTER),
    Route("POST", "/users/login", sessions.login, open=True, doc=about_users.LOGIN),
    Route("POST", "/users/logout", sessions.logout, doc=about_users.LOGOUT),
    Route("GET", "/users/me", users.read_me, doc=about_users.ME),
    Route("PUT", "/users", users.update, doc=about_users.UPDATE),
    Route("DELETE", "/users", users.remove, doc=about_users.REMOVE),
    Route("GET", "/users", users.list_all, open=True, parameters=(START, COUNT), doc=about_users.LIST),
    Route("GET", "/users/me/export", exporting.export, doc=about_transfers.EXPORT),
    Route("POST", "/users/me/import", importing.take_in, doc=about_transfers.IMPORT),
    Route("GET", "/users/{tsid}", users.read, open=True, doc=about_users.READ),
    Route("GET", "/sessions", sessions.list_mine, doc=about_users.SESSIONS),
    Route("DELETE", "/sessions/{tsid}", sessions.end, doc=about_users.END_SESSION),
    Route("GET", "/notes/{tsid}", notes.read, open=True, doc=about_notes.READ),
    Route("DELETE", "/notes/{tsid}", notes.trash, doc=about_notes.TRASH),
    Route("POST", "/notes", notes.create, doc=about_notes.CREATE),
    Route("PUT", "/notes", notes.update, doc=about_notes.UPDATE),
    Route("GET", "/notes", listing.list_visible, open=True, parameters=NOTE_LIST, doc=about_notes.LIST),
    Route("GET", "/notes/mine", listing.list_mine, parameters=NOTE_LIST, doc=about_notes.MINE),
    Route("GET", "/notes/{slug}", notes.read_by_slug, open=True, doc=about_notes.READ),
    Route("GET", "/feed", feed.listen, ticket=True, parameters=(feed.AFTER, tickets.TICKET), doc=about_feed.LISTEN),
    Route("POST", "/feed/ticket", tickets.issue, doc=about_feed.TICKET),
    Route("GET", "/info", health.info, open=True, doc=about_service.INFO),
    Route("GET", "/liveness", health.liveness, open=True, doc=about_service.LIVENESS),
    Route("GET", "/readiness", health.readiness, open=True, doc=about_service.READINESS),
    Route("GET", "/check", health.check, open=True, doc=about_service.CHECK),
    Route("GET", "/stati", health.stati, open=True, doc=about_service.STATI),
    Route("GET", "/openapi.json", documentation.described(lambda: ROUTES), open=True, doc=about_service.OPENAPI),
    Route("GET", "/docs", documentation.page, open=True, doc=about_service.PAGE),
    Route("GET", "/docs/{asset}", documentation.asset, open=True, doc=about_service.ASSET),
)
