"""The feed on Cassandra: own writes at once, others' soon, no gap whichever process one goes on at (rule K11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack

import pytest
from cassandra.cluster import Session as DriverSession

from spikes.journal import cassandra_feed, cassandra_ring
from spikes.journal.cassandra_cql import FEED_TTL, MIGRATIONS, keyspace
from spikes.journal.cassandra_feed import KEPT, REACH, SLACK
from spikes.journal.cassandra_feed_rows import ACKNOWLEDGED, SECOND
from spikes.journal.cassandra_ring import micros_of
from spikes.journal.errors import FeedOverrun, JournalUnavailable
from spikes.journal.port import PositionedEvent
from tests.cassandra.proxy import Proxy
from tests.cassandra.rules import Action, Request, Rule
from tests.cassandra.shared import Contact
from tests.journal.replica import ANN, BOB, SOON, Replica, start_replica
from tests.journal.samples import event

AT_ONCE = 0.1
FOREIGN = 20.0
"""Seconds within which what a process writes has to arrive at itself, and at another."""

HOUR = 3600.0

Start = Callable[[], Awaitable[Replica]]


@pytest.fixture(scope="module")
def tables(cassandra_session: DriverSession) -> Iterator[str]:
    """A keyspace with the table of the feed."""
    name = "spikes_feed_of_tests"
    (datacenter,) = {host.datacenter for host in cassandra_session.hosts}
    cassandra_session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    cassandra_session.execute(keyspace(name, datacenter, 1))
    (statement,) = (each for each in MIGRATIONS[0] if " feed (" in each)
    cassandra_session.execute(statement.replace(" feed (", f" {name}.feed ("))
    yield name
    cassandra_session.execute(f"DROP KEYSPACE {name}")


@pytest.fixture
async def start(tables: str, cassandra: Contact, cassandra_session: DriverSession) -> AsyncIterator[Start]:
    """Start replicas; nothing is in any feed."""
    await asyncio.to_thread(cassandra_session.execute, f"TRUNCATE {tables}.feed")
    async with AsyncExitStack() as stack:

        async def started() -> Replica:
            replica = await start_replica(cassandra.host, cassandra.port, tables)
            stack.push_async_callback(replica.close)
            return replica

        yield started


@pytest.fixture
async def here(start: Start) -> Replica:
    return await start()


@pytest.fixture
async def there(start: Start) -> Replica:
    return await start()


@pytest.fixture
async def proxy(cassandra: Contact) -> AsyncIterator[Proxy]:
    async with Proxy(cassandra.host, cassandra.port) as proxy:
        yield proxy


@pytest.fixture
async def behind_proxy(start: Start, proxy: Proxy, tables: str) -> AsyncIterator[Replica]:
    """A replica all of whose requests pass the proxy."""
    replica = await start_replica(proxy.host, proxy.port, tables)
    yield replica
    await replica.close()


def is_put(request: Request) -> bool:
    return request.opcode == "EXECUTE" and request.text.startswith("INSERT INTO feed")


def is_look(request: Request) -> bool:
    return request.opcode == "EXECUTE" and request.text.startswith("SELECT position")


def told(events: Iterable[PositionedEvent]) -> list[str]:
    return [each.persistence_id for each in events]


async def until(replica: Replica, last: str, after: int) -> list[str]:
    """Wait for arrivals until a certain one; return whose they are."""
    events = [await replica.next(after)]
    while events[-1].persistence_id != last:
        events.append(await replica.next(events[-1].position))
    return told(events)


async def stored(session: DriverSession, tables: str, what: str = "position") -> list[int]:
    rows = await asyncio.to_thread(session.execute, f"SELECT {what} FROM {tables}.feed")
    return sorted(row[0] for row in rows)


# --------------------------------------------------------------------------------------------------- arrivals


async def test_own_write_arrives_at_once(here: Replica) -> None:
    start = await here.begin()
    waiting = asyncio.ensure_future(here.next(start, AT_ONCE))
    writing = here.publish("note|1")
    assert (await waiting).persistence_id == "note|1"
    await writing


async def test_write_of_another_arrives_in_time(here: Replica, there: Replica) -> None:
    start = await here.begin()
    await there.write("note|1", 1, 2)
    first = await here.next(start, FOREIGN)
    second = await here.next(first.position, FOREIGN)
    assert [first.event.sequence_nr, second.event.sequence_nr] == [1, 2]


async def test_only_homes_listened_to_are_read(here: Replica, there: Replica) -> None:
    start = await here.begin(ANN)
    await there.write("note|of bob", home=BOB)
    await there.write("note|of ann", home=ANN)
    assert await until(here, "note|of ann", start) == ["note|of ann"]


async def test_home_of_a_new_listener_is_read(here: Replica, there: Replica) -> None:
    await here.begin(ANN)
    start = await here.begin(ANN, BOB)
    await there.write("note|of bob", home=BOB)
    assert (await here.next(start, FOREIGN)).persistence_id == "note|of bob"


async def test_nothing_is_read_while_nobody_waits(behind_proxy: Replica, proxy: Proxy) -> None:
    looks = proxy.on(is_look, Action.PASS, times=None)
    before, start = asyncio.all_tasks(), await behind_proxy.begin()
    waiting = asyncio.ensure_future(behind_proxy.next(start))
    await looks.met(2)
    polling = [task for task in asyncio.all_tasks() - before if "_poll" in repr(task)]
    waiting.cancel()
    ended, going_on = await asyncio.wait(polling, timeout=SOON)
    assert len(ended) == 1
    assert not going_on


async def test_feed_that_fails_is_read_later(there: Replica, behind_proxy: Replica, proxy: Proxy) -> None:
    start = await behind_proxy.begin()
    lost = proxy.on(is_look, Action.CUT_BEFORE)
    waiting = asyncio.ensure_future(behind_proxy.next(start, 3 * FOREIGN))
    await lost.met()
    await there.write("note|1")
    assert (await waiting).persistence_id == "note|1"


async def test_event_published_again_arrives_once(here: Replica, there: Replica) -> None:
    start, start_there = await here.begin(), await there.begin()
    await here.write("note|1")
    await here.write("note|1")
    await here.write("note|2")
    assert await until(here, "note|2", start) == await until(there, "note|2", start_there) == ["note|1", "note|2"]


async def test_positions_rise_and_are_of_the_present(here: Replica) -> None:
    positions = [await here.begin()]
    for number in range(1, 50):
        here.publish("note|1", number)
        positions += [(await here.next(positions[-1])).position, await here.feed.head()]
    assert positions == sorted(set(positions))
    assert abs(micros_of(positions[-1]) - here.clock.micros()) < SECOND


# -------------------------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize("action", [Action.HOLD_ANSWER, Action.DROP_REQUEST, Action.CUT_BEFORE, Action.CUT_AFTER])
async def test_write_not_acknowledged_in_time_is_repeated(
    action: Action,
    there: Replica,
    behind_proxy: Replica,
    proxy: Proxy,
    cassandra_session: DriverSession,
    tables: str,
) -> None:
    start = await there.begin()
    lost = proxy.on(is_put, action)
    again: Rule = proxy.on(is_put, Action.PASS)
    await asyncio.wait_for(behind_proxy.publish("note|1"), 2 * SOON)
    await again.met()
    lost.release()
    await behind_proxy.write("note|2")
    assert await until(there, "note|2", start) == ["note|1", "note|2"]
    first, *_, last = await stored(cassandra_session, tables)
    assert last > first


async def test_row_acknowledged_late_has_a_later_position(
    behind_proxy: Replica, proxy: Proxy, cassandra_session: DriverSession, tables: str
) -> None:
    proxy.on(is_put, Action.HOLD_ANSWER)
    await asyncio.wait_for(behind_proxy.publish("note|1"), SOON)
    first, second, *_ = await stored(cassandra_session, tables)
    assert second - first >= ACKNOWLEDGED


async def test_row_stored_while_readers_pass_is_not_missed(here: Replica, behind_proxy: Replica, proxy: Proxy) -> None:
    start = await here.begin()
    held = proxy.on(is_put, Action.HOLD_REQUEST)
    writing = behind_proxy.publish("note|1")
    await held.met()
    await here.feed.look()
    held.release()
    await asyncio.wait_for(writing, SOON)
    assert (await here.next(start, FOREIGN)).persistence_id == "note|1"


async def test_what_is_being_written_is_not_missed(here: Replica, there: Replica) -> None:
    start = await there.begin()
    await here.begin()
    with here.feed.telling("note|1", (event(1),), frozenset((ANN,))):
        assert told(await here.resume(start)) == ["note|1"]
    assert told(await here.resume(start)) == []


@pytest.mark.parametrize(("slack", "again"), [(SECOND, True), (FEED_TTL * SECOND, False)])
async def test_what_is_written_again_much_later_arrives_again(
    here: Replica, there: Replica, slack: int, again: bool
) -> None:
    here.feed._ring._slack = slack
    start = await here.begin()
    await there.write("note|1")
    first = await here.next(start, FOREIGN)
    await there.write("note|1")
    await there.write("note|2")
    assert ("note|1" in await until(here, "note|2", first.position)) is again


async def test_what_a_sweeper_tells_again_much_later_arrives_again(here: Replica, there: Replica) -> None:
    here.feed._ring._slack = SECOND
    start = await here.begin()
    await there.write("note|1")
    first = await here.next(start, FOREIGN)
    here.feed.publish("note|1", (event(1),), frozenset((ANN,)), again=True)
    assert (await here.next(first.position)).persistence_id == "note|1"


async def test_answer_found_after_a_pause_is_too_late(
    behind_proxy: Replica, proxy: Proxy, cassandra_session: DriverSession, tables: str
) -> None:
    held = proxy.on(is_put, Action.HOLD_ANSWER)
    writing = behind_proxy.publish("note|1")
    await held.answered()
    behind_proxy.clock.skew += 15  # as for a process that was stopped meanwhile, whose timers have not run yet
    held.release()
    await asyncio.wait_for(writing, SOON)
    assert len(await stored(cassandra_session, tables)) >= 2


async def test_rows_are_kept_for_little_more_than_a_day(
    here: Replica, cassandra_session: DriverSession, tables: str
) -> None:
    await here.write("note|1")
    seconds, *_ = await stored(cassandra_session, tables, "TTL(event)")
    assert micros_of(REACH) / SECOND == 24 * HOUR < FEED_TTL - 60 < seconds <= FEED_TTL


async def test_close_waits_for_rows_but_not_for_ever(
    behind_proxy: Replica, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassandra_feed, "CLOSING", 0.5)
    quick = behind_proxy.publish("note|1")
    lost = proxy.on(lambda request: is_put(request) and quick.done(), Action.DROP_REQUEST, times=None)
    await quick
    slow = behind_proxy.publish("note|2")
    await lost.met()
    await asyncio.wait_for(behind_proxy.feed.close(), SOON)
    assert slow.cancelled()


async def test_who_waits_is_told_of_the_close(here: Replica) -> None:
    waiting = asyncio.ensure_future(here.next(await here.begin()))
    await asyncio.sleep(0)
    await here.feed.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        await waiting


# ----------------------------------------------------------------------------------------------------- going on


async def test_going_on_at_the_same_process_repeats_nothing(here: Replica) -> None:
    start = await here.begin()
    await here.write("note|1")
    known = await here.next(start)
    here.feed.listen(frozenset())
    await here.write("note|2")
    await here.begin()
    assert told(await here.resume(known.position)) == ["note|2"]


async def test_what_others_wrote_meanwhile_arrives(here: Replica, there: Replica) -> None:
    known = await here.begin()
    here.feed.listen(frozenset())
    await there.write("note|1")
    await here.begin()
    assert await here.resume(known) == []
    assert (await here.next(known, FOREIGN)).persistence_id == "note|1"


async def test_home_left_for_long_is_read_from_the_tables(here: Replica, there: Replica) -> None:
    known = await here.begin()
    here.feed.listen(frozenset())
    await there.write("note|1")
    here.clock.skew += KEPT / SECOND + 1
    await here.begin()
    assert told(await here.resume(known)) == ["note|1"]


async def test_going_on_elsewhere_has_what_had_not_arrived(start: Start, here: Replica, there: Replica) -> None:
    begun = await here.begin()
    await there.write("note|of there")
    await here.write("note|of here")
    known = await here.next(begun)
    assert known.persistence_id == "note|of here"
    elsewhere = await start()
    await elsewhere.begin()
    assert "note|of there" in told(await elsewhere.resume(known.position))


async def test_position_promises_only_what_was_read(here: Replica, there: Replica, start: Start) -> None:
    begun = await here.begin()
    await there.write("note|of there")
    here.clock.skew += 60  # a minute in which the feed could not be read
    here.publish("note|of here")
    known = await here.next(begun)
    elsewhere = await start()
    await elsewhere.begin()
    assert "note|of there" in told(await elsewhere.resume(known.position))


async def test_what_is_not_in_the_tables_yet_is_given(there: Replica, behind_proxy: Replica, proxy: Proxy) -> None:
    known = await there.begin()
    await behind_proxy.begin()
    held = proxy.on(is_put, Action.HOLD_REQUEST)
    writing = behind_proxy.publish("note|1")
    await held.met()
    assert told(await behind_proxy.resume(known)) == ["note|1"]
    held.release()
    await asyncio.wait_for(writing, SOON)


@pytest.mark.parametrize("cut", [0, 1, 150, 249])
async def test_any_event_missed_is_a_place_to_go_on(here: Replica, there: Replica, start: Start, cut: int) -> None:
    known = await there.begin(ANN, BOB)
    there.clock.skew = here.clock.skew = -1.5  # so that some are settled while others are not
    await asyncio.gather(
        there.write("note|1", *range(1, 126), home=ANN), here.write("note|2", *range(1, 126), home=BOB)
    )
    elsewhere = await start()
    await elsewhere.begin(ANN, BOB)
    missed = await elsewhere.resume(known, ANN, BOB, limit=100)
    rest = await here.resume(missed[cut].position, ANN, BOB, limit=100)
    assert {*_keys(missed[: cut + 1]), *_keys(rest)} == {(f"note|{n}", i) for n in (1, 2) for i in range(1, 126)}


async def test_settled_events_are_given_page_by_page(here: Replica, there: Replica) -> None:
    known = await there.begin()
    there.clock.skew = -60
    await there.write("note|1", *range(1, 251))
    await here.begin()
    page = await here.feed.stream(known - (61 * SECOND << 10), 100, frozenset((ANN,)))
    assert len(page) < 250
    assert {each.event.sequence_nr for each in (*page, *await here.resume(page[-1].position))} == {*range(1, 251)}


async def test_unsettled_events_come_all_at_once(here: Replica, there: Replica) -> None:
    known = await there.begin()
    await there.write("note|1", *range(1, 251))
    await here.begin()
    events = await here.feed.stream(known, 100, frozenset((ANN,)))
    assert {each.event.sequence_nr for each in events} == {*range(1, 251)}


@pytest.mark.parametrize(("ago", "found"), [(23.9, ["note|1"]), (26, [])])
async def test_feed_is_read_for_a_day(here: Replica, there: Replica, ago: float, found: list[str]) -> None:
    there.clock.skew = -ago * HOUR
    known = await there.begin()
    await there.write("note|1")
    await here.begin()
    assert told(await here.resume(known)) == found


async def test_position_may_be_ahead_by_the_difference_of_clocks(here: Replica, there: Replica) -> None:
    there.clock.skew = 0.5
    known = await there.begin()
    start = await here.begin()
    await here.write("note|1")
    assert start < known
    assert told(await here.resume(known)) == ["note|1"]
    assert micros_of(known) - micros_of(start) < SLACK


async def test_reader_too_far_behind_is_told(here: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_ring, "MOST_EVENTS", 2)
    start = await here.begin()
    await here.write("note|1", 1, 2)
    first, _ = await here.feed.stream(start, 10)
    await here.write("note|1", 3)
    assert [each.event.sequence_nr for each in await here.feed.stream(first.position, 10)] == [2, 3]
    with pytest.raises(FeedOverrun, match="too much has arrived"):
        await here.feed.stream(start, 10)


async def test_listener_too_far_behind_reads_the_tables(here: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_ring, "MOST_EVENTS", 2)
    start = await here.begin()
    await here.write("note|1", 1, 2, 3)
    assert [each.event.sequence_nr for each in await here.resume(start)] == [1, 2, 3]


def _keys(events: Iterable[PositionedEvent]) -> list[tuple[str, int]]:
    return [(each.persistence_id, each.event.sequence_nr) for each in events]
