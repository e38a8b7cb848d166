"""The histories of several workers as one."""

from __future__ import annotations

from typing import Any

from spikes.console.charts import MOST_ROUTES, RouteFigures, together
from spikes.telemetry.history import NUMBERS

EMPTY: dict[str, Any] = {"times": [], "routes": {}, **{name: [] for name in NUMBERS}}


def history(times: list[float], **series: list[float | None]) -> dict[str, Any]:
    return {"times": times, "routes": {}, **{name: [None] * len(times) for name in NUMBERS}, **series}


def route(**series: list[float | None]) -> dict[str, list[float | None]]:
    return {"requests": [1], "p50": [0.1], "p95": [0.2], "p99": [0.3], **series}


def test_rates_are_added_and_of_times_the_longest_is_kept() -> None:
    one = history([100.1, 105.1], requests_per_second=[10.0, 20.0], append_seconds=[0.1, None])
    two = history([104.9], requests_per_second=[5.0], append_seconds=[0.3])
    found = together([one, two])
    assert found.times == [100.0, 105.0]
    assert found.series["requests_per_second"] == [10.0, 25.0]
    assert found.series["append_seconds"] == [0.1, 0.3]


def test_without_a_sample_there_is_nothing() -> None:
    found = together([EMPTY])
    assert (found.times, found.routes, found.series["memory_bytes"]) == ([], [], [])


def test_the_slowest_worker_speaks_for_a_route() -> None:
    one = {**EMPTY, "routes": {"GET /notes": route(requests=[3, None], p99=[0.3, None])}}
    two = {**EMPTY, "routes": {"GET /notes": route(requests=[1, 4], p99=[0.9, 0.5])}}
    assert together([one, two]).routes == [RouteFigures("GET /notes", 8, 0.1, 0.2, 0.5)]


def test_only_the_busiest_routes_are_shown() -> None:
    routes = {f"GET /{number}": route(requests=[float(number)]) for number in range(MOST_ROUTES + 5)}
    found = together([{**EMPTY, "routes": routes}]).routes
    assert (len(found), found[0].route) == (MOST_ROUTES, f"GET /{MOST_ROUTES + 4}")
