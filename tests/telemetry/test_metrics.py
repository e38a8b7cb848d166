"""The numbers, as Prometheus reads them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from spikes import __version__
from spikes.telemetry import metrics
from spikes.telemetry.tallies import Readings, Spreads, Tally


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_tally_counts_by_its_labels(registry: CollectorRegistry) -> None:
    tally = Tally("letters", "Letters", ["colour"], registry)
    tally.child("red").inc()
    tally.child("red").inc(2)
    tally.child("blue").inc()
    assert registry.get_sample_value("letters_total", {"colour": "red"}) == 3
    assert registry.get_sample_value("letters_total", {"colour": "blue"}) == 1


def test_a_bound_belongs_to_values_below_it(registry: CollectorRegistry) -> None:
    spreads = Spreads("wait", "Waits", [], (1, 2), registry)
    for value in (0.5, 1, 1.5, 7):
        spreads.child().observe(value)
    buckets = {le: registry.get_sample_value("wait_bucket", {"le": le}) for le in ("1", "2", "+Inf")}
    assert buckets == {"1": 2, "2": 3, "+Inf": 4}
    assert registry.get_sample_value("wait_count") == 4
    assert registry.get_sample_value("wait_sum") == 10


def test_a_reading_is_taken_when_asked(registry: CollectorRegistry) -> None:
    readings, waiting = Readings("waiting", "Waiting", [], registry), [1.0]
    leave = readings.read_from(lambda: waiting[0])
    waiting[0] = 5
    assert registry.get_sample_value("waiting") == 5
    leave()
    assert registry.get_sample_value("waiting") is None


def test_who_came_later_keeps_the_reading(registry: CollectorRegistry) -> None:
    readings = Readings("waiting", "Waiting", [], registry)
    leave = readings.read_from(lambda: 1)
    readings.read_from(lambda: 2)
    leave()
    assert list(readings.read()) == [((), 2)]


def test_two_metrics_of_one_name_are_refused(registry: CollectorRegistry) -> None:
    Tally("letters", "Letters", [], registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Tally("letters", "Letters", [], registry)


def test_prometheus_can_read_the_exposition() -> None:
    metrics.RequestMeter("GET", "/of-this-test").note(204, 0.01)
    text = metrics.exposition().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["spikes_http_requests"].type == "counter"
    assert families["spikes_http_request_seconds"].type == "histogram"
    labels = {"method": "GET", "route": "/of-this-test", "status": "204"}
    assert metrics.sample("spikes_http_requests_total", labels) == 1


def test_the_build_says_its_version() -> None:
    found = [line for line in metrics.exposition().decode().splitlines() if line.startswith("spikes_build_info{")]
    assert len(found) == 1
    assert f'version="{__version__}"' in found[0]


def test_an_unknown_method_makes_no_label() -> None:
    assert [metrics.known_method(method) for method in ("GET", "BREW")] == ["GET", "OTHER"]


def test_commands_are_counted_by_outcome() -> None:
    meter = metrics.CommandMeter("kind-of-this-test")
    meter.note("ok", 0.001)
    meter.note("busy", 0.001)
    meter.note("ok", 0.002)
    assert metrics.sample("spikes_commands_total", {"kind": "kind-of-this-test", "outcome": "ok"}) == 2
    assert metrics.sample("spikes_command_seconds_count", {"kind": "kind-of-this-test"}) == 3


def test_an_empty_registry_has_an_exposition(registry: CollectorRegistry) -> None:
    Tally("letters", "Letters", ["colour"], registry)
    assert generate_latest(registry).decode().splitlines() == [
        "# HELP letters_total Letters",
        "# TYPE letters_total counter",
    ]
