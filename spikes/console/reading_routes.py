"""The pages that read entities and the journal, and the questions that they ask other processes."""

from __future__ import annotations

from collections.abc import Mapping

from spikes.console.activity import own_errors, own_events
from spikes.console.page import Role, Route
from spikes.console.pages import activity, actors, entities, entity, journal
from spikes.console.peers import Question
from spikes.console.subject import own_look

READING_ROUTES: tuple[Route, ...] = (
    Route("GET", "/entities", entities.page, Role.VIEWER, "Entities"),
    Route("GET", "/entities/check", entities.check_some, Role.VIEWER),
    Route("GET", "/entity", entity.page, Role.VIEWER),
    Route("GET", "/entity/history", entity.history_page, Role.VIEWER),
    Route("GET", "/entity/event", entity.event_page, Role.VIEWER),
    Route("GET", "/entity/version", entity.version_page, Role.VIEWER),
    Route("GET", "/entity/check", entity.check_page, Role.VIEWER),
    Route("POST", "/entity", entity.revealing(entity.page), Role.OPERATOR),
    Route("POST", "/entity/history", entity.revealing(entity.history_page), Role.OPERATOR),
    Route("POST", "/entity/event", entity.revealing(entity.event_page), Role.OPERATOR),
    Route("POST", "/entity/version", entity.revealing(entity.version_page), Role.OPERATOR),
    Route("GET", "/activity", activity.page, Role.VIEWER, "Activity", every=1.0),
    Route("GET", "/errors", activity.errors_page, Role.VIEWER, "Errors", every=5.0),
    Route("GET", "/requests", activity.requests_page, Role.VIEWER, "Requests", every=5.0),
    Route("GET", "/request", activity.request_page, Role.VIEWER),
    Route("GET", "/actors", actors.page, Role.VIEWER, "Actors"),
    Route("GET", "/actors/tree", actors.tree_page, Role.VIEWER),
    Route("GET", "/journal", journal.page, Role.VIEWER, "Journal"),
)

READING_QUESTIONS: Mapping[str, Question] = {
    "active": entities.own_active,
    "branch": actors.own_branch,
    "census": actors.own_census,
    "entity": own_look,
    "errors": own_errors,
    "events": own_events,
    "request": activity.own_request,
    "requests": activity.own_requests,
    "store": journal.own_store,
}
