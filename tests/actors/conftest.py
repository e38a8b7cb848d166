"""The actors over a journal in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from spikes.actors.system import EntitySystem, Limits
from spikes.journal.memory import MemoryJournal
from spikes.journal.port import Journal
from tests.actors.counter import counter, stasher

Start = Callable[..., EntitySystem]


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal([counter.schema, stasher.schema])


@pytest.fixture
async def start(journal: MemoryJournal) -> AsyncIterator[Start]:
    """Start actors, over `journal` or a given one, with given limits; they end with the test."""
    async with AsyncExitStack() as stack:

        def start(over: Journal | None = None, **limits: float) -> EntitySystem:
            entities = EntitySystem.start(over or journal, [counter], Limits(**limits))  # type: ignore[arg-type]
            stack.push_async_callback(entities.close)
            return entities

        yield start
