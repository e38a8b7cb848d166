"""A whole service whose telemetry is new for each test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spikes import telemetry
from spikes.telemetry import Telemetry, metrics

Grown = Callable[..., float]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """This process's telemetry; the numbers alone go on from test to test."""
    fresh = Telemetry()
    monkeypatch.setattr(telemetry, "here", fresh)
    return fresh


@pytest.fixture
def grown() -> Grown:
    """How much a number has grown since it was asked for first."""
    before: dict[tuple[str, ...], float] = {}

    def grown(name: str, **labels: str) -> float:
        now = metrics.sample(name, labels) or 0.0
        return now - before.setdefault((name, *labels.values()), now)

    return grown
