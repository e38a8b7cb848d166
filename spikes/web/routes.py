"""All routes, in one table: what is served, by whom, and who may ask."""

from __future__ import annotations

from spikes.web import (
    batch,
    comments,
    documentation,
    exporting,
    feed,
    health,
    importing,
    listing,
    notes,
    notes_by_id,
    past,
    relations,
    sessions,
    tags,
    tickets,
    undoing,
    users,
)
from spikes.web.described import batch as about_batch
from spikes.web.described import comments as about_comments
from spikes.web.described import feed as about_feed
from spikes.web.described import history as about_history
from spikes.web.described import notes as about_notes
from spikes.web.described import relations as about_relations
from spikes.web.described import service as about_service
from spikes.web.described import tags as about_tags
from spikes.web.described import transfers as about_transfers
from spikes.web.described import users as about_users
from spikes.web.filters import NOTE_LIST
from spikes.web.paging import COUNT, CURSOR, LIMIT, START
from spikes.web.route import PATTERNS, Route
from spikes.web.time_travel import PAST

__all__ = ["PATTERNS", "ROUTES", "Route"]

ROUTES: tuple[Route, ...] = (
    Route("POST", "/users", users.register, open=True, doc=about_users.REGISTER),
    Route("POST", "/users/login", sessions.login, open=True, alone=True, doc=about_users.LOGIN),
    Route("POST", "/users/logout", sessions.logout, doc=about_users.LOGOUT),
    Route("GET", "/users/me", users.read_me, doc=about_users.ME),
    Route("PUT", "/users", users.update, doc=about_users.UPDATE),
    Route("DELETE", "/users", users.remove, doc=about_users.REMOVE),
    Route("GET", "/users", users.list_all, open=True, parameters=(START, COUNT), doc=about_users.LIST),
    Route("GET", "/users/me/export", exporting.export, alone=True, doc=about_transfers.EXPORT),
    Route("POST", "/users/me/import", importing.take_in, alone=True, doc=about_transfers.IMPORT),
    Route("GET", "/users/{tsid}", users.read, open=True, doc=about_users.READ),
    Route("GET", "/sessions", sessions.list_mine, doc=about_users.SESSIONS),
    Route("DELETE", "/sessions/{tsid}", sessions.end, doc=about_users.END_SESSION),
    Route("GET", "/notes/{tsid}", notes.read, open=True, parameters=PAST, doc=about_notes.READ),
    Route("DELETE", "/notes/{tsid}", notes.trash, doc=about_notes.TRASH),
    Route("PUT", "/notes/{tsid}", notes_by_id.put, doc=about_notes.PUT),
    Route("PATCH", "/notes/{tsid}", notes_by_id.patch, doc=about_notes.PATCH),
    Route("POST", "/notes", notes.create, doc=about_notes.CREATE),
    Route("PUT", "/notes", notes.update, doc=about_notes.UPDATE),
    Route("GET", "/notes", listing.list_visible, open=True, parameters=NOTE_LIST, doc=about_notes.LIST),
    Route("GET", "/notes/mine", listing.list_mine, parameters=NOTE_LIST, doc=about_notes.MINE),
    Route("GET", "/notes/{slug}", notes.read_by_slug, open=True, parameters=PAST, doc=about_notes.READ),
    Route(
        "GET",
        "/feed",
        feed.listen,
        ticket=True,
        alone=True,
        parameters=(feed.AFTER, tickets.TICKET),
        doc=about_feed.LISTEN,
    ),
    Route("POST", "/feed/ticket", tickets.issue, doc=about_feed.TICKET),
    Route("POST", "/batch", batch.run, alone=True, doc=about_batch.RUN),
    Route("GET", "/notes/trash", undoing.list_trash, parameters=NOTE_LIST, doc=about_history.TRASH),
    Route("POST", "/notes/{tsid}/comments", comments.add, doc=about_comments.ADD),
    Route("PUT", "/notes/{tsid}/comments", comments.update, doc=about_comments.UPDATE),
    Route("PUT", "/notes/{tsid}/comments/{comment}", comments.update_in_path, doc=about_comments.UPDATE_IN_PATH),
    Route("DELETE", "/notes/{tsid}/comments/{comment}", comments.remove, doc=about_comments.REMOVE),
    Route("POST", "/tags", tags.create, doc=about_tags.CREATE),
    Route("GET", "/tags", tags.list_all, open=True, parameters=(LIMIT, CURSOR), doc=about_tags.LIST),
    Route("PUT", "/tags", tags.update, doc=about_tags.UPDATE),
    Route("GET", "/tags/cloud", tags.cloud, open=True, doc=about_tags.CLOUD),
    Route("GET", "/tags/{tsid}", tags.read, open=True, doc=about_tags.READ),
    Route("PUT", "/tags/{tsid}", tags.update_in_path, doc=about_tags.UPDATE_IN_PATH),
    Route("DELETE", "/tags/{tsid}", tags.remove, doc=about_tags.REMOVE),
    Route("PUT", "/notes/{tsid}/tags/{tag}", tags.put_on, doc=about_tags.PUT_ON),
    Route("DELETE", "/notes/{tsid}/tags/{tag}", tags.take_off, doc=about_tags.TAKE_OFF),
    Route("PUT", "/notes/{tsid}/relations/{target}", relations.relate_note, doc=about_relations.RELATE_NOTE),
    Route("DELETE", "/notes/{tsid}/relations/{target}", relations.unrelate_note, doc=about_relations.UNRELATE_NOTE),
    Route(
        "GET",
        "/notes/{tsid}/relations",
        relations.of_note,
        open=True,
        parameters=(LIMIT, CURSOR),
        doc=about_relations.OF_NOTE,
    ),
    Route("PUT", "/users/me/relations/{user}", relations.relate_user, doc=about_relations.RELATE_USER),
    Route("DELETE", "/users/me/relations/{user}", relations.unrelate_user, doc=about_relations.UNRELATE_USER),
    Route("GET", "/users/me/relations", relations.of_me, parameters=(LIMIT, CURSOR), doc=about_relations.OF_ME),
    Route(
        "GET", "/notes/{tsid}/history", past.of_note, open=True, parameters=(LIMIT, CURSOR), doc=about_history.HISTORY
    ),
    Route("POST", "/notes/{tsid}/undo", undoing.undo, doc=about_history.UNDO),
    Route("POST", "/notes/{tsid}/redo", undoing.redo, doc=about_history.REDO),
    Route("POST", "/notes/{tsid}/restore", undoing.restore, doc=about_history.RESTORE),
    Route("GET", "/info", health.info, open=True, doc=about_service.INFO),
    Route("GET", "/liveness", health.liveness, open=True, doc=about_service.LIVENESS),
    Route("GET", "/readiness", health.readiness, open=True, doc=about_service.READINESS),
    Route("GET", "/check", health.check, open=True, doc=about_service.CHECK),
    Route("GET", "/stati", health.stati, open=True, doc=about_service.STATI),
    Route("GET", "/openapi.json", documentation.described(lambda: ROUTES), open=True, doc=about_service.OPENAPI),
    Route("GET", "/docs", documentation.page, open=True, alone=True, doc=about_service.PAGE),
    Route("GET", "/docs/{asset}", documentation.asset, open=True, alone=True, doc=about_service.ASSET),
)
