"""Tests say by `needs(ability)` what only some journals can do, and by `in_memory` what goes alike on all."""

from __future__ import annotations

import pytest

from spikes.journal.port import Journal

in_memory = pytest.mark.parametrize("journal_url", ["memory:"])
"""For what goes alike on every journal, whichever it is."""


def skip_without_abilities(request: pytest.FixtureRequest, journal: Journal | type[Journal]) -> None:
    """Skip a test if its journal lacks an ability that it is marked to need."""
    name = journal.__name__ if isinstance(journal, type) else type(journal).__name__
    for mark in request.node.iter_markers("needs"):
        if mark.args[0] not in journal.capabilities:
            pytest.skip(f"{name} has no ability {mark.args[0]!r}")
