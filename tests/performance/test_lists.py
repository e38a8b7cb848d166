"""Lists and search over HTTP while the journal grows: a page must not cost more because there are more notes.

SPIKES_BENCH_NOTES says how far (100,000 unless told; the target is a million, which takes minutes to make once).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
import pytest

from tests.performance.populate import TAG_IDS, Words, email, kept
from tests.performance.table import Table
from tests.performance.test_http import resident_mb
from tests.processes import Running
from tests.storm import login, spikes

pytestmark = pytest.mark.bench

MOST = int(os.environ.get("SPIKES_BENCH_NOTES", "100000"))
SIZES = [size for size in (10_000, 100_000, 1_000_000) if size <= MOST]
REQUESTS = 300
LIST_P99, SEARCH_P99, START_SECONDS = 20, 50, 2


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds of requests one after another."""

    median: float
    p99: float


class Client:
    """Somebody who reads lists; draws from its own words what to search for."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session, self._url = session, url
        self._headers = {"Authorization": f"Bearer {token}"}
        self.words = Words(7)

    async def get(self, path: str) -> str | None:
        """Read a page; return where the next one is."""
        async with self._session.get(f"{self._url}{path}", headers=self._headers) as answer:
            await answer.read()
            assert answer.status == 200, await answer.text()
            return answer.headers.get("Link", "").partition("<")[2].partition(">")[0] or None

    async def page(self, path: str, number: int) -> str:
        """Return where a page is, after following so many links or to the last one."""
        for _ in range(number):
            following = await self.get(path)
            if following is None:
                return path
            path = following
        return path

    def search(self, path: str = "/notes?limit=20") -> str:
        """Return a search for one word or two; one in ten is a prefix."""
        words = self.words.draw(self.words.random.choice((1, 1, 2)))
        if self.words.random.random() < 0.1:
            words[-1] = words[-1][: self.words.random.randint(3, 5)] + "*"
        return f"{path}&q={'+'.join(words)}"

    def phrase(self) -> str:
        """Return a search for two words next to each other, of the hundred most common ones."""
        return f"/notes?limit=20&q=%22{'+'.join(self.words.random.sample(self.words.all[:100], 2))}%22"


async def latency(run: Callable[[], Awaitable[object]], requests: int = REQUESTS) -> Latency:
    """Return how long requests take, after a few that are not counted."""
    took = []
    for number in range(requests + 10):
        began = time.perf_counter()
        await run()
        if number >= 10:
            took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return Latency(took[len(took) // 2], took[len(took) * 99 // 100])


LISTS = {
    "mine": "/notes/mine?",
    "mine, by due": "/notes/mine?sort=due",
    "mine, by title, one status": "/notes/mine?sort=title&status=Doing",
    "mine, one tag": f"/notes/mine?tag={TAG_IDS[0]}",
    "all": "/notes?",
    "all, by change": "/notes?sort=-updated",
    "all, by title, one status": "/notes?sort=title&status=Doing",
    "all, two tags": f"/notes?tag={TAG_IDS[0]}&tag={TAG_IDS[1]}",
    "all, due in a day": "/notes?due_before=2020-01-14T00:00:00Z",
}
SEARCHES = {
    "search all": "/notes?limit=20",
    "search mine": "/notes/mine?limit=20",
    "search all, one status, newest": "/notes?limit=20&status=Doing&sort=-created",
}


async def measure(client: Client) -> dict[str, Latency]:
    """Return the latency of each kind of page."""
    found = {}
    for name, path in LISTS.items():
        found[f"{name}, first page"] = await latency(lambda: client.get(path))  # noqa: B023
        later = await client.page(path, 20)
        found[f"{name}, later page"] = await latency(lambda: client.get(later))  # noqa: B023
    for name, path in SEARCHES.items():
        found[name] = await latency(lambda: client.get(client.search(path)))  # noqa: B023
    found["search all, a phrase"] = await latency(lambda: client.get(client.phrase()))
    found["tag cloud"] = await latency(lambda: client.get("/tags/cloud"))
    return found


def at(service: Running) -> str:
    return f"http://127.0.0.1:{service.port}"


async def test_a_page_costs_the_same_however_many_notes_there_are() -> None:
    results = {}
    for size in SIZES:
        folder, began = await asyncio.to_thread(kept, size), time.perf_counter()
        async with spikes(folder) as service, aiohttp.ClientSession() as session:
            start = time.perf_counter() - began
            results[size] = await measure(Client(session, at(service), await login(session, at(service), email(0))))
            resident = resident_mb(service.process.pid)
        print(f"{size:,} notes: ready after {start:.2f} s, {resident:.0f} MB resident, load {os.getloadavg()[0]:.1f}")
        assert start < START_SECONDS
    show(results)
    for found in results.values():
        assert max(each.p99 for name, each in found.items() if "page" in name) < LIST_P99
        assert max(each.p99 for name, each in found.items() if "page" not in name) < SEARCH_P99


def show(results: dict[int, dict[str, Latency]]) -> None:
    columns = [f"{size:,}: {figure}" for size in results for figure in ("median ms", "p99 ms")]
    table = Table("Lists and search over HTTP, one request after another, by the number of notes", *columns)
    for name in next(iter(results.values())):
        figures = [figure for found in results.values() for figure in (found[name].median, found[name].p99)]
        table.row(name, *(f"{figure:.1f}" for figure in figures))
    table.print()
