"""Tests name by the mark `needs(ability)` what only some journals can do."""

from __future__ import annotations

import pytest

from spikes.journal.port import Journal


def skip_without_abilities(request: pytest.FixtureRequest, journal: Journal) -> None:
    """Skip a test if its journal lacks an ability that it is marked to need."""
    for mark in request.node.iter_markers("needs"):
        if mark.args[0] not in journal.capabilities:
            pytest.skip(f"{type(journal).__name__} has no ability {mark.args[0]!r}")
