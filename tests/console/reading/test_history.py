"""The history of one entity: pages, filters, and what is damaged."""

from __future__ import annotations

import pytest

from spikes.console.history import LIMIT, Filter, HistoryPage, ShownEvent, event_at, history
from spikes.console.masking import mask
from spikes.console.reading import Damage, head_of
from spikes.journal.errors import JournalError, JournalUnavailable
from spikes.journal.faulty import FaultyJournal
from spikes.journal.memory import MemoryJournal
from tests.console.reading.damaging import EVERYWHERE, GAPS, lose
from tests.console.reading.world import ANN, ANNS_NOTE, BY_KIND, World, event, store

NOTES = BY_KIND["note"]
PID = str(ANNS_NOTE)


def numbers(page: HistoryPage) -> list[object]:
    return [e.sequence_nr if isinstance(e, ShownEvent) else (e.first, e.last) for e in page.entries]


async def test_an_event_is_shown_with_who_and_what_led_to_it(world: World) -> None:
    await world.write()
    (entry,) = (await history(world.journal, NOTES, PID)).entries
    assert isinstance(entry, ShownEvent)
    assert (entry.sequence_nr, entry.type, entry.problem) == (1, "note-created@1", None)
    assert (entry.metadata.principal, entry.metadata.request_id) == (ANN, "request-1")
    assert entry.payload["title"] == mask("A secret plan")


async def test_revealed_payloads_hold_the_texts(world: World) -> None:
    await world.write()
    (entry,) = (await history(world.journal, NOTES, PID, revealed=True)).entries
    assert isinstance(entry, ShownEvent)
    assert entry.payload["title"] == "A secret plan"


@EVERYWHERE
async def test_pages_go_from_the_newest_to_the_oldest(world: World) -> None:
    await store(world.journal, PID, *(event(number) for number in range(1, 8)))
    first = await history(world.journal, NOTES, PID, limit=3)
    second = await history(world.journal, NOTES, PID, first.older, limit=3)
    third = await history(world.journal, NOTES, PID, second.older, limit=3)
    assert [numbers(page) for page in (first, second, third)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert (first.newer, second.newer, third.newer, third.older) == (None, 8, 5, None)


async def test_a_page_of_exactly_all_events_has_no_older_one(world: World) -> None:
    await store(world.journal, PID, *(event(number) for number in range(1, LIMIT + 1)))
    assert (await history(world.journal, NOTES, PID)).older is None


async def test_filters_let_through_what_fits(world: World) -> None:
    await world.write()
    await world.change("Another")
    await world.change("A third")
    page = await history(world.journal, NOTES, PID, wanted=Filter(type="note-updated"), limit=1)
    rest = await history(world.journal, NOTES, PID, page.older, Filter(type="note-updated@1"), limit=1)
    assert [numbers(each) for each in (page, rest)] == [[3], [2]]
    assert numbers(await history(world.journal, NOTES, PID, wanted=Filter(principal="nobody"))) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(Filter(since=1_002), [3, 2]), (Filter(until=1_002), [1]), (Filter(since=1_002, until=1_003), [2])],
)
async def test_a_filter_by_time_leaves_out_its_end(world: World, wanted: Filter, expected: list[int]) -> None:
    await store(world.journal, PID, event(1), event(2), event(3))
    assert numbers(await history(world.journal, NOTES, PID, wanted=wanted)) == expected


async def test_a_filter_looks_only_so_far_at_once() -> None:
    journal = MemoryJournal([NOTES.schema])
    await store(journal, PID, *(event(number) for number in range(1, 5_002)))
    page = await history(journal, NOTES, PID, wanted=Filter(type="none"))
    assert (page.entries, page.older, page.cut_short) == ((), 2, True)
    rest = await history(journal, NOTES, PID, page.older, Filter(type="none"))
    assert (rest.older, rest.cut_short) == (None, False)


async def test_an_event_that_can_not_be_decoded_is_shown(world: World) -> None:
    await store(world.journal, PID, event(1, payload=b"\xff<not json>"))
    (entry,) = (await history(world.journal, NOTES, PID)).entries
    assert isinstance(entry, ShownEvent)
    assert "known types are" in (entry.problem or "")
    assert entry.payload == mask("\ufffd<not json>")


@EVERYWHERE
async def test_events_of_an_unknown_kind_are_shown(world: World) -> None:
    await store(world.journal, "gadget|1", event(1))
    (entry,) = (await history(world.journal, None, "gadget|1")).entries
    assert isinstance(entry, ShownEvent)
    assert (entry.problem, entry.payload) == ("this release has no entities of this kind", {"text": mask("odd")})


@GAPS
async def test_a_gap_is_shown_where_it_is(world: World) -> None:
    await store(world.journal, PID, *(event(number) for number in range(1, 6)))
    await lose(world.journal, PID, 3)
    assert numbers(await history(world.journal, NOTES, PID)) == [5, 4, (3, 3), 2, 1]
    assert isinstance(await event_at(world.journal, NOTES, PID, 3), Damage)


@GAPS
async def test_a_row_that_tells_of_missing_events_shows_the_gap(world: World) -> None:
    await store(world.journal, PID, event(1), event(2))
    await lose(world.journal, PID, 2)
    page = await history(world.journal, NOTES, PID)
    assert numbers(page) == [(2, 2), 1]


async def test_one_event_has_a_place_of_its_own(world: World) -> None:
    await world.write()
    entry = await event_at(world.journal, NOTES, PID, 1)
    assert isinstance(entry, ShownEvent)
    assert await event_at(world.journal, NOTES, PID, 2) is None


@EVERYWHERE
async def test_nothing_is_found_of_what_never_was(world: World) -> None:
    page = await history(world.journal, NOTES, PID)
    assert (page.entries, page.head.exists) == ((), False)


async def test_a_page_that_can_not_be_read_as_one_is_read_event_by_event() -> None:
    journal = FaultyJournal(MemoryJournal([NOTES.schema]))
    await store(journal, PID, event(1), event(2))
    journal.reject("events", JournalError("what is stored is damaged"))
    assert numbers(await history(journal, NOTES, PID)) == [2, 1]


async def test_damage_at_the_end_is_told_with_the_head() -> None:
    journal = FaultyJournal(MemoryJournal([NOTES.schema]))
    await store(journal, PID, event(1), event(2))
    journal.reject("events", JournalError("what is stored is damaged"))
    head = await head_of(journal, PID)
    assert (head.number, head.problem) == (2, "what is stored is damaged")


async def test_a_journal_that_can_not_be_used_is_no_damage() -> None:
    journal = FaultyJournal(MemoryJournal([NOTES.schema]))
    await store(journal, PID, event(1))
    journal.fail("events")
    with pytest.raises(JournalUnavailable):
        await history(journal, NOTES, PID)
