"""The store's clock, as a process knows it (rule K11)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from spikes.journal.cassandra_clock import Clock
from spikes.journal.cassandra_cql import statements
from spikes.journal.cassandra_driver import Connection
from spikes.journal.cassandra_session import Session
from tests.cassandra.shared import Contact

SECOND = 1_000_000_000


@pytest.fixture
async def session(cassandra: Contact) -> AsyncIterator[Session]:
    options = {"contact_points": [cassandra.host], "port": cassandra.port}
    session = await Session.start(Connection(options, None, "global", 1, 10.0, 100))
    await session.prepare({"clock": statements(())["clock"]})
    yield session
    await session.close()


async def test_clock_tells_the_time_of_the_store(session: Session) -> None:
    clock = await Clock.start(session)
    assert abs(clock.micros() - time.time_ns() // 1000) < 250_000
    assert abs(clock.difference) < 0.25
    await clock.close()


async def test_wrong_clock_of_this_machine_is_noticed(session: Session) -> None:
    clock = await Clock.start(session, wall=lambda: time.time_ns() + 3 * SECOND)
    assert -3.25 < clock.difference < -2.75
    assert abs(clock.micros() - time.time_ns() // 1000) < 250_000
    await clock.close()


async def test_estimate_is_made_anew(session: Session) -> None:
    ahead = 0
    clock = await Clock.start(session, monotonic=lambda: time.monotonic_ns() + ahead)
    ahead = 10 * SECOND
    assert clock.difference > 9
    await clock.estimate()
    assert abs(clock.difference) < 0.25
    await clock.close()
