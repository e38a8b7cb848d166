"""The room's front door: its example runs, and its names are the public ones."""

from __future__ import annotations

import doctest

from spikes import persistence


def test_the_example_of_the_package_runs() -> None:
    results = doctest.testmod(persistence, raise_on_error=True, extraglobs={"__name__": "example"})
    assert results.attempted > 5


def test_every_public_name_is_there() -> None:
    assert [name for name in persistence.__all__ if not hasattr(persistence, name)] == []
    assert persistence.__all__ == sorted(persistence.__all__)
