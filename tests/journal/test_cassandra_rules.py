"""The rules K1 to K5, K11 and K12 of `docs/protocol.md`, by two journals on one keyspace of a real Cassandra."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from cassandra.policies import FallthroughRetryPolicy, NoSpeculativeExecutionPolicy
from msgspec.structs import replace

from spikes.journal import cassandra_append, cassandra_feed_rows, cassandra_stream
from spikes.journal.cassandra import open_cassandra
from spikes.journal.cassandra_cql import Way
from spikes.journal.cassandra_feed_rows import DRAWN_TOGETHER, SECOND
from spikes.journal.cassandra_rows import TOGETHER_BYTES
from spikes.journal.cassandra_stream import MOST_BYTES, MOST_EVENTS
from spikes.journal.cassandra_target import target_of
from spikes.journal.errors import (
    ClaimTaken,
    DeadlinePassed,
    DuplicateCommand,
    EventTooLarge,
    JournalCorrupt,
    JournalError,
    JournalTooNew,
    JournalUnavailable,
    JournalUnusable,
    OutcomeUnknown,
    SequenceConflict,
)
from spikes.journal.port import MAX_EVENT_BYTES, Append, Appended, CommandKey
from tests.cassandra.rules import Action, Request
from tests.journal.rivals import (
    IMPATIENCE,
    STEPS,
    Rivals,
    index_of,
    intents,
    is_append,
    is_claim,
    is_look_at_metadata,
    is_row,
    notes_of,
    patient,
    telling,
)
from tests.journal.samples import KEY, SCHEMAS, SLUG, append

EVERY = [Action.DROP_ANSWER, Action.DROP_REQUEST, Action.CUT_BEFORE, Action.CUT_AFTER, Action.HOLD_ANSWER]


UNHURRIED = 15 * SECOND


def is_write(request: Request) -> bool:
    return request.opcode != "PREPARE" and not request.text.startswith("SELECT")


def is_told(request: Request) -> bool:
    return request.opcode != "PREPARE" and "INSERT INTO feed" in request.text


def is_told_alone(request: Request) -> bool:
    return is_told(request) and not is_row(request)


async def numbers(rivals: Rivals, pid: str = "note|1") -> list[int]:
    return [each.sequence_nr for each in await rivals.there.events(pid)]


@pytest.fixture
def small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition begins after ten numbers, and no append has more than five events."""
    monkeypatch.setattr(cassandra_stream, "STREAM_BUCKET", 10)
    for module in (cassandra_stream, cassandra_append):
        monkeypatch.setattr(module, "MOST_EVENTS", 5)


# ------------------------------------------------------------------------------------------------------- K1: the stream


@patient
async def test_k1_an_append_is_one_conditional_batch(rivals: Rivals) -> None:
    appends = rivals.proxy.on(is_append, Action.PASS, times=None)
    await rivals.here.append(append(count=3))
    (batch,) = appends.caught
    assert batch.is_conditional
    assert ["events" in statement for statement in batch.statements] == [True] * 4


@pytest.mark.usefixtures("small_buckets")
async def test_k1_a_stream_goes_on_in_the_next_bucket(rivals: Rivals) -> None:
    for after in range(0, 36, 4):
        await rivals.here.append(append(after=after, count=4))
        assert await rivals.there.check_current("note|1", after + 4)
        assert not await rivals.there.check_current("note|1", after)
    assert await numbers(rivals) == list(range(1, 37))
    assert {row.bucket for row in rivals.rows("events", "bucket")} == {0, 1, 2, 3}
    for after in range(37):
        assert len(await rivals.there.events("note|1", after)) == 36 - after
    assert await rivals.there.persistence_ids() == ("note|1",)
    assert await rivals.there.verify() == ()


@pytest.mark.usefixtures("small_buckets")
async def test_k1_only_one_begins_a_bucket(rivals: Rivals) -> None:
    for after in (0, 4, 8):
        await rivals.here.append(append(after=after, count=4))
    both = (journal.append(append(after=12)) for journal in (rivals.here, rivals.there))
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Appended, SequenceConflict}
    assert await numbers(rivals) == list(range(1, 14))


@pytest.mark.usefixtures("small_buckets")
@pytest.mark.parametrize("after", [11, 13, 15, 40])
async def test_k1_no_bucket_begins_behind_a_gap(rivals: Rivals, after: int) -> None:
    for each in (0, 4, 8):
        await rivals.here.append(append(after=each, count=4))
    with pytest.raises(SequenceConflict):
        await rivals.there.append(append(after=after))
    assert await numbers(rivals) == list(range(1, 13))


@pytest.mark.usefixtures("small_buckets")
async def test_c4_the_key_comes_first_in_a_young_bucket(rivals: Rivals) -> None:
    await rivals.here.append(append(count=3, command=KEY))
    with pytest.raises(DuplicateCommand):
        await rivals.there.append(append(after=11, command=KEY))


async def test_k1_a_fence_alone_makes_no_entity(rivals: Rivals) -> None:
    await rivals.there.streams_of_events.fence("note|1", 0)
    assert await rivals.there.persistence_ids() == ()
    assert await rivals.there.check_current("note|1", 0)
    assert await rivals.here.append(append()) == Appended(1)


async def test_k1_a_gap_is_never_skipped(rivals: Rivals) -> None:
    await rivals.here.append(append(count=3))
    rivals.session.execute(
        f"DELETE FROM {rivals.keyspace}.events WHERE persistence_id = 'note|1' AND bucket = 0 AND sequence_nr = 2"
    )
    with pytest.raises(JournalCorrupt, match="event 2 is missing"):
        await rivals.there.events("note|1")
    assert "event 2 is missing" in (await rivals.there.verify())[0]


def sized(events: int, payload: int) -> Append:
    bare = append(count=events)
    return replace(bare, events=tuple(replace(each, payload=bytes(payload)) for each in bare.events))


@pytest.mark.parametrize(("events", "payload"), [(1, MAX_EVENT_BYTES), (3, MAX_EVENT_BYTES - 1000)])
async def test_k1_the_largest_appends_are_stored(rivals: Rivals, events: int, payload: int) -> None:
    assert await rivals.there.append(sized(events, payload)) == Appended(events)
    assert len((await rivals.there.events("note|1"))[-1].payload) == payload


async def test_k1_larger_appends_are_refused(rivals: Rivals) -> None:
    with pytest.raises(EventTooLarge, match=f"{MOST_BYTES:,}"):
        await rivals.there.append(sized(3, MAX_EVENT_BYTES))
    with pytest.raises(JournalError, match=f"over {MOST_EVENTS:,}"):
        await rivals.there.append(append(count=MOST_EVENTS + 1))
    assert rivals.rows("events") == []


# -------------------------------------------------------------------------------------------------------- K2: the fence


async def test_k2_an_append_that_was_fenced_begins_again(rivals: Rivals) -> None:
    held = rivals.proxy.on(is_append, Action.HOLD_REQUEST)
    again = rivals.proxy.on(is_append, Action.PASS, times=None)
    writing = asyncio.ensure_future(rivals.here.append(append(take=(SLUG,), command=KEY)))
    await held.met()
    await rivals.there.streams_of_events.fence("note|1", 0)
    held.release()
    assert await writing == Appended(1)
    await again.met()
    assert await numbers(rivals) == [1]
    assert await rivals.there.holder(SLUG) == "note|1"


async def test_k2_an_own_claim_taken_again_does_not_fence_its_own_append(rivals: Rivals) -> None:
    await rivals.here.append(append(take=(SLUG,)))
    await rivals.there.streams_of_events.fence("note|1", 0)
    assert await rivals.here.append(append(after=1, take=(SLUG,))) == Appended(2)
    await rivals.settle()
    assert (await rivals.there.streams_of_events.head("note|1", 0)).epoch == 1
    assert rivals.rows("intent") == []


@patient
async def test_k2_what_was_sent_before_a_fence_never_comes_after_it(rivals: Rivals) -> None:
    head = await rivals.here.streams_of_events.head("note|1", 0)
    held = rivals.proxy.on(is_append, Action.HOLD_REQUEST)
    sending = asyncio.ensure_future(rivals.here.streams_of_events.append(append(), head))
    await held.met()
    await rivals.there.streams_of_events.fence("note|1", 0)
    held.release()
    assert not (await sending).applied
    assert await numbers(rivals) == []


async def test_k2_an_append_fenced_all_the_time_is_not_stored(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    streams, sent = rivals.there.streams_of_events, rivals.there.streams_of_events.append

    async def fenced_first(wanted: Append, head: cassandra_stream.Head) -> object:
        await streams.fence("note|1", 0)
        return await sent(wanted, head)

    monkeypatch.setattr(streams, "append", fenced_first)
    with pytest.raises(JournalUnavailable, match="fenced off 10 times"):
        await rivals.there.append(append(take=(SLUG,)))
    assert await rivals.here.holder(SLUG) is None


# ------------------------------------------------------------------------------------- K3: conditional statements alone


@patient
async def test_k3_writes_have_no_time_of_the_drivers(rivals: Rivals) -> None:
    asked = itertools.count()
    rivals.there.session._cluster.timestamp_generator = lambda: next(asked)
    await rivals.there.append(append(take=(SLUG,), command=KEY))
    await rivals.there.append(append(after=1, release=(SLUG,)))
    await rivals.settle()
    assert next(asked) == 0


async def test_k3_events_and_claims_are_written_conditionally_alone(rivals: Rivals) -> None:
    writes = rivals.proxy.on(is_write, Action.PASS, times=None)
    await rivals.here.append(append(take=(SLUG,), command=KEY))
    await rivals.here.append(append(after=1, release=(SLUG,)))
    await rivals.settle()
    touched = [each for each in writes.caught if any(f" {name} " in each.text for name in ("events", "claims"))]
    assert len(touched) >= 4
    assert [each for each in touched if not each.is_conditional] == []


@pytest.mark.parametrize("action", [Action.CUT_AFTER, Action.CUT_BEFORE, Action.DROP_ANSWER])
async def test_k3_the_driver_repeats_no_conditional_write(rivals: Rivals, action: Action) -> None:
    rivals.proxy.on(lambda request: "SET epoch" in request.text, action)
    again = rivals.proxy.on(lambda request: "SET epoch" in request.text, Action.PASS, times=None)
    with pytest.raises(OutcomeUnknown):
        await rivals.here.session.run("fence", 1, "note|1", 0, None)
    assert again.caught == []


async def test_k3_no_policy_repeats_a_conditional_write(rivals: Rivals) -> None:
    profile = rivals.there.session._cluster.profile_manager.profiles[Way.LWT]
    assert type(profile.retry_policy) is FallthroughRetryPolicy
    assert type(profile.speculative_execution_policy) is NoSpeculativeExecutionPolicy


async def test_k3_what_was_never_sent_is_not_stored(rivals: Rivals) -> None:
    session = rivals.here.session
    session._session.shutdown()
    with pytest.raises(JournalUnavailable):
        await session.run("fence", 1, "note|1", 0, None)


# ---------------------------------------------------------------------------------------------- K4: outcomes not known


@pytest.mark.parametrize("action", EVERY)
async def test_k4_an_append_without_an_answer_is_sent_again(rivals: Rivals, action: Action) -> None:
    lost = rivals.proxy.on(is_append, action)
    again = rivals.proxy.on(is_append, Action.PASS, times=None)
    assert await rivals.here.append(append(take=(SLUG,), command=KEY)) == Appended(1)
    assert again.caught[0] == lost.caught[0]
    lost.release()
    assert await numbers(rivals) == [1]
    assert await rivals.there.holder(SLUG) == "note|1"


async def test_k4_a_late_twin_of_an_append_is_refused(rivals: Rivals) -> None:
    held = rivals.proxy.on(is_append, Action.HOLD_REQUEST)
    assert await rivals.here.append(append(attempt="mine")) == Appended(1)
    await rivals.there.append(append(after=1))
    held.release()
    await held.answered()
    assert await numbers(rivals) == [1, 2]


async def test_k4_anothers_event_in_its_place_means_never(rivals: Rivals) -> None:
    rivals.proxy.on(is_append, Action.DROP_REQUEST)
    held = rivals.proxy.on(is_append, Action.HOLD_REQUEST, times=None)
    writing = asyncio.ensure_future(rivals.here.append(append(take=(SLUG,), command=KEY)))
    await held.met()
    await rivals.there.append(append(attempt="theirs"))
    held.release()
    with pytest.raises(SequenceConflict):
        await writing
    assert await rivals.there.holder(SLUG) is None
    assert await rivals.there.command("key", 1_000) is None


async def test_k4_a_refusal_not_looked_into_is_unknown(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_append, "RESOLVE", 2 * IMPATIENCE)
    rivals.proxy.on(is_append, Action.DROP_ANSWER)
    looks = rivals.proxy.on(is_look_at_metadata, Action.DROP_REQUEST, times=None)
    with pytest.raises(OutcomeUnknown):
        await rivals.here.append(append(take=(SLUG,)))
    assert looks.caught
    assert await numbers(rivals) == [1]
    assert await rivals.there.holder(SLUG) == "note|1"


async def test_k4_what_stays_unknown_leaves_its_intent(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_append, "RESOLVE", 0.5)
    rivals.proxy.on(is_append, Action.DROP_REQUEST, times=None)
    with pytest.raises(OutcomeUnknown):
        await rivals.here.append(append(attempt="mine"))
    (intent,) = await intents(rivals.there)
    assert [attempt.attempt_id for attempt in intent.attempts] == ["mine"]


# ------------------------------------------------------------------------------------------ K5: the order of one write


@patient
async def test_k5_each_step_follows_the_one_before(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(rivals.here.appender, "_crash_point", steps.append)
    writes = rivals.proxy.on(is_write, Action.PASS, times=None)
    await rivals.here.append(telling(take=(SLUG,)))
    await rivals.settle()
    assert tuple(steps) == STEPS
    found = [" ".join(each.text.split()[:3]) for each in writes.caught]
    order = [
        "INSERT INTO intent",
        "INSERT INTO claims",
        "UPDATE events SET",
        "INSERT INTO snapshot",
        "DELETE FROM intent",
    ]
    assert [each for each in found if each in order] == order


async def test_k5_a_row_that_fails_is_written_later(rivals: Rivals) -> None:
    lost = rivals.proxy.on(is_row, Action.DROP_REQUEST, times=2)  # once more is the driver's own try
    assert await rivals.here.append(telling()) == Appended(1)
    assert await notes_of(rivals.there, "ann") == []
    assert len(await intents(rivals.there)) == 1
    await rivals.settle()
    assert await notes_of(rivals.there, "ann") == [b"ann"]
    assert (len(lost.caught), await intents(rivals.there)) == (2, [])


async def test_k5_what_is_refused_leaves_nothing(rivals: Rivals) -> None:
    await rivals.there.append(append("note|2", take=(SLUG,)))
    await rivals.there.append(append())
    with pytest.raises(ClaimTaken):
        await rivals.here.append(append(after=1, take=(SLUG,), command=KEY))
    with pytest.raises(SequenceConflict):
        await rivals.here.append(append(take=(replace(SLUG, digest=b"other"),), command=CommandKey("k", b"")))
    await rivals.settle()
    assert [row.holder for row in rivals.rows("claims")] == ["note|2"]
    assert (rivals.rows("commands"), rivals.rows("intent")) == ([], [])


async def test_k5_an_intent_that_fails_stores_nothing(rivals: Rivals) -> None:
    rivals.proxy.on(lambda request: "INSERT INTO intent" in request.text, Action.DROP_REQUEST, times=None)
    appends = rivals.proxy.on(lambda request: request.is_conditional, Action.PASS, times=None)
    with pytest.raises(JournalUnavailable):
        await rivals.here.append(append(take=(SLUG,)))
    assert appends.caught == []


# ------------------------------------------------------------------------------ K11: feeds that are told with the row


@pytest.fixture
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledgement may take a while, as on a busy machine."""
    monkeypatch.setattr(cassandra_feed_rows, "ACKNOWLEDGED", UNHURRIED)


@patient
@pytest.mark.usefixtures("_unhurried")
async def test_k11_a_feed_is_told_with_the_row(rivals: Rivals) -> None:
    told = rivals.proxy.on(is_told, Action.PASS, times=None)
    await rivals.here.append(telling())
    await rivals.settle()
    assert [is_row(each) for each in told.caught] == [True]


@patient
@pytest.mark.usefixtures("_unhurried")
async def test_k11_what_was_told_too_late_is_told_again(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = rivals.here.clock
    late = rivals.proxy.on(is_row, Action.HOLD_ANSWER)
    writing = asyncio.ensure_future(rivals.here.append(telling()))
    await late.answered()
    present = clock.micros()  # as for a process that was stopped meanwhile
    monkeypatch.setattr(clock, "micros", lambda: present + 2 * UNHURRIED)
    late.release()
    assert await writing == Appended(1)
    await rivals.settle()
    first, last = sorted(each.position for each in rivals.rows("feed"))
    assert last - first > UNHURRIED


@pytest.mark.usefixtures("_unhurried")
async def test_k11_what_is_lost_with_the_row_is_told_alone(rivals: Rivals) -> None:
    rivals.proxy.on(is_row, Action.DROP_REQUEST, times=2)  # once more is the driver's own try
    again = rivals.proxy.on(is_told_alone, Action.PASS)
    assert await rivals.here.append(telling()) == Appended(1)
    await again.met()
    await rivals.settle()
    assert len(rivals.rows("feed")) == 1


@patient
@pytest.mark.usefixtures("_unhurried")
@pytest.mark.parametrize("events", [DRAWN_TOGETHER, DRAWN_TOGETHER + 1])
async def test_k11_many_events_are_told_by_themselves(rivals: Rivals, events: int) -> None:
    told = rivals.proxy.on(is_told, Action.PASS, times=None)
    await rivals.here.append(append(count=events, index=index_of(b"ann")))
    await rivals.settle()
    assert len(rivals.rows("feed")) == events
    assert [is_row(each) for each in told.caught] == ([True] if events == DRAWN_TOGETHER else [False] * events)


@patient
@pytest.mark.usefixtures("_unhurried")
@pytest.mark.parametrize(("size", "together"), [(TOGETHER_BYTES // 2, True), (TOGETHER_BYTES, False)])
async def test_k11_what_does_not_fit_in_is_told_beside_the_row(rivals: Rivals, size: int, together: bool) -> None:
    writes = rivals.proxy.on(lambda request: is_row(request) or is_told(request), Action.PASS, times=None)
    wanted = append(index=index_of(b"ann"))
    await rivals.here.append(replace(wanted, events=(replace(wanted.events[0], payload=b"x" * size),)))
    assert [(is_row(each), is_told(each)) for each in writes.caught] == (
        [(True, True)] if together else [(True, False), (False, True)]
    )


# ----------------------------------------------------------------------------------------------- C2, K12, R4: refusals


async def test_c2_claims_taken_too_late_are_let_go(rivals: Rivals) -> None:
    held = rivals.proxy.on(is_claim, Action.HOLD_ANSWER)
    deadline = time.monotonic() + 0.5
    writing = asyncio.ensure_future(rivals.here.append(append(take=(SLUG,), deadline=deadline)))
    await held.met()
    asyncio.get_running_loop().call_at(deadline + 0.1, held.release)
    with pytest.raises(DeadlinePassed):
        await writing
    await rivals.settle()
    assert (rivals.rows("events"), rivals.rows("claims"), rivals.rows("intent")) == ([], [], [])


async def test_limit_of_appends_under_way_is_kept(rivals: Rivals) -> None:
    rivals.there.session.most_in_flight = 5
    many = (rivals.there.append(append(f"note|{number}")) for number in range(20))
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert sum(isinstance(each, JournalUnavailable) for each in answers) == 15
    assert await rivals.there.append(append("note|later")) == Appended(1)


async def test_k12_another_scope_stops_the_start(rivals: Rivals, journal_on_cassandra: str) -> None:
    (datacenter,) = {host.datacenter for host in rivals.session.hosts}
    target = target_of(f"{journal_on_cassandra}&scope=local&dc={datacenter}")
    with pytest.raises(JournalUnusable, match="scope 'global'"):
        await open_cassandra(target, SCHEMAS)


async def test_r4_a_newer_store_is_refused(rivals: Rivals, journal_on_cassandra: str) -> None:
    meta = f"{rivals.keyspace}.meta"
    rivals.session.execute(f"UPDATE {meta} SET value = '99' WHERE key = 'oldest_version' IF EXISTS")
    try:
        with pytest.raises(JournalTooNew, match="knows schema 99"):
            await open_cassandra(target_of(journal_on_cassandra), SCHEMAS)
    finally:
        rivals.session.execute(f"UPDATE {meta} SET value = '1' WHERE key = 'oldest_version' IF EXISTS")
