"""The pages that read entities and the journal, and the questions that they ask other processes."""

from __future__ import annotations

from collections.abc import Mapping

from spikes.console.activity import own_errors, own_events
from spikes.console.page import Role, Route
from spikes.console.pages import activity, entities, entity
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
    Route("GET", "/activity", activity.page, Role.VIEWER, "Activity", every=1.0),
    Route("GET", "/errors", activity.errors_page, Role.VIEWER, "Errors", every=5.0),
    Route("GET", "/requests", activity.requests_page, Role.VIEWER, "Requests", every=5.0),
    Route("GET", "/request", activity.request_page, Role.VIEWER),
)

READING_QUESTIONS: Mapping[str, Question] = {
    "active": entities.own_active,
    "entity": own_look,
    "errors": own_errors,
    "events": own_events,
    "request": activity.own_request,
    "requests": activity.own_requests,
}
