"""The live feed of several processes on one Cassandra (rule K11): no gap, wherever one listens and whoever writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from spikes.actors import feed as hub
from spikes.actors.feed_place import read_place, write_place
from spikes.actors.port import AccountChanged, FeedStream, Reset
from spikes.bootstrap import open_store
from spikes.domain.note.command import RelateNote
from spikes.domain.user.command import RelateUser
from spikes.journal import cassandra_feed
from spikes.journal.cassandra_feed_rows import SECOND
from spikes.journal.faulty import FaultyJournal
from tests.actors.test_feed import ANN, BOB, SOON, World, events, item, told

FOREIGN = 20.0
"""Seconds within which a stream is told what another process wrote: two and a half, where nobody else is busy."""


@pytest.fixture
async def replicas(journal_on_cassandra: str) -> AsyncIterator[tuple[World, World]]:
    """Two processes' actors on one Cassandra."""
    journals = [FaultyJournal(await open_store(journal_on_cassandra, migrate=True)) for _ in range(2)]
    here, there = (World(journal, first) for journal, first in zip(journals, (1, 50_001), strict=True))
    yield here, there
    for world in (here, there):
        await world.entities.close()
        await world.journal.close()


@pytest.fixture
def here(replicas: tuple[World, World]) -> World:
    return replicas[0]


@pytest.fixture
def there(replicas: tuple[World, World]) -> World:
    return replicas[1]


def place_of(world: World, stream: FeedStream) -> int:
    place = read_place(world.journal.identity, stream.id or "")
    assert place is not None
    return place


async def test_owners_are_told_what_they_did_elsewhere(here: World, there: World) -> None:
    stream = await here.listen()
    listening = asyncio.ensure_future(stream.next(SOON))
    note = await there.create()
    async with asyncio.timeout(FOREIGN):
        await listening
    await there.update(note)
    assert await told(stream, 1) == [(2, "note-updated", True)]


async def test_own_write_is_told_before_it_is_settled(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_feed, "LAG", 60 * SECOND)
    stream = await here.listen()
    await here.create()
    assert await told(stream, 1) == [(1, "note-created", True)]


async def test_what_others_relate_to_is_told_from_elsewhere(here: World, there: World) -> None:
    target, mine = await there.create(access="Public"), await here.create(BOB)
    await here.tell("note", mine, RelateNote(target, "see also"), BOB)
    stream = await here.listen(BOB)
    await there.update(target, access="Public")
    while (await events(stream, 1))[0]["id"] != target:
        pass


async def test_relation_made_elsewhere_counts_from_then_on(here: World, there: World) -> None:
    await there.user(BOB)
    stream = await here.listen(BOB)
    await there.tell("user", BOB, RelateUser(ANN, "follows"), BOB)
    while not isinstance(await item(stream), AccountChanged):
        pass
    note = await there.create(access="Public")
    while isinstance(found := await item(stream), AccountChanged):
        pass
    assert note in str(found)


async def test_account_changed_elsewhere_reaches_the_stream(here: World, there: World) -> None:
    await there.user(ANN)
    stream = await here.listen()
    await there.tell("user", ANN, RelateUser(BOB, "follows"), ANN)
    assert await item(stream) == AccountChanged()


async def test_who_goes_on_elsewhere_misses_nothing(here: World, there: World) -> None:
    stream = await here.listen()
    notes = [await there.create(), await here.create()]
    seen = await events(stream, 1)  # what was written there has not arrived yet
    stream.close()
    notes += [await here.create(title="While nobody listened"), await there.create(title="So was this")]
    other = await there.listen(after=seen[-1]["place"])
    while not {event["id"] for event in seen} >= set(notes):
        seen += await events(other, 1)


async def test_who_goes_back_and_forth_misses_nothing(here: World, there: World) -> None:
    seen: list[dict[str, Any]] = []
    notes: list[str] = []
    place = (await here.listen()).id
    for number, world in enumerate([here, there] * 3):
        stream = await world.listen(after=place)
        notes += await asyncio.gather(here.create(title=f"{number}"), there.create(title=f"{number} too"))
        seen += (got := await events(stream, 1))
        place = got[-1]["place"]
        stream.close()
    stream = await here.listen(after=place)
    while not {event["id"] for event in seen} >= set(notes):
        seen += await events(stream, 1)


async def test_the_id_of_a_quiet_stream_moves_on(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "IDLE", 0.05)
    stream = await here.listen()
    start = place_of(here, stream)
    assert await stream.next(0.3) is None
    assert place_of(here, stream) > start
    await here.create()
    assert await told(stream, 1) == [(1, "note-created", True)]


@pytest.mark.parametrize(("ahead", "is_known"), [(0.9, True), (1.5, False), (-1.1, False)])
async def test_id_of_another_time_is_a_reset(here: World, ahead: float, is_known: bool) -> None:
    journal = here.journal
    span = journal.leeway if ahead > 0 else journal.reach
    stream = await here.listen(after=write_place(journal.identity, await journal.head() + int(ahead * span)))
    await here.create()
    assert isinstance(await item(stream), Reset) is not is_known
