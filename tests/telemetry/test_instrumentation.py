"""What a running service measures of itself, from the request to the journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spikes import telemetry
from spikes.telemetry import Telemetry, metrics

pytest_plugins: list[str] = []


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """This process's telemetry, new for each test; the numbers go on."""
    fresh = Telemetry()
    monkeypatch.setattr(telemetry, "here", fresh)
    return fresh


@pytest.fixture
def grown() -> Callable[..., float]:
    """How much a number has grown since it was asked for first."""
    before: dict[tuple[str, ...], float] = {}

    def grown(name: str, **labels: str) -> float:
        now = metrics.sample(name, labels) or 0.0
        return now - before.setdefault((name, *labels.values()), now)

    return grown
