"""What the actors tell of themselves: commands, entities in memory, recoveries, conflicts, and what went wrong."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from thespian.actors import ActorAddress

from spikes.actors.observing import FAILURES, outcome_of
from spikes.actors.port import AskTimeout
from spikes.actors.region import Region
from spikes.actors.system import EntitySystem
from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from spikes.persistence.core import RETRIES
from spikes.persistence.reply import Answer, Error, Failure, Success
from spikes.telemetry import Telemetry, metrics
from tests.actors.conftest import Start, journal, start
from tests.actors.counter import Add, Break, Read, counter
from tests.telemetry.conftest import Grown

__all__ = ["journal", "start"]

ONE, TWO = counter.persistence_id("one"), counter.persistence_id("two")
COUNTER = {"kind": "counter"}


async def overtaken(first: EntitySystem, second: EntitySystem, faulty: FaultyJournal) -> None:
    """Let `first` append what `second` has stored first."""
    gate = faulty.delay("append")
    asked = asyncio.create_task(first.ask(ONE, Add()))
    await asyncio.wait_for(gate.arrived.wait(), 5)
    await second.ask(ONE, Add())
    gate.release()
    await asyncio.wait_for(asked, 5)


async def test_commands_are_counted_and_timed(start: Start, here: Telemetry, grown: Grown) -> None:
    entities, ok = start(), {**COUNTER, "outcome": "ok"}
    grown("spikes_commands_total", **ok)
    grown("spikes_command_seconds_count", **COUNTER)
    await entities.ask(ONE, Add())
    await entities.ask(ONE, Read())
    assert grown("spikes_commands_total", **ok) == 2
    assert grown("spikes_command_seconds_count", **COUNTER) == 2
    assert here.errors.groups() == []


async def test_each_command_waits_for_its_turn(start: Start, grown: Grown) -> None:
    entities = start()
    grown("spikes_command_queue_seconds_count", **COUNTER)
    await asyncio.gather(*(entities.ask(ONE, Add()) for _ in range(20)))
    assert grown("spikes_command_queue_seconds_count", **COUNTER) == 20


async def test_a_command_behind_another_waits_longer(start: Start, journal: MemoryJournal, grown: Grown) -> None:
    faulty = FaultyJournal(journal)
    entities, gate = start(faulty), faulty.delay("append")
    grown("spikes_command_queue_seconds_sum", **COUNTER)
    both = [asyncio.create_task(entities.ask(ONE, Add())) for _ in range(2)]
    await asyncio.wait_for(gate.arrived.wait(), 5)
    held = asyncio.get_running_loop().call_later(0.05, gate.release)
    await asyncio.gather(*both)
    assert held.when()
    assert grown("spikes_command_queue_seconds_sum", **COUNTER) >= 0.05


async def test_comings_and_goings_are_counted(start: Start, grown: Grown) -> None:
    entities = start(max_entities=1)
    for name in ("activations", "passivations"):
        grown(f"spikes_{name}_total", **COUNTER)
    await entities.ask(ONE, Add())
    await entities.ask(TWO, Add())
    async with asyncio.timeout(30):
        while await entities.active("counter") > 1:
            pass
    assert grown("spikes_activations_total", **COUNTER) == 2
    assert grown("spikes_passivations_total", **COUNTER) == 1


async def test_entities_in_memory_are_read_until_the_end(start: Start) -> None:
    entities = start(max_entities=7)
    await entities.ask(ONE, Add())
    assert metrics.sample("spikes_entities_active", COUNTER) == 1
    assert metrics.sample("spikes_entities_limit", COUNTER) == 7
    assert metrics.sample("spikes_feed_clients") == 0
    assert metrics.sample("spikes_mailbox_messages") == 0
    await entities.close()
    assert metrics.sample("spikes_entities_active", COUNTER) is None


async def test_a_recovery_is_timed_with_its_events(start: Start, grown: Grown) -> None:
    first = start()
    await asyncio.gather(*(first.ask(ONE, Add()) for _ in range(3)))
    for name in ("seconds_count", "events_count", "events_sum"):
        grown(f"spikes_recovery_{name}", **COUNTER)
    await start().ask(ONE, Read())
    assert grown("spikes_recovery_seconds_count", **COUNTER) == 1
    assert (grown("spikes_recovery_events_count", **COUNTER), grown("spikes_recovery_events_sum", **COUNTER)) == (1, 0)


async def test_a_recovery_without_snapshot_reads_events(start: Start, grown: Grown) -> None:
    first = start()
    await asyncio.gather(*(first.ask(ONE, Add()) for _ in range(3)))
    newer = msgspec.structs.replace(counter, schema=msgspec.structs.replace(counter.schema, state_version=2))
    grown("spikes_recovery_events_sum", **COUNTER)
    second = EntitySystem.start(first._journal, [newer])
    await second.ask(ONE, Read())
    await second.close()
    assert grown("spikes_recovery_events_sum", **COUNTER) == 3


async def test_a_lost_race_is_a_conflict_and_a_retry(start: Start, journal: MemoryJournal, grown: Grown) -> None:
    faulty = FaultyJournal(journal)
    first, second = start(faulty), start()
    for name in ("conflicts", "retries"):
        grown(f"spikes_{name}_total", **COUNTER)
    await overtaken(first, second, faulty)
    assert grown("spikes_conflicts_total", **COUNTER) == 1
    assert grown("spikes_retries_total", **COUNTER) == 1


async def test_a_command_overtaken_too_often_is_in_the_inbox(
    start: Start, journal: MemoryJournal, here: Telemetry, grown: Grown
) -> None:
    faulty = FaultyJournal(journal)
    first, second = start(faulty), start()
    asked = None
    for _ in range(RETRIES + 1):
        gate = faulty.delay("append")
        asked = asked or asyncio.create_task(first.ask(ONE, Add(), request_id="r1"))
        await asyncio.wait_for(gate.arrived.wait(), 5)
        await second.ask(ONE, Add())
        gate.release()
    assert asked is not None
    assert outcome_of(await asked) == "busy"
    (group,) = here.errors.groups()
    assert (group.kind, group.summary) == ("conflict", "Add: busy")
    assert group.sample == {"persistence_id": "counter|one", "request_id": "r1"}


async def test_a_failed_command_is_in_the_inbox_without_its_text(start: Start, here: Telemetry) -> None:
    await start().ask(ONE, Break(), request_id="r1")
    (group,) = here.errors.groups()
    assert group.kind == "failed_command"
    assert group.summary.startswith("Break: handler_failed, ZeroDivisionError at ")
    assert b"as asked" not in msgspec.json.encode(here.errors.groups())


async def test_a_command_not_answered_in_time_is_in_the_inbox(
    start: Start, journal: MemoryJournal, here: Telemetry, grown: Grown
) -> None:
    faulty = FaultyJournal(journal)
    entities, gate = start(faulty, ask_timeout=0.5), faulty.delay("append")
    grown("spikes_commands_total", **COUNTER, outcome="timed_out")
    with pytest.raises(AskTimeout):
        await entities.ask(ONE, Add())
    gate.release()
    assert [group.summary for group in here.errors.groups()] == ["Add: timed_out"]
    assert grown("spikes_commands_total", **COUNTER, outcome="timed_out") == 1


async def test_events_that_cannot_be_read_are_in_the_inbox(start: Start, here: Telemetry) -> None:
    first = start()
    await first.ask(ONE, Add())
    other = msgspec.structs.replace(
        counter,
        schema=msgspec.structs.replace(counter.schema, state_version=2),
        events=type(counter.events)({"counted@1": Add}),  # type: ignore[dict-item] # on purpose
    )
    second = EntitySystem.start(first._journal, [other])
    await second.ask(ONE, Read())
    await second.close()
    undecodable = next(group for group in here.errors.groups() if group.kind == "undecodable_event")
    assert undecodable.sample == {"persistence_id": "counter|one", "place": "counter|one: event 1 of type 'added@1'"}


async def test_a_message_that_an_actor_fails_on_is_in_the_inbox(
    start: Start, here: Telemetry, grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("secret text")

    entities = start()
    grown("spikes_poison_messages_total")
    monkeypatch.setattr(Region, "_deliver", fails)
    await entities.ask(ONE, Add())
    poison = next(group for group in here.errors.groups() if group.kind == "poison_message")
    assert poison.summary == "Region failed on Deliver"
    assert poison.sample["cause"].startswith("ZeroDivisionError at ")
    assert grown("spikes_poison_messages_total") == 1


async def test_a_message_to_nobody_is_in_the_inbox(start: Start, here: Telemetry, grown: Grown) -> None:
    entities = start()
    grown("spikes_dead_letters_total")
    entities._base.post(ActorAddress("/nobody"), "lost")
    await entities.ask(ONE, Read())
    assert [(group.kind, group.summary) for group in here.errors.groups()] == [("dead_letter", "str")]
    assert grown("spikes_dead_letters_total") == 1


def test_every_failure_of_the_core_has_an_outcome() -> None:
    def below(cls: type) -> set[type]:
        return {cls}.union(*map(below, cls.__subclasses__()))

    assert set(FAILURES) == below(Failure) - {Failure}
    assert outcome_of(Answer(Success(1), 1, "counter|one", replayed=True)) == "replayed"
    assert outcome_of(Answer(Error("a refusal of the domain"), 1, "counter|one")) == "refused"
