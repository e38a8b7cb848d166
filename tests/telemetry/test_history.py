"""Fifteen minutes of samples."""

from __future__ import annotations

from itertools import count

import pytest

from spikes.telemetry import metrics
from spikes.telemetry.history import INTERVAL, NUMBERS, SAMPLES, History, memory, quantile


@pytest.fixture
def history() -> History:
    return History(count(1000.0, INTERVAL).__next__)


def test_a_sample_is_what_happened_since(history: History) -> None:
    meter = metrics.RequestMeter("GET", "/history")
    for status in (200, 200, 500, 503, 404):
        meter.note(status, 0.02)
    history.sample()
    assert history.samples[-1].requests_per_second == 1.0
    assert history.samples[-1].errors_per_second == 0.4
    history.sample()
    assert history.samples[-1].requests_per_second == 0.0


def test_each_route_has_its_own_quantiles(history: History) -> None:
    slow, fast = metrics.RequestMeter("GET", "/slow"), metrics.RequestMeter("GET", "/fast")
    for _ in range(10):
        slow.note(200, 2.0)
        fast.note(200, 0.001)
    history.sample()
    routes = history.series()["routes"]
    assert routes["GET /fast"]["p99"][0] <= 0.001
    assert 1.0 < routes["GET /slow"]["p50"][0] <= 2.5
    assert routes["GET /slow"]["requests"] == [10]


def test_a_route_without_requests_has_a_hole(history: History) -> None:
    metrics.RequestMeter("GET", "/once").note(200, 0.02)
    history.sample()
    history.sample()
    assert history.series()["routes"]["GET /once"]["requests"] == [1, None]


def test_all_series_are_equally_long(history: History) -> None:
    history.sample()
    history.sample()
    series = history.series()
    assert series["times"] == [1005.0, 1010.0]
    assert {name: len(series[name]) for name in NUMBERS} == dict.fromkeys(NUMBERS, 2)


def test_only_the_last_fifteen_minutes_are_kept(history: History) -> None:
    for _ in range(SAMPLES + 1):
        history.sample()
    times = history.series()["times"]
    assert (len(times), times[-1] - times[0]) == (180, 15 * 60 - INTERVAL)
    assert times[0] == 1010.0


def test_what_is_read_now_is_sampled(history: History) -> None:
    leave = metrics.ACTIVE.read_from(lambda: 7, "kind-of-this-test")
    history.sample()
    leave()
    history.sample()
    first, second = history.series()["active_entities"]
    assert first - second == 7


def test_append_and_read_times_are_sampled(history: History) -> None:
    metrics.APPEND_SECONDS.child("plugin-of-this-test").observe(0.004)
    history.sample()
    history.sample()
    first, second = history.series()["append_seconds"]
    assert 0.0025 < first <= 0.005
    assert second is None


@pytest.mark.parametrize(
    ("q", "counts", "value"),
    [(0.5, [2, 2, 0], 1.0), (0.25, [2, 2, 0], 0.5), (1.0, [2, 2, 0], 2.0), (0.99, [0, 0, 5], 2.0)],
)
def test_quantiles_lie_between_the_bounds(q: float, counts: list[int], value: float) -> None:
    assert quantile(q, (1.0, 2.0), counts) == value


def test_this_process_uses_some_memory() -> None:
    assert 1e6 < memory() < 1e11
