"""Rule K6: whatever a crash or a pause leaves half done, the sweeper of another process finishes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import P_PID, WEXITED, WNOWAIT, WSTOPPED, waitid

import pytest

from spikes.journal import cassandra_sweep
from spikes.journal.cassandra_intents import MINUTE
from spikes.journal.cassandra_schema import SWEPT
from spikes.journal.cassandra_stream import NOTHING
from spikes.journal.errors import ClaimTaken
from spikes.journal.port import Appended, EntityRow, RecordedCommand
from tests.cassandra.rules import Action
from tests.journal.rivals import (
    OTHER,
    SOON,
    STEPS,
    Rivals,
    crash,
    folded,
    gone_as_far_as,
    intents,
    is_row,
    notes_of,
    patient,
    swept,
    telling,
)
from tests.journal.samples import SLUG, append

BEFORE_IT = ("intent", "claims")
"""Steps at which the events are not stored yet."""

PAUSE = 15.0
"""Seconds; an intent is old after ten."""

CHILD = 60.0
"""Seconds that a process may take for all of its life."""


@contextmanager
def process(url: str, step: str, number: signal.Signals) -> Iterator[subprocess.Popen[str]]:
    """Run `crashing.py` until it ends or stops; kill it if it is still there at the end."""
    command = [sys.executable, "-m", "tests.journal.crashing", url, step, str(int(number))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


async def stopped(child: subprocess.Popen[str]) -> None:
    """Wait until the process has stopped, or ended."""
    await asyncio.wait_for(asyncio.to_thread(waitid, P_PID, child.pid, WSTOPPED | WEXITED | WNOWAIT), CHILD)


async def goes_on(child: subprocess.Popen[str]) -> str:
    """Let a stopped process go on, and return what became of its append."""
    child.send_signal(signal.SIGCONT)
    assert child.stdout is not None
    return (await asyncio.wait_for(asyncio.to_thread(child.stdout.read), CHILD)).split()[-1]


async def check_sound(rivals: Rivals) -> None:
    """Nothing is half done, held twice, leaked or wrong."""
    journal, stored = rivals.there, len(await rivals.there.events("note|1"))
    assert await journal.verify() == ()
    assert await intents(journal) == []
    held = {owner: await notes_of(journal, owner) for owner in ("ann", "bob")}
    assert held == ({"ann": [b"ann"], "bob": []} if stored == 1 else {"ann": [], "bob": [b"bob"]})
    assert {(row.persistence_id, row.sequence_nr) for row in rivals.rows("feed")} >= {("note|1", stored)}
    assert len(rivals.rows("claims")) == 1


@pytest.mark.parametrize("step", STEPS)
async def test_k6_what_a_killed_process_left_is_finished(rivals: Rivals, journal_on_cassandra: str, step: str) -> None:
    with process(journal_on_cassandra, step, signal.SIGKILL) as child:
        await stopped(child)
    assert child.returncode == -signal.SIGKILL
    assert len(await intents(rivals.there)) == 1
    assert await swept(rivals.there) == 1
    await check_sound(rivals)
    stored = step not in BEFORE_IT
    assert await rivals.there.holder(OTHER if stored else SLUG) == "note|1"
    assert await rivals.there.command("key", 1_000) == (
        RecordedCommand("note|1", 2, b"fingerprint") if stored else None
    )
    assert await rivals.there.append(telling("note|2", take=(SLUG if stored else OTHER,))) == Appended(1)


@pytest.mark.parametrize("step", STEPS)
async def test_k6_a_paused_process_goes_on_after_a_sweep(rivals: Rivals, journal_on_cassandra: str, step: str) -> None:
    with process(journal_on_cassandra, step, signal.SIGSTOP) as child:
        await stopped(child)
        assert await swept(rivals.there) == 1
        assert await goes_on(child) == "Appended"
    assert len(await rivals.there.events("note|1")) == 2
    await check_sound(rivals)


@pytest.mark.parametrize(
    "step", ["claims", *(pytest.param(step, marks=pytest.mark.torture) for step in STEPS if step != "claims")]
)
async def test_k6_a_process_paused_for_15_seconds_is_fenced(
    rivals: Rivals, journal_on_cassandra: str, step: str
) -> None:
    with process(journal_on_cassandra, step, signal.SIGSTOP) as child:
        await stopped(child)
        await asyncio.sleep(PAUSE)  # nothing but time makes an intent old
        assert await swept(rivals.there, later=0) == 1
        other = await asyncio.gather(rivals.there.append(telling("note|2", take=(OTHER,))), return_exceptions=True)
        told = await goes_on(child)
    assert (type(other[0]), told) == ((Appended, "ClaimTaken") if step in BEFORE_IT else (ClaimTaken, "Appended"))
    assert await rivals.there.verify() == ()
    assert await rivals.there.holder(OTHER) == ("note|2" if step in BEFORE_IT else "note|1")


async def test_k6_a_young_intent_is_left_alone(rivals: Rivals) -> None:
    writing = await gone_as_far_as(rivals.here, "claims", telling(take=(SLUG,)))
    assert await swept(rivals.there, later=5_000) == 0
    assert len(await intents(rivals.there)) == 1
    writing.cancel()


async def test_k6_what_is_swept_can_never_be_stored(rivals: Rivals) -> None:
    wanted = telling()
    await crash(rivals.here, "intent", wanted)
    assert await swept(rivals.there) == 1
    late = await rivals.here.streams_of_events.append(wanted, NOTHING)
    assert not late.applied
    assert await rivals.there.events("note|1") == ()


async def test_k6_two_sweepers_at_one_intent_agree(rivals: Rivals) -> None:
    await crash(rivals.here, "append", telling(take=(SLUG,)))
    await asyncio.gather(swept(rivals.here), swept(rivals.there))
    assert await rivals.there.verify() == ()
    assert await notes_of(rivals.there, "ann") == [b"ann"]
    assert await intents(rivals.there) == []


async def test_k6_a_sweep_folds_to_the_present(rivals: Rivals) -> None:
    await crash(rivals.here, "append", telling(owner="ann"))
    await rivals.there.append(telling(after=1, owner="bob"))
    await swept(rivals.there)
    assert [await notes_of(rivals.there, owner) for owner in ("ann", "bob")] == [[], [b"bob"]]
    assert await rivals.there.verify() == ()


@patient
async def test_k6_attempts_of_one_moment_share_an_intent(rivals: Rivals) -> None:
    written = rivals.proxy.on(lambda request: "INSERT INTO intent" in request.text, Action.PASS, times=None)
    await asyncio.gather(*(rivals.here.append(append(f"note|{number}")) for number in range(9)))
    await rivals.settle()
    assert 1 <= len(written.caught) <= 2
    assert rivals.rows("intent") == []


async def test_k6_one_that_cant_be_folded_holds_up_no_other(rivals: Rivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassandra_sweep, "MOST_MINUTES", 30)
    await crash(rivals.here, "append", telling("note|bad"))
    now = rivals.there.clock.micros() // 1000

    async def refold(persistence_id: str) -> EntityRow | None:
        return None if persistence_id == "note|bad" else await folded(rivals.there, persistence_id)

    try:
        for later in (now + 10 * MINUTE, now + 20 * MINUTE, now + 40 * MINUTE):
            assert await rivals.there._sweeper.sweep(later, refold) == 0
            assert [row.minute for row in rivals.rows("intent")] == [later // MINUTE]
        assert int(await rivals.there._sweeper._schema.get(SWEPT) or 0) > now // MINUTE + 30
    finally:
        rivals.session.execute(f"DELETE FROM {rivals.keyspace}.meta WHERE key = '{SWEPT}' IF EXISTS")


async def test_k6_a_sweep_without_the_store_is_put_off(rivals: Rivals) -> None:
    await crash(rivals.there, "append", telling())
    lost = rivals.proxy.on(is_row, Action.DROP_REQUEST, times=None)
    assert await asyncio.wait_for(swept(rivals.here), SOON) == 0
    await lost.met()
    assert len(await intents(rivals.there)) == 1
    assert await swept(rivals.there) == 1
    assert await notes_of(rivals.there, "ann") == [b"ann"]
