"""Overview: how the service does now, and did in the last 15 minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from spikes.console.charts import Charts, RouteFigures, Value, together
from spikes.console.inside import Inside
from spikes.console.page import Page, PageContext
from spikes.telemetry import here


class Curve(msgspec.Struct, frozen=True):
    """One line of a chart, and in the table beside it: the newest value, and the highest of the fifteen minutes."""

    name: str
    label: str
    now: Value
    highest: Value


class Chart(msgspec.Struct, frozen=True):
    """One chart; `unit` is what its numbers are: count, ms (of seconds) or bytes."""

    id: str
    title: str
    unit: str
    curves: tuple[Curve, ...]


class Overview(msgspec.Struct, frozen=True):
    """What the page shows; `limit` is the cap on entities in memory, of all kinds and processes together."""

    workers: int
    limit: int
    charts: tuple[Chart, ...]
    routes: list[RouteFigures]
    series: dict[str, list[Value]]
    times: list[float]


PLAN = (
    ("traffic", "Requests", "count", {"requests_per_second": "requests/s", "errors_per_second": "5xx/s"}),
    ("journal", "Journal", "ms", {"append_seconds": "append p95", "read_seconds": "read p95"}),
    ("entities", "Entities in memory", "count", {"active_entities": "active"}),
    ("mailbox", "Mailboxes", "count", {"mailbox_messages": "messages waiting"}),
    ("loop", "Event loop lag", "ms", {"loop_lag_seconds": "longest"}),
    ("memory", "Memory", "bytes", {"memory_bytes": "resident"}),
)
"""The charts: id, title, unit, and the series of each."""


async def own_history(_: Inside, __: Mapping[str, str]) -> dict[str, Any]:
    """Return the history of this process."""
    return here.history.series()


async def page(context: PageContext) -> Page:
    """GET /: how the service does."""
    answers = await context.peers.ask("history")
    found = together(list(answers.values()))
    limit = context.inside.settings.max_entities * len(context.inside.behaviors) * len(answers)
    charts = tuple(Chart(name, title, unit, _curves(found, labels)) for name, title, unit, labels in PLAN)
    content = Overview(len(answers), limit, charts, found.routes, found.series, found.times)
    return Page("overview.html", content, "Overview")


def _curves(charts: Charts, labels: Mapping[str, str]) -> tuple[Curve, ...]:
    return tuple(Curve(name, label, *_now_and_highest(charts.series[name])) for name, label in labels.items())


def _now_and_highest(values: list[Value]) -> tuple[Value, Value]:
    known = [value for value in values if value is not None]
    return (known[-1], max(known)) if known else (None, None)
