"""Counters and histograms for the hot path, read by prometheus-client as custom collectors.

prometheus-client's own objects take a lock at each change: an `inc()` costs about 0.5 us and an `observe()` 1.5 us, and
a request makes eight of them. Here each is changed by one thread alone, most by the event loop, so that none needs a
lock; an `observe()` costs about 0.25 us. Whatever changes rarely, or on other threads, is an ordinary metric of
prometheus-client.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

Labels = tuple[str, ...]


class Count:
    """One number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, by: int = 1) -> None:
        """Add to it."""
        self.value += by


class Spread:
    """How often values fell between which bounds, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value; a bound belongs to the values below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Tally(Collector):
    """A counter. `child` is called once for each set of label values and what it returns is kept."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self.name, self._meaning, self._labels = name, meaning, tuple(labels)
        self.children: dict[Labels, Count] = {}
        registry.register(self)

    def child(self, *labels: str) -> Count:
        """Return the number with these label values."""
        return self.children.setdefault(labels, Count())

    def describe(self) -> Iterable[Metric]:
        """Name it, for the registry."""
        return [CounterMetricFamily(self.name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        """Give all numbers."""
        family = CounterMetricFamily(self.name, self._meaning, labels=self._labels)
        for labels, count in tuple(self.children.items()):
            family.add_metric(labels, count.value)
        yield family


class Spreads(Collector):
    """A histogram. `child` is called once for each set of label values and its result kept."""

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str], bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self.name, self._meaning, self._labels, self.bounds = name, meaning, tuple(labels), tuple(bounds)
        self.children: dict[Labels, Spread] = {}
        registry.register(self)

    def child(self, *labels: str) -> Spread:
        """Return the histogram with these label values."""
        return self.children.setdefault(labels, Spread(self.bounds))

    def describe(self) -> Iterable[Metric]:
        """Name it, for the registry."""
        return [HistogramMetricFamily(self.name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        """Give all histograms, each with its counts added up from the lowest bound."""
        family = HistogramMetricFamily(self.name, self._meaning, labels=self._labels)
        names = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        for labels, spread in tuple(self.children.items()):
            family.add_metric(labels, list(zip(names, accumulate(spread.counts), strict=True)), spread.sum)
        yield family


class Readings(Collector):
    """A gauge whose values are read when they are asked for, from whoever has them."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self.name, self._meaning, self._labels = name, meaning, tuple(labels)
        self._sources: dict[Labels, Callable[[], float]] = {}
        registry.register(self)

    def read_from(self, source: Callable[[], float], *labels: str) -> Callable[[], None]:
        """Read this value from `source` until the returned function is called, or another takes its place."""
        self._sources[labels] = source

        def leave() -> None:
            if self._sources.get(labels) is source:
                del self._sources[labels]

        return leave

    def read(self) -> Iterator[tuple[Labels, float]]:
        """Read all values now."""
        for labels, source in tuple(self._sources.items()):
            yield labels, source()

    def describe(self) -> Iterable[Metric]:
        """Name it, for the registry."""
        return [GaugeMetricFamily(self.name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        """Give all values."""
        family = GaugeMetricFamily(self.name, self._meaning, labels=self._labels)
        for labels, value in self.read():
            family.add_metric(labels, value)
        yield family
