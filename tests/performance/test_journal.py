"""What the SQLite journal costs, as a table. Run by `make bench`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from spikes.journal import open_journal
from spikes.journal.port import (
    Append,
    Claim,
    EntityRow,
    IndexPart,
    Journal,
    Metadata,
    RowSchema,
    RowVersion,
    Snapshot,
    StoredEvent,
)

pytestmark = pytest.mark.bench

COLUMNS = {"owner": "text", "created": "integer", "updated": "integer", "status": "text"}
SCHEMA = RowSchema("note", 1, COLUMNS, (("created",), ("owner", "created")), ("title", "body"))  # type: ignore[arg-type]
STATE = b"s" * 1024
TEXT = "the quick brown fox jumps over the lazy dog and back again, twice a day but not on sundays"


def change(number: int, nr: int = 1) -> Append:
    """Return a typical write of a note: two terms, two claims when it is new, one text part, a snapshot of 1 KB."""
    pid = f"note|{number:013d}"
    columns: dict[str, str | int | None] = {
        "owner": f"user{number % 100:09d}",
        "created": number,
        "updated": number + nr,
        "status": "New",
    }
    search = {"": (f"note {number} of {nr}", TEXT)}
    terms = (("tag", f"t{number % 50}"), ("tag", f"u{number % 9}"))
    index = IndexPart(columns, b"i" * 400, terms, search, frozenset([""]), RowVersion(nr - 1, 1))
    event = StoredEvent(nr, "note-created@1", b"p" * 300, Metadata(1, f"attempt-{number}-{nr}", "user", "r", "c"))
    row = EntityRow(pid, nr, 1, index, Snapshot(nr, 1, STATE))
    claims = (Claim.of("slug", str(number)), Claim.of("own-slug", str(number))) if nr == 1 else ()
    return Append(pid, nr - 1, (event,), row, claims)


async def rate(count: int, at_once: int, run: Callable[[int], Awaitable[object]]) -> float:
    """Return how often a second `run` ends when `at_once` of them are always under way."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await run(number)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return count / (time.perf_counter() - started)


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[[str, float, str], None]:
    def line(what: str, value: float, unit: str) -> None:
        with capsys.disabled():
            print(f"\n{what:<48}{value:>12,.1f} {unit}", end="")

    return line


async def test_the_journal_in_figures(tmp_path: Path, show: Callable[[str, float, str], None]) -> None:
    journal = await open_journal(f"sqlite:///{tmp_path}/spikes.db", [SCHEMA])
    count = 20_000
    show("appends of new notes, 64 at once", await rate(count, 64, lambda n: journal.append(change(n))), "/s")
    show("appends to them, 64 at once", await rate(count, 64, lambda n: journal.append(change(n, 2))), "/s")
    alone = await rate(500, 1, lambda n: journal.append(change(count + n)))
    show("one append alone", 1e6 / alone, "us")
    show("loads of a snapshot, 16 at once", await rate(count, 16, lambda n: journal.load(f"note|{n:013d}", 1)), "/s")
    show("one load alone", 1e6 / await rate(2000, 1, lambda n: journal.load(f"note|{n:013d}", 1)), "us")
    show("is_current, nothing moved", await current(journal, 100_000), "us")
    figures = await journal.statistics()
    show("appends a commit", figures.appends / figures.group_commits, "")
    show("bytes an append", (figures.bytes or 0) / figures.appends, "B")
    await journal.close()


async def current(journal: Journal, count: int) -> float:
    """Return the microseconds of one check."""
    pid = f"note|{1:013d}"
    journal.watch(pid)
    await journal.load(pid, 1)
    assert journal.is_current(pid, 2)
    started = time.perf_counter()
    for _ in range(count):
        journal.is_current(pid, 2)
    return (time.perf_counter() - started) / count * 1e6
