"""The live feed: who is told what, from where on, and what is left when nobody listens."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spikes.actors import feed as hub
from spikes.actors import feed_sights, feed_stream
from spikes.actors.feed import MOST_STREAMS
from spikes.actors.feed_place import read_place, write_place
from spikes.actors.feed_stream import MOST_WAITING
from spikes.actors.port import AccountChanged, Drained, FeedEvent, FeedItem, FeedStream, Reset, TooManyStreams
from spikes.actors.system import EntitySystem, Limits
from spikes.bootstrap import BEHAVIORS, open_store
from spikes.domain.note.command import (
    AddComment,
    CreateNote,
    PurgeNote,
    RelateNote,
    TrashNote,
    UnrelateNote,
    UpdateNote,
)
from spikes.domain.user.command import Register, RelateUser, RemoveUser
from spikes.journal.faulty import FaultyJournal
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Success
from tests.abilities import skip_without_abilities

ANN, BOB, EVE = "0MZ4A1B2C3ANN", "0MZ4A1B2C3B0B", "0MZ4A1B2C3EVE"
SOON = 15.0


ordered = pytest.mark.needs("total_order")
"""Of a journal that counts its events, and gives each once."""


class World:
    """The actors over a journal, and those who listen."""

    def __init__(self, journal: FaultyJournal, first: int = 1) -> None:
        self.journal = journal
        self.entities = EntitySystem.start(journal, BEHAVIORS, Limits(ask_timeout=SOON))
        self.dropped: list[str] = []
        self._numbers = itertools.count(first)

    @property
    def feed(self) -> hub.FeedHub:
        return self.entities.feed

    async def listen(self, who: str = ANN, after: str | None = None) -> FeedStream:
        return await self.feed.open(who, after, lambda: self.dropped.append(who))

    async def tell(self, kind: str, entity_id: str, command: object, who: str | None) -> None:
        answer = await self.entities.ask(PersistenceId(kind, entity_id), command, principal=who)
        assert isinstance(answer.status, Success), answer.status

    async def create(self, who: str = ANN, access: Any = "Private", title: str = "A note") -> str:
        note_id = f"0MZ4A1B2{next(self._numbers):05d}"
        await self.tell("note", note_id, CreateNote(note_id, f"{title} {note_id}", "Text", access=access), who)
        return note_id

    async def update(self, note_id: str, who: str = ANN, access: Any = "Private", body: str = "More") -> None:
        await self.tell("note", note_id, UpdateNote("Title", body, None, "New", access), who)

    async def user(self, user_id: str) -> None:
        await self.tell(
            "user", user_id, Register(user_id, "Name", f"{user_id}@example.org", "hash", "1990-01-01"), None
        )


async def events(stream: FeedStream, count: int) -> list[dict[str, Any]]:
    """Return the data of the next events, each with its id."""
    found = [await item(stream) for _ in range(count)]
    assert all(isinstance(each, FeedEvent) for each in found), found
    return [{**msgspec.json.decode(each.data), "place": each.id} for each in found if isinstance(each, FeedEvent)]


async def item(stream: FeedStream) -> FeedItem:
    found = await stream.next(SOON)
    assert found is not None, "nothing came"
    return found


async def nothing(stream: FeedStream) -> None:
    """Assert that nothing has come, though everything that is stored was looked at."""
    assert await stream.next(0.05) is None


async def told(stream: FeedStream, count: int) -> list[tuple[int, str, bool]]:
    """Return version and type of the next events, and whether the note came with them."""
    return [(each["version"], each["type"], each["note"] is not None) for each in await events(stream, count)]


@pytest.fixture(params=["memory", "sqlite", pytest.param("cassandra", marks=pytest.mark.cassandra)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "cassandra":
        url = request.getfixturevalue("journal_on_cassandra")
    else:
        url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/spikes.db"
    journal = await open_store(url, migrate=True)
    try:
        skip_without_abilities(request, journal)
        world = World(FaultyJournal(journal))
        yield world
        await world.entities.close()
    finally:
        await journal.close()


# ------------------------------------------------------------------------------------------------------- the own notes


async def test_owners_are_told_everything_of_their_notes(world: World) -> None:
    stream = await world.listen()
    note = await world.create()
    await world.update(note)
    await world.tell("note", note, TrashNote(), ANN)
    assert await told(stream, 3) == [(1, "note-created", True), (2, "note-updated", True), (3, "note-trashed", True)]


async def test_an_event_says_what_happened_to_which_note(world: World) -> None:
    stream = await world.listen()
    note = await world.create()
    (event,) = await events(stream, 1)
    assert (event["entity"], event["id"], event["version"], event["who"]) == ("note", note, 1, ANN)
    assert event["time"] == event["note"]["created"]
    assert (event["note"]["id"], event["note"]["commentCount"], event["note"]["body"]) == (note, 0, "Text")


async def test_a_comment_is_told_to_the_owner_of_the_note(world: World) -> None:
    await world.user(BOB)
    note = await world.create(access="Public")
    stream = await world.listen()
    await world.tell("note", note, AddComment("0MZ4A1B2C3C0M", "Nice", "Very"), BOB)
    (event,) = await events(stream, 1)
    assert (event["type"], event["who"], event["note"]["commentCount"]) == ("comment-added", BOB, 1)


async def test_who_it_was_is_not_told_once_the_account_is_removed(world: World) -> None:
    await world.user(BOB)
    note = await world.create(access="Public")
    start = (await world.listen()).id
    await world.tell("note", note, AddComment("0MZ4A1B2C3C0M", "Nice", "Very"), BOB)
    await world.tell("user", BOB, RemoveUser(), BOB)
    (event,) = await events(await world.listen(after=start), 1)
    assert (event["type"], event["who"]) == ("comment-added", None)


async def test_two_windows_are_told_the_same(world: World) -> None:
    first, second = await world.listen(), await world.listen()
    await world.create()
    assert await events(first, 1) == await events(second, 1)


async def test_the_note_is_shown_as_of_the_event(world: World) -> None:
    behind = await world.listen()
    note = await world.create()
    start = (await events(behind, 1))[0]["place"]
    for body in ("one", "two", "three"):
        await world.update(note, body=body)
    late = await world.listen(after=start)
    assert [event["note"]["body"] for event in await events(late, 3)] == ["one", "two", "three"]


@pytest.mark.parametrize(("long", "bodies"), [(2, ["one", "three", "three"]), (3, ["one", "two", "three"])])
async def test_a_note_with_a_long_past_is_shown_as_it_is_now(
    world: World, monkeypatch: pytest.MonkeyPatch, long: int, bodies: list[str]
) -> None:
    monkeypatch.setattr(feed_sights, "LONG", long)
    note = await world.create()
    start = (await world.listen()).id
    for body in ("one", "two", "three"):
        await world.update(note, body=body)
    late = await world.listen(after=start)
    assert [event["note"]["body"] for event in await events(late, 3)] == bodies


async def test_a_removed_note_is_told_without_content(world: World) -> None:
    note = await world.create()
    stream = await world.listen()
    await world.tell("note", note, PurgeNote(ANN), None)
    assert await told(stream, 1) == [(2, "note-removed", False)]


# ---------------------------------------------------------------------------------------------------------- of others


async def test_others_are_told_nothing(world: World) -> None:
    stream = await world.listen(BOB)
    await world.create(access="Public")
    await world.create()
    await nothing(stream)


async def test_public_notes_of_a_related_user_are_told(world: World) -> None:
    await world.user(BOB)
    await world.tell("user", BOB, RelateUser(ANN, "follows"), BOB)
    stream = await world.listen(BOB)
    await world.create(access="Private")
    note = await world.create(access="Public")
    assert [event["id"] for event in await events(stream, 1)] == [note]


async def test_public_notes_that_the_own_notes_relate_to_are_told(world: World) -> None:
    target, mine = await world.create(access="Public"), await world.create(BOB)
    await world.tell("note", mine, RelateNote(target, "see also"), BOB)
    stream = await world.listen(BOB)
    await world.update(target, access="Public")
    assert await told(stream, 1) == [(2, "note-updated", True)]


async def test_a_new_relation_counts_from_then_on(world: World) -> None:
    target, mine = await world.create(access="Public"), await world.create(BOB)
    stream = await world.listen(BOB)
    await world.tell("note", mine, RelateNote(target, "see also"), BOB)
    await world.update(target, access="Public")
    assert await told(stream, 2) == [(2, "note-related", True), (2, "note-updated", True)]
    await world.tell("note", mine, UnrelateNote(target), BOB)
    await world.update(target, access="Public", body="Even more")
    assert await told(stream, 1) == [(3, "note-unrelated", True)]
    await nothing(stream)


@pytest.mark.parametrize("late", [False, True])
async def test_what_is_private_is_never_told_to_others(world: World, late: bool) -> None:
    await world.user(BOB)
    await world.tell("user", BOB, RelateUser(ANN, "follows"), BOB)
    stream = await world.listen(BOB)
    start = stream.id
    note = await world.create(access="Private")
    await world.update(note, access="Private", body="Secret")
    await world.update(note, access="Public", body="Open")
    await world.update(note, access="Private", body="Secret again")
    await world.update(note, access="Private", body="Still secret")
    if late:
        stream = await world.listen(BOB, start)
    told_of = await events(stream, 2)
    assert [event["version"] for event in told_of] == [3, 4]
    assert told_of[1]["note"] is None
    assert "ecret" not in str(told_of)
    await nothing(stream)


async def test_what_was_public_is_told_late_without_content(world: World) -> None:
    await world.user(BOB)
    await world.tell("user", BOB, RelateUser(ANN, "follows"), BOB)
    start = (await world.listen(BOB)).id
    note = await world.create(access="Public")
    await world.tell("note", note, TrashNote(), ANN)
    assert await told(await world.listen(BOB, start), 2) == [(1, "note-created", False), (2, "note-trashed", False)]


# ------------------------------------------------------------------------------------------------------------ resuming


async def test_who_comes_back_misses_nothing_and_gets_nothing_twice(world: World) -> None:
    notes, seen, start = [await world.create()], [], None
    stream = await world.listen()
    for _ in range(5):
        notes += [await world.create() for _ in range(3)]
        seen += (got := await events(stream, 2))
        stream.close()
        start = got[-1]["place"]
        stream = await world.listen(after=start)
    seen += await events(stream, 5)
    assert [event["id"] for event in seen] == notes[1:]
    await nothing(stream)


async def test_nobody_misses_anything_while_others_write(world: World) -> None:
    first = await world.listen()
    start = first.id
    writing = asyncio.gather(*(world.create() for _ in range(300)))
    streams = [await world.listen(after=start) for _ in range(10)]
    expected = [event["place"] for event in await events(first, 300)]
    for stream in streams:
        assert [event["place"] for event in await events(stream, 300)] == expected
    await writing


async def test_who_comes_within_a_delivery_misses_nothing_of_it(world: World) -> None:
    bob = await world.listen(BOB)
    note = await world.create(BOB)
    start = (await events(bob, 1))[0]["place"]
    read = world.journal.delay("stream")
    anns = await world.create(ANN)
    for body in ("one", "two"):
        await world.update(note, BOB, body=body)
    look_back = world.journal.delay("load")
    read.release()
    await asyncio.wait_for(look_back.arrived.wait(), SOON)
    told_to_ann = asyncio.ensure_future(events(await world.listen(ANN, start), 1))
    await asyncio.wait({told_to_ann}, timeout=0.05)
    look_back.release()
    assert [event["id"] for event in await told_to_ann] == [anns]


@ordered
async def test_who_comes_from_a_process_that_is_ahead_gets_nothing_twice(world: World) -> None:
    await nothing(await world.listen(BOB))
    behind = world.journal.delay("stream")
    await world.create()
    known = write_place(world.journal.identity, await world.journal.head())
    stream = await world.listen(after=known)
    waiting = asyncio.ensure_future(stream.next(0.2))
    await asyncio.wait_for(behind.arrived.wait(), SOON)
    behind.release()
    assert await waiting is None


@pytest.mark.parametrize("count", [19, 20, 21])
async def test_many_missed_events_come_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(hub, "CATCH_UP_PAGE", 20)
    start = (await world.listen()).id
    notes = [await world.create() for _ in range(count)]
    assert [event["id"] for event in await events(await world.listen(after=start), count)] == notes


@ordered
async def test_the_id_moves_on_with_what_concerns_others(world: World) -> None:
    stream = await world.listen()
    start = stream.id
    await world.create(BOB)
    async with asyncio.timeout(SOON):
        while stream.id == start:
            await nothing(stream)
    assert stream.id == write_place(world.journal.identity, await world.journal.head())


async def test_there_is_no_id_to_resume_from_while_events_wait(world: World) -> None:
    stream, watching = await world.listen(), await world.listen()
    await nothing(stream)
    await nothing(watching)
    await world.create()
    await events(watching, 1)
    assert stream.id is None
    assert [event["place"] for event in await events(stream, 1)] == [stream.id]


@ordered
@pytest.mark.parametrize("after", ["", "nonsense", "ä", "A" * 1000, write_place("another", 1)])
async def test_a_foreign_id_is_a_reset(world: World, after: str) -> None:
    await world.create()
    stream = await world.listen(after=after)
    assert await item(stream) == Reset(write_place(world.journal.identity, 1))
    await world.create()
    assert await told(stream, 1) == [(1, "note-created", True)]


@ordered
async def test_an_id_of_the_future_is_a_reset(world: World) -> None:
    stream = await world.listen(after=write_place(world.journal.identity, 1))
    assert isinstance(await item(stream), Reset)


@ordered
@pytest.mark.parametrize(("missed", "too_old"), [(10, False), (11, True)])
async def test_too_old_an_id_is_a_reset(
    world: World, monkeypatch: pytest.MonkeyPatch, missed: int, too_old: bool
) -> None:
    monkeypatch.setattr(world.journal, "reach", 10)
    start = (await world.listen()).id
    for _ in range(missed):
        await world.create()
    assert isinstance(await item(await world.listen(after=start)), Reset) is too_old


@pytest.mark.parametrize("position", [0, 1, 255, 256, 2**40, 2**63 - 1])
def test_an_id_is_read_as_it_was_written(position: int) -> None:
    assert read_place("journal", write_place("journal", position)) == position


# ---------------------------------------------------------------------------------------------------- streams and ends


async def test_a_user_has_twenty_streams_at_most(world: World) -> None:
    streams = [await world.listen() for _ in range(MOST_STREAMS)]
    with pytest.raises(TooManyStreams):
        await world.listen()
    await world.listen(BOB)
    streams[0].close()
    await world.listen()


@ordered
async def test_nothing_is_left_when_nobody_listens(world: World) -> None:
    tasks = asyncio.all_tasks()
    for stream in [await world.listen() for _ in range(3)]:
        stream.close()
        stream.close()
    await asyncio.sleep(0)
    assert (world.feed.streams, world.feed.reading) == (0, False)
    assert asyncio.all_tasks() <= tasks


async def test_a_stream_that_can_not_be_opened_leaves_nothing(world: World) -> None:
    world.journal.fail("head")
    with pytest.raises(Exception, match="on demand"):
        await world.listen()
    assert (world.feed.streams, world.feed.reading) == (0, False)


@ordered
@pytest.mark.parametrize(("waiting", "dropped"), [(MOST_WAITING, []), (MOST_WAITING + 1, [ANN])])
async def test_too_many_events_waiting_drop_the_reader(world: World, waiting: int, dropped: list[str]) -> None:
    slow, quick = await world.listen(), await world.listen()
    await nothing(slow)
    await nothing(quick)
    for _ in range(waiting):
        await world.create()
        await events(quick, 1)
    assert (world.dropped, slow.over) == (dropped, bool(dropped))


async def test_too_much_text_waiting_drops_the_reader(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_stream, "MOST_TEXT", 1)
    slow = await world.listen()
    await nothing(slow)
    watching = await world.listen(BOB)
    await world.create()
    await nothing(watching)
    assert not slow.over, "one event alone may be as long as it likes"
    await world.create()
    async with asyncio.timeout(SOON):
        while not slow.over:
            await nothing(watching)


async def test_what_was_read_does_not_count_as_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_stream, "MOST_TEXT", 2_000)
    stream, watching = await world.listen(), await world.listen()
    await nothing(stream)
    await world.create()
    for _ in range(20):
        await world.create()
        await events(watching, 1)
        await events(stream, 1)  # and one still waits
    assert not stream.over


async def test_all_are_told_that_the_process_ends(world: World) -> None:
    early = await world.listen()
    world.feed.drain()
    assert await item(early) == await item(await world.listen()) == Drained()


async def test_listeners_are_told_of_changes_to_their_account(world: World) -> None:
    await world.user(ANN)
    ann, bob = await world.listen(ANN), await world.listen(BOB)
    await world.tell("user", ANN, RelateUser(EVE, "knows"), ANN)
    assert await item(ann) == AccountChanged()
    await nothing(bob)


async def test_the_end_of_the_actors_ends_the_streams(world: World) -> None:
    stream = await world.listen()
    waiting = asyncio.ensure_future(stream.next(SOON))
    await asyncio.sleep(0)
    await world.entities.close()
    assert await waiting is None
    assert stream.over


async def test_a_journal_that_fails_delays_the_feed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "RETRY", 0.01)
    stream = await world.listen()
    await nothing(stream)
    world.journal.fail("stream", times=2)
    world.journal.fail("listed")
    note = await world.create()
    assert [event["id"] for event in await events(stream, 1)] == [note]


async def test_other_processes_are_heard_within_a_moment(tmp_path: Path) -> None:
    journals = [FaultyJournal(await open_store(f"sqlite:///{tmp_path}/spikes.db")) for _ in range(2)]
    here, there = (World(journal) for journal in journals)
    stream = await here.listen()
    await there.create()
    assert await told(stream, 1) == [(1, "note-created", True)]
    for world in (here, there):
        await world.entities.close()
        await world.journal.close()
