"""Consistency: the fold from zero against the stored row and live actors, of one entity and of many."""

from __future__ import annotations

import random

import msgspec
import pytest

from spikes.actors.looking import LiveEntity
from spikes.bootstrap import BEHAVIORS
from spikes.console.checking import MOST_SAMPLED, Check, Part, check, check_sample
from spikes.console.folding import Change
from spikes.journal.port import EntityRow, Snapshot
from tests.console.reading.damaging import EVERYWHERE, GAPS, lose
from tests.console.reading.world import ANNS_NOTE, BY_KIND, World, event, store

NOTES = BY_KIND["note"]
PID = str(ANNS_NOTE)


async def checked(world: World) -> Check:
    live = world.entities.look(ANNS_NOTE)
    return await check(world.journal, NOTES, PID, [("live actor", live)] if live else ())


def outcomes(result: Check) -> dict[str, str]:
    return {part.name: part.outcome for part in result.parts}


def part(result: Check, name: str) -> Part:
    return next(part for part in result.parts if part.name == name)


async def damage_row(world: World, number: int, state: bytes, version: int = NOTES.state_version) -> None:
    row = EntityRow(PID, number, version, None, Snapshot(number, version, state))
    assert await world.journal.replace_rows([row]) == 1


@EVERYWHERE
async def test_a_healthy_entity_is_the_same_everywhere(world: World) -> None:
    await world.write()
    await world.change("Another title")
    result = await checked(world)
    assert result.consistent
    assert set(outcomes(result).values()) == {"same"}
    assert list(outcomes(result)) == ["stored state", "row", "list item", "live actor"]


@EVERYWHERE
async def test_a_damaged_state_is_told_with_the_difference(world: World) -> None:
    await world.write("Right")
    stored = (await world.journal.load(PID, NOTES.state_version)).snapshot
    assert stored is not None
    await damage_row(world, 1, stored.state.replace(b"Right", b"Wrong"))
    result = await checked(world)
    assert not result.consistent
    assert part(result, "stored state").differences == [Change("/1.title", "Wrong", "Right")]
    assert part(result, "list item").detail == "not listed, and should be"


async def test_an_actor_that_differs_is_told(world: World) -> None:
    await world.write("Right")
    live = world.entities.look(ANNS_NOTE)
    assert live is not None
    assert live.state is not None
    wrong = msgspec.structs.replace(live.state, state=live.state.state.replace(b"Right", b"Wrong"))
    result = await check(world.journal, NOTES, PID, [("worker 7", msgspec.structs.replace(live, state=wrong))])
    assert part(result, "worker 7").differences == [Change("/1.title", "Wrong", "Right")]


async def test_an_actor_that_is_behind_is_right_so_far(world: World) -> None:
    await world.write()
    live = world.entities.look(ANNS_NOTE)
    assert live is not None
    await world.change("Another title")
    result = await check(world.journal, NOTES, PID, [("live actor", live)])
    assert (part(result, "live actor").outcome, result.consistent) == ("behind", True)


async def test_an_actor_ahead_of_the_journal_is_different(world: World) -> None:
    await world.write()
    live = world.entities.look(ANNS_NOTE)
    assert live is not None
    assert live.state is not None
    ahead = msgspec.structs.replace(live, sequence_nr=5, state=msgspec.structs.replace(live.state, sequence_nr=5))
    assert not (await check(world.journal, NOTES, PID, [("live actor", ahead)])).consistent


async def test_a_broken_actor_is_different(world: World) -> None:
    await world.write()
    live = world.entities.look(ANNS_NOTE)
    assert live is not None
    broken: LiveEntity = msgspec.structs.replace(live, broken="it can't be read")
    assert "can't be read" in part(await check(world.journal, NOTES, PID, [("it", broken)]), "it").detail


async def test_a_row_of_another_state_version_is_no_damage(world: World) -> None:
    await world.write()
    await damage_row(world, 1, b"of the next release", NOTES.state_version + 1)
    result = await checked(world)
    assert outcomes(result)["row"] == "another version"


async def test_events_that_can_not_be_folded_are_the_problem(world: World) -> None:
    await store(world.journal, PID, event(1))
    result = await checked(world)
    assert (result.consistent, "can't be decoded" in (result.problem or "")) == (False, True)


@GAPS
@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_gap_anywhere_is_the_problem(world: World, number: int) -> None:
    await world.write()
    await world.change("Second")
    await world.change("Third")
    await lose(world.journal, PID, number)
    result = await checked(world)
    assert (result.consistent, result.problem is None) == (False, False)


async def test_a_sample_finds_nothing_wrong_with_what_is_right(world: World) -> None:
    await world.register()
    await world.write()
    result = await check_sample(world.journal, BEHAVIORS, 2, world.entities.look, chance=random.Random(1))
    assert (result.checked, list(result.inconsistent)) == (2, [])


@EVERYWHERE
async def test_a_sample_finds_what_is_wrong(world: World) -> None:
    await world.write()
    await store(world.journal, "tag|1", event(1))
    result = await check_sample(world.journal, BEHAVIORS, 50, world.entities.look, chance=random.Random(1))
    assert [each.persistence_id for each in result.inconsistent] == ["tag|1"]
    assert result.checked == 2


async def test_a_sample_ends_when_its_time_is_over(world: World) -> None:
    await world.write()
    result = await check_sample(world.journal, BEHAVIORS, 10**9, world.entities.look, seconds=-1)
    assert (result.wanted, result.checked, result.cut_short) == (MOST_SAMPLED, 0, True)


async def test_a_sample_of_an_empty_journal_is_empty(world: World) -> None:
    assert (await check_sample(world.journal, BEHAVIORS, 10, world.entities.look)).checked == 0


async def test_checking_activates_nothing(world: World) -> None:
    await store(world.journal, PID, event(1))
    before = world.entities.live_actors
    await checked(world)
    await check_sample(world.journal, BEHAVIORS, 5, world.entities.look)
    assert world.entities.live_actors == before
