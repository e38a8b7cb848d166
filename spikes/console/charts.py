"""The last fifteen minutes of all workers as one history, for charts and the tables beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from spikes.telemetry.history import INTERVAL, NUMBERS, QUANTILES

Value = float | None

ADDED = frozenset({"requests_per_second", "errors_per_second", "active_entities", "mailbox_messages", "memory_bytes"})
"""What is added up over workers. Of times the longest is shown: what the slowest worker's clients see."""

MOST_ROUTES = 12
"""How many routes are shown, those with the most requests."""


class RouteFigures(msgspec.Struct, frozen=True):
    """One route in the last fifteen minutes; quantiles are in seconds, of the last samples that have any."""

    route: str
    requests: int
    p50: Value
    p95: Value
    p99: Value


class Charts(msgspec.Struct, frozen=True):
    """`times` are in seconds since the epoch; each of `series` has a number, or none, for each of them."""

    times: list[float]
    series: dict[str, list[Value]]
    routes: list[RouteFigures]


def together(histories: Sequence[Mapping[str, Any]]) -> Charts:
    """Return the histories of several processes, as `History.series` has them, as one."""
    slots = sorted({_slot(at) for history in histories for at in history["times"]})
    series = {name: _merged(histories, slots, name) for name in NUMBERS}
    return Charts([slot * INTERVAL for slot in slots], series, _routes(histories))


def _slot(at: float) -> int:
    return round(at / INTERVAL)


def _merged(histories: Sequence[Mapping[str, Any]], slots: Sequence[int], name: str) -> list[Value]:
    combine: Callable[[list[float]], float] = sum if name in ADDED else max
    found: dict[int, list[float]] = {slot: [] for slot in slots}
    for history in histories:
        for at, value in zip(history["times"], history[name], strict=True):
            if value is not None:
                found[_slot(at)].append(value)
    return [combine(values) if values else None for values in found.values()]


def _routes(histories: Sequence[Mapping[str, Any]]) -> list[RouteFigures]:
    names = {name for history in histories for name in history["routes"]}
    each = [_figures(name, [h["routes"][name] for h in histories if name in h["routes"]]) for name in sorted(names)]
    return sorted(each, key=lambda figures: -figures.requests)[:MOST_ROUTES]


def _figures(route: str, workers: Sequence[Mapping[str, list[Value]]]) -> RouteFigures:
    requests = sum(value or 0 for worker in workers for value in worker["requests"])
    newest = [_highest(_newest(worker[quantile]) for worker in workers) for quantile in QUANTILES]
    return RouteFigures(route, int(requests), *newest)


def _newest(values: list[Value]) -> Value:
    return next((value for value in reversed(values) if value is not None), None)


def _highest(values: Iterable[Value]) -> Value:
    return max((value for value in values if value is not None), default=None)
