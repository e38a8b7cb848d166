"""The error inbox: what went wrong in this process, grouped, for whoever looks into the console.

It is bounded, lives in memory and ends with the process; the log has everything. Nothing that users wrote comes in
here: callers give types, ids and numbers, and what looks like an e-mail address is hidden all the same.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from traceback import walk_tb
from typing import Literal, get_args

import msgspec

from spikes.telemetry import metrics
from spikes.telemetry.scrubbing import scrubbed

MOST_GROUPS = 200
"""How many groups are kept; beyond that the one that was seen longest ago is dropped."""

LONGEST = 500
"""How many characters of a summary, or of a value in a sample, are kept."""

ErrorKind = Literal["failed_command", "poison_message", "dead_letter", "conflict", "undecodable_event", "unexpected"]
KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)
for _kind in KINDS:
    metrics.ERRORS.labels(_kind)  # from the start, so that the first error is a growth that an alert can see


class ErrorGroup(msgspec.Struct, frozen=True):
    """Errors of one kind with one summary. Times are in milliseconds since the epoch; `sample` is the newest one."""

    kind: str
    summary: str
    count: int
    first: int
    last: int
    sample: dict[str, str]


class ErrorInbox:
    """What went wrong, grouped by kind and summary. `dropped` counts groups that had to make room."""

    def __init__(self, now: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._now = now
        self._groups: OrderedDict[tuple[str, str], ErrorGroup] = OrderedDict()
        self._lock = threading.Lock()  # lines are logged on any thread
        self.dropped = 0

    def record(self, kind: ErrorKind, summary: str, **sample: object) -> None:
        """Note one error. `summary` says what, the same for all alike; `sample` (ids, numbers) tells this one apart."""
        metrics.ERRORS.labels(kind).inc()
        key, now = (kind, _short(summary)), self._now()
        newest = {name: _short(str(value)) for name, value in sample.items() if value is not None}
        with self._lock:
            known = self._groups.pop(key, None)
            count, first = (known.count, known.first) if known else (0, now)
            self._groups[key] = ErrorGroup(*key, count + 1, first, now, newest)
            if len(self._groups) > MOST_GROUPS:
                self._groups.popitem(last=False)
                self.dropped += 1

    def unreadable(self, persistence_id: str, problem: str, request_id: str | None = None) -> None:
        """Note that what is stored of an entity can't be read; of `problem` only what comes before the details."""
        kind, place = persistence_id.partition("|")[0], place_of(problem)
        summary = f"{kind}: what is stored can't be read"
        self.record("undecodable_event", summary, persistence_id=persistence_id, place=place, request_id=request_id)

    def groups(self) -> list[ErrorGroup]:
        """Return all groups, the one that was seen last first."""
        with self._lock:
            return list(reversed(self._groups.values()))

    @property
    def total(self) -> int:
        """How many errors the groups count."""
        return sum(group.count for group in self.groups())


def place_of(problem: str) -> str:
    """Return what can't be read, of a text that goes on with why; that may quote what is stored."""
    return problem.partition(" can't be ")[0]


def cause_of(problem: BaseException) -> str:
    """Return the type of an exception and where in our code it was raised: all but its text, which may be anybody's."""
    place = ""
    for frame, line in walk_tb(problem.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("spikes.") or not place:
            place = f" at {module}:{line}"
    return type(problem).__name__ + place


def _short(text: str) -> str:
    text = scrubbed(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
