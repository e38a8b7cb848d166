"""The pages that read entities and the journal, and the questions that they ask other processes."""

from __future__ import annotations

from collections.abc import Mapping

from spikes.console.page import Role, Route
from spikes.console.pages import entities, entity
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
)

READING_QUESTIONS: Mapping[str, Question] = {"active": entities.own_active, "entity": own_look}
