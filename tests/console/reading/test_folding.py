"""Time travel: the state at any version, what a version changed, and how far a broken stream can be folded."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from spikes.console import folding
from spikes.console.folding import MOST_CHANGES, SLICE, Change, differences, folds, version_at
from spikes.journal.memory import MemoryJournal
from tests.console.reading.damaging import EVERYWHERE, GAPS, lose
from tests.console.reading.world import ANNS_NOTE, BY_KIND, World, event, store

NOTES = BY_KIND["note"]
PID = str(ANNS_NOTE)


@EVERYWHERE
async def test_each_version_has_its_state_and_its_changes(world: World) -> None:
    await world.write("First")
    await world.change("Second")
    await world.change("Third")
    then = await version_at(world.journal, NOTES, PID, 2)
    assert (then.version, then.state["title"], then.problem) == (2, "Second", None)
    assert Change("title", "First", "Second") in then.changes


async def test_the_first_version_is_compared_with_nothing(world: World) -> None:
    await world.write("First")
    first = await version_at(world.journal, NOTES, PID, 1)
    assert Change("title", after="First", added=True) in first.changes


async def test_a_version_that_is_yet_to_come_is_the_last(world: World) -> None:
    await world.write()
    assert (await version_at(world.journal, NOTES, PID, 9)).version == 1


async def test_a_fold_stops_before_what_can_not_be_decoded(world: World) -> None:
    await world.write()
    await store(world.journal, PID, event(2))
    broken = await version_at(world.journal, NOTES, PID, 2)
    assert (broken.version, broken.state["title"]) == (1, "A secret plan")
    assert "note-created@9" in (broken.problem or "")


@GAPS
async def test_a_fold_stops_before_a_gap(world: World) -> None:
    await world.write("First")
    await world.change("Second")
    await world.change("Third")
    await lose(world.journal, PID, 2)
    broken = await version_at(world.journal, NOTES, PID, 3)
    assert (broken.version, broken.problem is None) == (1, False)


async def test_a_fold_that_takes_too_long_is_given_up() -> None:
    journal = MemoryJournal([NOTES.schema])
    note: dict[str, object] = {
        "id": "1",
        "owner": "a",
        "slug": "",
        "due": None,
        "status": "New",
        "access": "Public",
        "tags": [],
    }
    created = msgspec.json.encode({**note, "title": "", "body": "", "created": 1})
    events = [event(1, "note-created@1", created)]
    events += [event(number, "note-updated@1", b'{"updated":2}') for number in range(2, 2 * SLICE + 1)]
    await store(journal, PID, *events)
    with pytest.raises(TimeoutError, match=f"given up after 0 s at event {SLICE}"):
        [each async for each in folds(journal, NOTES, PID, 2 * SLICE, seconds=0)]
    assert (await version_at(journal, NOTES, PID, 2 * SLICE)).version == 2 * SLICE


async def test_others_get_their_turn_while_much_is_folded() -> None:
    journal = MemoryJournal([NOTES.schema])
    await store(journal, PID, *(event(number) for number in range(1, 3 * SLICE + 1)))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    assert len([each async for each in folding.events_in_slices(journal, PID, 10**9)]) == 3 * SLICE
    counting.cancel()
    assert turns >= 3


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [Change("a", 1, 2)]),
        ({"a": {"b": 1}}, {"a": {"b": None}}, [Change("a.b", 1, None)]),
        ({"a": 1}, {}, [Change("a", before=1, removed=True)]),
        ({"l": [1, 2]}, {"l": [1, 3, 4]}, [Change("l/1", 2, 3), Change("l/2", after=4, added=True)]),
        ({"l": [{"id": "x"}, {"id": "y"}]}, {"l": [{"id": "y"}]}, [Change("l/x", before={"id": "x"}, removed=True)]),
        ([{"id": "x"}, {"id": "x"}], [{"id": "x"}], [Change("/1", before={"id": "x"}, removed=True)]),
        (1, "1", [Change("", 1, "1")]),
    ],
)
def test_differences_name_the_place_and_both_sides(before: object, after: object, expected: list[Change]) -> None:
    assert differences(before, after) == expected


def test_differences_are_told_up_to_a_limit() -> None:
    assert len(differences({}, dict.fromkeys(map(str, range(MOST_CHANGES))))) == MOST_CHANGES
    assert len(differences({}, dict.fromkeys(map(str, range(MOST_CHANGES + 1))))) == MOST_CHANGES
