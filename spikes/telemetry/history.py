"""The last fifteen minutes, as samples five seconds apart, for the charts of the console.

A sample is the difference between what the metrics say now and what they said at the sample before.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from spikes.telemetry import metrics
from spikes.telemetry.tallies import Labels, Spreads

INTERVAL = 5.0
"""Seconds between two samples."""

PROBES = 20
"""How often between two samples the event loop is looked at."""

SAMPLES = 180
"""How many are kept: fifteen minutes."""

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

Counts = dict[Labels, list[int]]


class RouteSample(msgspec.Struct, frozen=True):
    """The requests of one route between two samples; quantiles are in seconds."""

    requests: int
    p50: float
    p95: float
    p99: float


class Sample(msgspec.Struct, frozen=True):
    """One moment. `at` is in seconds since the epoch; times are in seconds, None where nothing was measured."""

    at: float
    requests_per_second: float
    errors_per_second: float
    append_seconds: float | None
    read_seconds: float | None
    loop_lag_seconds: float | None
    active_entities: float
    mailbox_messages: float
    memory_bytes: float
    routes: dict[str, RouteSample]


NUMBERS = tuple(name for name in Sample.__struct_fields__ if name not in ("at", "routes"))
"""The series that are one number a sample."""


class History:
    """The samples. `now` gives seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.samples: deque[Sample] = deque(maxlen=SAMPLES)
        self._now = now
        self._before = _Numbers(now())

    def sample(self) -> None:
        """Take one sample; to be called every `INTERVAL` seconds."""
        before, now = self._before, _Numbers(self._now())
        seconds = max(now.at - before.at, 0.001)
        self._before = now
        self.samples.append(
            Sample(
                at=now.at,
                requests_per_second=round((now.requests - before.requests) / seconds, 2),
                errors_per_second=round((now.errors - before.errors) / seconds, 2),
                append_seconds=_quantile(0.95, metrics.APPEND_SECONDS, before.appends, now.appends),
                read_seconds=_quantile(0.95, metrics.READ_SECONDS, before.reads, now.reads),
                loop_lag_seconds=_quantile(1.0, metrics.LOOP_LAG, before.lags, now.lags),
                active_entities=sum(value for _, value in metrics.ACTIVE.read()),
                mailbox_messages=sum(value for _, value in metrics.MAILBOX.read()),
                memory_bytes=memory(),
                routes=_routes(before.routes, now.routes),
            )
        )

    def series(self) -> dict[str, Any]:
        """Return what charts need: `times`, one list of numbers for each of `NUMBERS`, and `routes` with four each."""
        samples = tuple(self.samples)
        numbers = {name: [getattr(sample, name) for sample in samples] for name in NUMBERS}
        routes = sorted({route for sample in samples for route in sample.routes})
        return {
            "interval": INTERVAL,
            "times": [sample.at for sample in samples],
            **numbers,
            "routes": {route: _of_route(samples, route) for route in routes},
        }


def _of_route(samples: Sequence[Sample], route: str) -> dict[str, list[float | None]]:
    seen = [sample.routes.get(route) for sample in samples]
    return {name: [getattr(each, name) if each else None for each in seen] for name in RouteSample.__struct_fields__}


async def observe(history: History) -> None:
    """Take samples for ever, and look meanwhile how late the event loop is."""
    loop, lag = asyncio.get_running_loop(), metrics.LOOP_LAG.child()
    while True:
        for _ in range(PROBES):
            due = loop.time() + INTERVAL / PROBES
            await asyncio.sleep(INTERVAL / PROBES)
            lag.observe(max(0.0, loop.time() - due))
        history.sample()


class _Numbers:
    """What the metrics say at one moment."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.requests = self.errors = 0
        for (_, _, status), count in metrics.REQUESTS.children.items():
            self.requests += count.value
            self.errors += count.value if status.startswith("5") else 0
        self.routes = _counts(metrics.REQUEST_SECONDS)
        self.appends = _counts(metrics.APPEND_SECONDS)
        self.reads = _counts(metrics.READ_SECONDS)
        self.lags = _counts(metrics.LOOP_LAG)


def _counts(spreads: Spreads) -> Counts:
    return {labels: list(spread.counts) for labels, spread in spreads.children.items()}


def _since(before: Counts, now: Counts) -> Counts:
    """Return what was counted meanwhile, where there was anything."""
    found = {}
    for labels, counts in now.items():
        earlier = before.get(labels)
        since = [new - old for new, old in zip(counts, earlier, strict=True)] if earlier else counts
        if any(since):
            found[labels] = since
    return found


def _added_up(before: Counts, now: Counts) -> list[int] | None:
    each = list(_since(before, now).values())
    return [sum(counts) for counts in zip(*each, strict=True)] if each else None


def _quantile(q: float, spreads: Spreads, before: Counts, now: Counts) -> float | None:
    """Return a quantile over all labels of what was counted meanwhile, None if nothing was."""
    counts = _added_up(before, now)
    return quantile(q, spreads.bounds, counts) if counts else None


def _routes(before: Counts, now: Counts) -> dict[str, RouteSample]:
    bounds = metrics.REQUEST_SECONDS.bounds
    return {
        f"{method} {route}": RouteSample(sum(counts), *(quantile(q, bounds, counts) for q in QUANTILES.values()))
        for (method, route), counts in _since(before, now).items()
    }


def quantile(q: float, bounds: Sequence[float], counts: Sequence[int]) -> float:
    """Estimate a quantile as Prometheus's `histogram_quantile` does: values are spread evenly between two bounds.

    What lies above the last bound counts as the last bound.
    """
    rank, below, lower = q * sum(counts), 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return round(lower + (bound - lower) * (rank - below) / count, 6)
        below, lower = below + count, bound
    return bounds[-1]


def memory() -> float:
    """Return the resident memory of this process in bytes, 0 where the platform doesn't tell."""
    for family in metrics.PROCESS.collect():
        for each in family.samples:
            if each.name == "process_resident_memory_bytes":
                return each.value
    return 0.0
