"""The pages of the console and the questions that its processes ask each other: the one table of each."""

from __future__ import annotations

from collections.abc import Mapping

from spikes.console.page import Role, Route
from spikes.console.pages import overview
from spikes.console.peers import Question
from spikes.console.reading_routes import READING_QUESTIONS, READING_ROUTES
from spikes.console.scraping import own_metrics
from spikes.console.snapshot import checks, snapshot

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", overview.page, Role.VIEWER, "Overview", every=5.0),
    *READING_ROUTES,
)

QUESTIONS: Mapping[str, Question] = {
    "checks": checks,
    "history": overview.own_history,
    "metrics": own_metrics,
    "snapshot": snapshot,
    **READING_QUESTIONS,
}
"""What each process can be asked about itself by `PageContext.peers`."""
