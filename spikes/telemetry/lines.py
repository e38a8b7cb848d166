"""What log lines tell the telemetry: those of a request are found by its id, and what nobody expected is an error."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

from spikes import telemetry
from spikes.telemetry import reporting
from spikes.telemetry.errors import cause_of
from spikes.telemetry.requests import LineSeen, milliseconds
from spikes.telemetry.scrubbing import scrubbed

ACCESS = "request"
"""The line of each request, of which everything is known already."""

TOLD_OF = frozenset({"handler_failed"})
"""Lines about exceptions that are in the error inbox anyway, as failed commands."""

LONGEST = 200
"""How many characters of a value are kept."""


def notice(line: MutableMapping[str, Any]) -> None:
    """Look at a log line before it is written."""
    event, problem = str(line.get("event")), problem_of(line)
    if problem is not None and line.get("level") in ("error", "critical"):
        ids = {name: line.get(name) for name in ("request_id", "route", "persistence_id", "task")}
        if event not in TOLD_OF:
            what = line.get("library") or event  # a library's line may name an address, and each would be a group
            telemetry.here.errors.record("unexpected", f"{what}: {cause_of(problem)}", **ids)
        if reporting.now is not None:
            reporting.now.report(problem, event, ids)
    request_id = line.get("request_id")
    if request_id is not None and event != ACCESS:
        seen = LineSeen(
            str(request_id), milliseconds(), str(line.get("level")), scrubbed(event), _fields(line, problem)
        )
        telemetry.here.requests.note(seen)


def problem_of(line: MutableMapping[str, Any]) -> BaseException | None:
    """Return the exception that a line tells of, if it does."""
    given = line.get("exc_info")
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exception() if given else None


def _fields(line: MutableMapping[str, Any], problem: BaseException | None) -> dict[str, str]:
    """Return the other values of a line; of an exception not its text, which may be anybody's."""
    known = ("time", "level", "event", "request_id", "exc_info")
    fields = {name: scrubbed(str(value))[:LONGEST] for name, value in line.items() if name not in known}
    return fields if problem is None else {**fields, "cause": cause_of(problem)}
