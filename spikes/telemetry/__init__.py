"""What the service tells of itself: numbers, errors, recent requests. A leaf: every room may import it.

`here` is this process's. Every process has its own; whoever shows several of them adds them up.
"""

from __future__ import annotations

from spikes.telemetry import metrics
from spikes.telemetry.errors import ErrorInbox
from spikes.telemetry.history import History
from spikes.telemetry.requests import RecentRequests

__all__ = ["ErrorInbox", "History", "RecentRequests", "Telemetry", "here", "metrics"]


class Telemetry:
    """The error inbox, the recent requests and the history of one process; its numbers are in `metrics`."""

    def __init__(self) -> None:
        self.errors = ErrorInbox()
        self.requests = RecentRequests()
        self.history = History()


here = Telemetry()
"""The telemetry of this process."""
