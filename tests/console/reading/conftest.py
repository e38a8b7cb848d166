"""What the console reads, on several journals in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from spikes.actors.system import EntitySystem
from spikes.bootstrap import BEHAVIORS
from tests.cassandra.plugin import OpenJournal
from tests.console.reading.world import World


@pytest.fixture(params=["memory", "sqlite"])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty journal. What the console does itself is the same on Cassandra: some tests show it there."""
    match request.param:
        case "cassandra":
            return str(request.getfixturevalue("journal_on_cassandra"))
        case "sqlite":
            return f"sqlite:///{tmp_path}/spikes.db"
        case _:
            return "memory:"


@pytest.fixture
async def world(journal_url: str, open_any: OpenJournal) -> AsyncIterator[World]:
    """An empty journal, and actors over it."""
    journal = await open_any(journal_url, [behavior.schema for behavior in BEHAVIORS])
    entities = EntitySystem.start(journal, BEHAVIORS)
    yield World(journal, entities)
    await entities.close()
    await journal.close()
