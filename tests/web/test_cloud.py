"""The tag cloud: what is counted, for whom, and how old it may be."""

from __future__ import annotations

import asyncio

import pytest

from spikes.journal.memory import MemoryJournal
from spikes.journal.port import Query
from spikes.web.cloud import CHEAP, OLDEST, SHOWN, TagCloud, weight
from tests.web.conftest import Api, Person
from tests.web.test_tags import tag


async def counts(api: Api, who: Person | None = None) -> dict[str, int]:
    answer = await api.get("/tags/cloud", who)
    assert answer.status == 200
    return {each["title"]: each["count"] for each in answer.content}


async def test_counts_what_the_caller_may_see(api: Api, ann: Person, bob: Person) -> None:
    red, blue = await tag(api, ann, "red", color="ff0000"), await tag(api, ann, "blue")
    await api.note(ann, "One", tags=[red["id"]])
    await api.note(ann, "Two", tags=[red["id"], blue["id"]], access="Private")
    trashed = await api.note(ann, "Three", tags=[blue["id"]])
    await api.delete(f"/notes/{trashed['id']}", ann)
    assert await counts(api) == {"red": 1}
    assert await counts(api, bob) == {"red": 1}
    assert await counts(api, ann) == {"red": 2, "blue": 1}
    first = (await api.get("/tags/cloud", ann)).content[0]
    assert first == {"id": red["id"], "title": "red", "color": "ff0000", "count": 2, "weight": 5}


async def test_counts_no_removed_tags(api: Api, ann: Person) -> None:
    red = await tag(api, ann, "red")
    await api.note(ann, tags=[red["id"]])
    await api.delete(f"/tags/{red['id']}", ann)
    assert await counts(api) == {}


@pytest.mark.parametrize(("count", "top", "expected"), [(1, 1, 1), (1, 100, 1), (10, 100, 3), (100, 100, 5), (2, 2, 5)])
def test_weighs_by_the_logarithm(count: int, top: int, expected: int) -> None:
    assert weight(count, top) == expected


class Slow(MemoryJournal):
    """A journal in which counting takes time, and may be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.took = CHEAP
        self.counted = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def term_counts(self, query: Query, name: str) -> dict[str, int]:
        self.counted += 1
        await self.goes_on.wait()
        self.seconds += self.took
        return {}

    def monotonic(self) -> float:
        return self.seconds


async def show(cloud: TagCloud, journal: Slow) -> None:
    await cloud.show(journal, journal.monotonic, None)
    await asyncio.sleep(0)


async def test_keeps_dear_counts_for_five_seconds() -> None:
    cloud, journal = TagCloud(), Slow()
    await show(cloud, journal)
    journal.seconds = OLDEST / 2 - 0.001
    await show(cloud, journal)
    assert journal.counted == 1


async def test_counts_ahead_so_that_nobody_waits() -> None:
    cloud, journal = TagCloud(), Slow()
    await show(cloud, journal)
    journal.seconds = OLDEST - 0.001
    journal.goes_on.clear()
    await show(cloud, journal)
    await show(cloud, journal)
    assert journal.counted == 2
    journal.goes_on.set()


async def test_counts_the_earlier_ahead_the_longer_it_takes() -> None:
    cloud, journal = TagCloud(), Slow()
    journal.took = 2.0
    await show(cloud, journal)
    await show(cloud, journal)
    assert (journal.counted, journal.seconds) == (2, 4.0)


async def test_shows_nothing_older_than_five_seconds() -> None:
    cloud, journal = TagCloud(), Slow()
    await show(cloud, journal)
    journal.seconds = OLDEST
    journal.goes_on.clear()
    waiting = [asyncio.create_task(show(cloud, journal)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    journal.goes_on.set()
    await asyncio.gather(*waiting)
    assert journal.counted == 2


async def test_counts_anew_what_costs_little() -> None:
    cloud, journal = TagCloud(), Slow()
    journal.took = CHEAP / 2
    await show(cloud, journal)
    await show(cloud, journal)
    assert journal.counted == 2


async def test_tells_that_the_journal_is_away_and_counts_again(api: Api, ann: Person) -> None:
    red = await tag(api, ann, "red")
    await api.note(ann, tags=[red["id"]])
    api.journal.fail("term_counts")
    assert (await api.get("/tags/cloud")).status == 503
    assert await counts(api) == {"red": 1}


async def test_shows_the_tags_that_are_used_most(api: Api, ann: Person) -> None:
    made = [(await tag(api, ann, f"{number:03}"))["id"] for number in range(SHOWN + 1)]
    for start in range(0, SHOWN + 1, 50):
        await api.note(ann, f"{start}", tags=made[start : start + 50])
    await api.note(ann, "Last", tags=made[-1:])
    seen = await counts(api)
    assert len(seen) == SHOWN
    assert next(iter(seen.items())) == (f"{SHOWN}", 2)
