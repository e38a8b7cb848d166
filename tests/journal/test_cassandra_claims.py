"""The rules K7 and K8 of `docs/protocol.md`: claims and client keys, by two journals on one real Cassandra."""

from __future__ import annotations

import asyncio
import time

import pytest

from spikes.journal import cassandra_claims, cassandra_stream
from spikes.journal.cassandra_claims import stamp_of
from spikes.journal.errors import ClaimTaken, DeadlinePassed, DuplicateCommand, JournalUnavailable, SequenceConflict
from spikes.journal.port import Appended, CommandKey, RecordedCommand
from tests.cassandra.rules import Action, Request
from tests.journal.rivals import (
    OTHER,
    SOON,
    Rivals,
    crash,
    gone_as_far_as,
    is_append,
    is_claim,
    is_taken_over,
    patient,
)
from tests.journal.samples import KEY, SLUG, append


@pytest.fixture(autouse=True)
def _impolite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody: waiting is politeness, never safety."""
    monkeypatch.setattr(cassandra_claims, "POLITE_WAITS", ())


def is_command(request: Request) -> bool:
    return request.opcode != "PREPARE" and "INSERT INTO commands" in request.text


# --------------------------------------------------------------------------------------------------- K7: claims


@pytest.mark.parametrize("step", ["claims", "intent"])
async def test_k7_a_crashed_takers_claim_is_taken_over(rivals: Rivals, step: str) -> None:
    await crash(rivals.here, step, append("note|1", take=(SLUG,)))
    assert await rivals.there.append(append("note|2", take=(SLUG,))) == Appended(1)
    assert await rivals.here.holder(SLUG) == "note|2"


@patient
async def test_k7_a_taker_that_goes_on_late_finds_the_fence(rivals: Rivals) -> None:
    held = rivals.proxy.on(is_append, Action.HOLD_REQUEST, times=None)
    writing = asyncio.ensure_future(rivals.here.append(append("note|1", take=(SLUG,))))
    await held.met()
    assert await rivals.there.append(append("note|2", take=(SLUG,))) == Appended(1)
    held.release()
    with pytest.raises(ClaimTaken) as refused:
        await writing
    assert refused.value.holder == "note|2"
    assert await rivals.there.events("note|1") == ()


async def test_k7_a_taker_fenced_too_late_keeps_its_claim(rivals: Rivals) -> None:
    writing = await gone_as_far_as(rivals.here, "append", append("note|1", take=(SLUG,)))
    with pytest.raises(ClaimTaken):
        await rivals.there.append(append("note|2", take=(SLUG,)))
    writing.cancel()
    assert await rivals.there.holder(SLUG) == "note|1"


async def test_k7_who_relies_on_an_own_claim_stamps_it_again(rivals: Rivals) -> None:
    await rivals.there.append(append(take=(SLUG,)))
    again = append(after=1, take=(SLUG,))
    await rivals.there.append(again)
    (row,) = rivals.rows("claims")
    assert (row.stamp, row.expected) == (stamp_of(again, None), 1)


async def test_k7_what_was_read_once_is_read_on_from_there(rivals: Rivals) -> None:
    streams, held = rivals.here.streams_of_events, []
    changes = (append(take=(SLUG,)), append(after=1), append(after=2, release=(SLUG,)), append(after=3, take=(SLUG,)))
    for change in changes:
        await rivals.there.append(change)
        held.append(await streams.claims_of("note|1", SLUG.digest))
    assert held == [True, True, False, True]
    assert not await streams.claims_of("note|1", OTHER.digest)


async def test_k7_only_so_many_claims_are_remembered(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_stream, "KNOWN_CLAIMS", 1)
    await rivals.there.append(append(take=(SLUG,)))
    streams = rivals.here.streams_of_events
    asked = [SLUG, OTHER, SLUG]
    assert [await streams.claims_of("note|1", claim.digest) for claim in asked] == [True, False, True]
    assert len(streams._claimed) == 1


async def test_k7_a_claim_stamped_again_is_not_released(rivals: Rivals) -> None:
    await rivals.there.append(append(take=(SLUG,)))
    drop = rivals.proxy.on(lambda request: request.text.startswith("DELETE FROM claims"), Action.HOLD_REQUEST)
    await rivals.here.append(append(after=1, release=(SLUG,)))
    await drop.met()
    await rivals.there.append(append(after=2, take=(SLUG,)))
    drop.release()
    await rivals.settle()
    with pytest.raises(ClaimTaken):
        await rivals.there.append(append("note|2", take=(SLUG,)))


@pytest.mark.parametrize("action", [Action.DROP_ANSWER, Action.DROP_REQUEST])
async def test_k7_a_claim_taken_without_an_answer_is_held(rivals: Rivals, action: Action) -> None:
    rivals.proxy.on(is_claim, action)
    assert await rivals.here.append(append(take=(SLUG,))) == Appended(1)
    with pytest.raises(ClaimTaken):
        await rivals.there.append(append("note|2", take=(SLUG,)))


async def test_k7_a_refused_attempt_loses_no_claim_of_before(rivals: Rivals) -> None:
    await rivals.there.append(append(take=(SLUG,)))
    await rivals.there.append(append(after=1))
    rivals.proxy.on(is_taken_over, Action.DROP_ANSWER)
    with pytest.raises(SequenceConflict):
        await rivals.here.append(append(after=1, take=(SLUG,)))
    with pytest.raises(ClaimTaken):
        await rivals.there.append(append("note|2", take=(SLUG,)))


async def test_k7_a_refused_attempt_loses_no_claim_of_another(rivals: Rivals) -> None:
    writing = await gone_as_far_as(rivals.here, "claims", append(take=(SLUG,)))
    await rivals.there.append(append(take=(SLUG,)))
    writing.cancel()
    await crash(rivals.here, "claims", append(take=(SLUG,)))
    with pytest.raises(SequenceConflict):
        await rivals.here.append(append(take=(SLUG,)))
    with pytest.raises(ClaimTaken):
        await rivals.there.append(append("note|2", take=(SLUG,)))


async def test_k7_a_repeated_attempt_loses_nothing_when_late(rivals: Rivals) -> None:
    mine = append(attempt="mine", take=(SLUG,), command=KEY)
    await rivals.there.append(mine)
    held = rivals.proxy.on(is_claim, Action.HOLD_ANSWER)
    deadline = time.monotonic() + 0.5
    late = append(attempt="mine", take=(SLUG,), command=KEY, deadline=deadline)
    writing = asyncio.ensure_future(rivals.here.append(late))
    await held.met()
    asyncio.get_running_loop().call_at(deadline + 0.1, held.release)
    with pytest.raises(DeadlinePassed):
        await writing
    assert await rivals.there.holder(SLUG) == "note|1"
    assert await rivals.there.command("key", 1_000) == RecordedCommand("note|1", 1, b"fingerprint")


async def test_k7_a_claim_that_may_be_taken_is_looked_for(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_claims, "TRIES", 2)
    lost = rivals.proxy.on(is_claim, Action.DROP_ANSWER, times=None)
    with pytest.raises(JournalUnavailable, match="contended"):
        await rivals.here.append(append(take=(SLUG,)))
    await rivals.settle()
    assert len(lost.caught) == 2
    assert (rivals.rows("claims"), rivals.rows("intent")) == ([], [])


async def test_k7_a_stamp_of_an_old_bucket_hides_no_attempt(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_stream, "STREAM_BUCKET", 10)
    monkeypatch.setattr(cassandra_stream, "MOST_EVENTS", 5)
    for after in (0, 4, 8):
        await rivals.there.append(append(after=after, count=4))
    held = rivals.proxy.on(is_append, Action.HOLD_REQUEST, times=None)
    writing = asyncio.ensure_future(rivals.here.append(append(after=12, take=(SLUG,))))
    await held.met()
    await crash(rivals.there, "claims", append(after=8, take=(SLUG,)))  # of a process that has not seen the last ones
    await rivals.there.append(append("note|2", take=(SLUG,)))
    held.release()
    with pytest.raises(ClaimTaken):
        await writing


async def test_k7_two_that_cross_each_other_come_to_an_end(rivals: Rivals) -> None:
    both = [(rivals.here, "note|1", (SLUG, OTHER)), (rivals.there, "note|2", (OTHER, SLUG))]
    answers = await asyncio.wait_for(
        asyncio.gather(
            *(journal.append(append(pid, take=take)) for journal, pid, take in both), return_exceptions=True
        ),
        SOON,
    )
    holders = {await rivals.there.holder(claim) for claim in (SLUG, OTHER)}
    assert len(holders) == 1
    assert sum(answer == Appended(1) for answer in answers) == (holders != {None})


# ----------------------------------------------------------------------------------------------------- K8: client keys


async def test_k8_a_key_of_a_crashed_attempt_is_taken_over(rivals: Rivals) -> None:
    await crash(rivals.here, "claims", append("note|1", command=KEY))
    assert await rivals.there.append(append("note|2", command=KEY)) == Appended(1)
    assert await rivals.here.command("key", 1_000) == RecordedCommand("note|2", 1, b"fingerprint")


async def test_k8_the_first_attempt_finds_the_fence(rivals: Rivals) -> None:
    held = rivals.proxy.on(is_append, Action.HOLD_REQUEST, times=None)
    writing = asyncio.ensure_future(rivals.here.append(append("note|1", command=KEY)))
    await held.met()
    assert await rivals.there.append(append("note|2", command=KEY)) == Appended(1)
    held.release()
    with pytest.raises(DuplicateCommand) as refused:
        await writing
    assert refused.value.persistence_id == "note|2"
    assert await rivals.there.events("note|1") == ()


async def test_k8_a_stored_command_is_told_by_its_key(rivals: Rivals) -> None:
    await crash(rivals.here, "append", append("note|1", count=2, command=KEY))
    with pytest.raises(DuplicateCommand) as refused:
        await rivals.there.append(append("note|2", command=KEY))
    assert (refused.value.persistence_id, refused.value.sequence_nr) == ("note|1", 2)


async def test_k8_of_many_with_one_key_one_is_stored(rivals: Rivals) -> None:
    keyed = [append(f"note|{number}", command=CommandKey("key", b"")) for number in range(8)]
    journals = [rivals.here, rivals.there] * 4
    answers = await asyncio.gather(
        *(journal.append(each) for journal, each in zip(journals, keyed, strict=True)), return_exceptions=True
    )
    assert len(await rivals.there.persistence_ids()) == answers.count(Appended(1)) <= 1


@pytest.mark.parametrize("action", [Action.DROP_ANSWER, Action.DROP_REQUEST])
async def test_k8_a_key_taken_without_an_answer_is_kept(rivals: Rivals, action: Action) -> None:
    rivals.proxy.on(is_command, action)
    assert await rivals.here.append(append(command=KEY)) == Appended(1)
    with pytest.raises(DuplicateCommand):
        await rivals.there.append(append("note|2", command=KEY))
