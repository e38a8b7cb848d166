"""The pages of the console and the questions that its processes ask each other: the one table of each."""

from __future__ import annotations

from collections.abc import Mapping

from spikes.console.dumping import dump
from spikes.console.page import Role, Route
from spikes.console.pages import actions, overview, system
from spikes.console.peers import Question
from spikes.console.reading_routes import READING_QUESTIONS, READING_ROUTES
from spikes.console.scraping import own_metrics
from spikes.console.snapshot import checks, snapshot

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", overview.page, Role.VIEWER, "Overview", every=5.0),
    *READING_ROUTES,
    Route("GET", "/system", system.page, Role.VIEWER, "System"),
    Route("GET", "/system/dump", system.dumps, Role.VIEWER),
    Route("GET", "/system/bundle", system.bundle, Role.VIEWER),
    Route("POST", "/system/log-level", system.change_log_level, Role.OPERATOR),
    Route("GET", "/actions", actions.page, Role.VIEWER, "Actions"),
    Route("POST", "/actions/passivate", actions.passivate, Role.OPERATOR),
    Route("POST", "/actions/rebuild", actions.rebuild, Role.OPERATOR),
    Route("POST", "/actions/end-sessions", actions.end_sessions, Role.OPERATOR),
    Route("POST", "/actions/drain", actions.drain, Role.OPERATOR),
)

QUESTIONS: Mapping[str, Question] = {
    "checks": checks,
    "dump": dump,
    "history": overview.own_history,
    "log-level": system.own_log_level,
    "metrics": own_metrics,
    "passivate": actions.own_passivation,
    "process": system.own_process,
    "snapshot": snapshot,
    **READING_QUESTIONS,
}
"""What each process can be asked about itself by `PageContext.peers`."""
