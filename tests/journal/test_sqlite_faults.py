"""Rules S1, S2 and S3: what is answered when the disk is slow, full or broken."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from spikes.journal import sqlite, sqlite_writer
from spikes.journal.errors import JournalUnavailable, OutcomeUnknown, SequenceConflict
from spikes.journal.port import Append, Appended
from spikes.journal.sqlite import SqliteJournal, open_sqlite
from tests.journal.disk import Disk
from tests.journal.samples import SCHEMAS, append, event, listing, row, store_carefully


@pytest.fixture
def disk() -> Iterator[Disk]:
    faulty = Disk()
    yield faulty
    faulty.unregister()


@pytest.fixture
async def journal(disk: Disk, path: str, way: str) -> AsyncIterator[SqliteJournal]:
    opened = await open_sqlite(path, SCHEMAS, vfs=disk.name)
    if way == "carefully":
        store_carefully(opened)
    yield opened
    disk.repair()
    await opened.close()


def large(pid: str) -> Append:
    return replace(append(pid), events=(event(payload=bytes(2 * 1024 * 1024)),))


async def limit_pages(journal: SqliteJournal, more: int) -> None:
    """Leave room for so many pages more, as a disk quota does, whoever opens the file."""
    connect = journal._store._connect
    pages = await journal._write(lambda db: int(db.pragma("page_count"))) + more

    def limited() -> apsw.Connection:
        db = connect()
        db.pragma("max_page_count", pages)
        return db

    journal._store._connect = limited
    await journal._write(lambda db: db.pragma("max_page_count", pages))


async def test_s1_no_answer_before_the_commit_is_on_disk(journal: SqliteJournal, disk: Disk) -> None:
    held = disk.hold_sync()
    answer = asyncio.ensure_future(journal.append(append()))
    assert await asyncio.to_thread(held.reached.wait, 10)
    assert not answer.done()
    assert await journal.events("note|1") == ()
    held.release.set()
    assert await asyncio.wait_for(answer, 10) == Appended(1)


@pytest.mark.parametrize(("count", "slow", "commits"), [(32, False, 1), (64, False, 2), (64, True, 1)])
async def test_s1_one_commit_for_what_waits(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch, count: int, slow: bool, commits: int
) -> None:
    monkeypatch.setattr(sqlite_writer, "SLOW", 60)
    journal._writer._slow = slow
    await asyncio.gather(*(journal.append(append(f"note|{n}")) for n in range(count)))
    assert (await journal.statistics()).group_commits == commits


async def test_s1_one_refusal_spoils_nobody_elses_write(journal: SqliteJournal) -> None:
    group = [journal.append(append(f"note|{n}", after=int(n == 3))) for n in range(6)]
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert isinstance(answers.pop(3), SequenceConflict)
    assert answers == [Appended(1)] * 5


async def test_s2_a_full_disk_spoils_only_what_has_no_room(journal: SqliteJournal) -> None:
    await limit_pages(journal, 100)
    group = [large("note|large") if n == 3 else append(f"note|{n}") for n in range(6)]
    answers = await asyncio.gather(*(journal.append(each) for each in group), return_exceptions=True)
    assert isinstance(answers.pop(3), JournalUnavailable)
    assert answers == [Appended(1)] * 5
    assert "note|large" not in await journal.persistence_ids()
    assert len(await journal.persistence_ids()) == 5
    assert await journal.verify() == ()


async def test_s2_what_can_never_be_stored_spoils_only_itself(journal: SqliteJournal) -> None:
    group = [append(f"note|{n}", attempt="\ud800" if n == 3 else "fine") for n in range(6)]
    answers = await asyncio.gather(*(journal.append(each) for each in group), return_exceptions=True)
    assert "can't be stored" in str(answers.pop(3))
    assert answers == [Appended(1)] * 5


async def test_too_many_that_wait_are_turned_away(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "MOST_WAITING", 3)
    group = [journal.append(append(f"note|{n}")) for n in range(5)]
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert answers[:3] == [Appended(1)] * 3
    assert [type(answer) for answer in answers[3:]] == [JournalUnavailable] * 2
    assert await journal.append(append("note|9")) == Appended(1)


async def test_a_full_disk_loses_nothing_and_recovers(journal: SqliteJournal, disk: Disk) -> None:
    await journal.append(append())
    disk.fill_up()
    with pytest.raises((JournalUnavailable, OutcomeUnknown)):
        await journal.append(append(after=1))
    with pytest.raises(JournalUnavailable):
        await journal.ping()
    disk.repair()
    await journal.ping()
    assert await journal.append(append(after=1)) == Appended(2)


async def test_s3_a_failed_commit_is_not_stored_after_a_fence(journal: SqliteJournal, disk: Disk, path: str) -> None:
    await journal.append(append("note|before"))  # so that the log has been started, and the sync lost is the commit's
    disk.lose_next_sync()
    with pytest.raises(JournalUnavailable):
        await journal.append(append())
    assert await after_a_crash(path) == ()
    assert await journal.append(append(attempt="again")) == Appended(1)


async def test_s3_a_failed_commit_that_took_effect_is_a_success(journal: SqliteJournal) -> None:
    await journal._write(lambda db: db.set_wal_hook(lambda *_: apsw.SQLITE_IOERR))
    assert await asyncio.gather(*(journal.append(append(f"note|{n}")) for n in range(3))) == [Appended(1)] * 3
    assert len(await journal.stream()) == 3


async def test_s3_after_a_fence_the_rest_of_a_group_is_stored(journal: SqliteJournal, disk: Disk) -> None:
    await journal.append(append("note|before"))
    before = await generation(journal)
    disk.lose_next_sync()
    answers = await asyncio.gather(*(journal.append(append(f"note|{n}")) for n in range(3)), return_exceptions=True)
    assert await generation(journal) == before + 1
    stored = [f"note|{n}" for n, answer in enumerate(answers) if answer == Appended(1)]
    assert await journal.persistence_ids() == (*stored, "note|before")


async def test_s3_refusals_of_a_failed_commit_stay_refusals(journal: SqliteJournal, disk: Disk) -> None:
    disk.lose_next_sync()
    group = journal.append(append("note|1")), journal.append(append("note|2", after=1))
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalUnavailable, SequenceConflict]


async def test_s3_a_job_that_could_not_commit_asks_for_a_fence_too(journal: SqliteJournal, disk: Disk) -> None:
    await journal.append(append(index=listing(created=1)))
    disk.lose_next_sync()
    with pytest.raises(JournalUnavailable):
        await journal.replace_rows([row(index=listing(created=2))])
    before = await generation(journal)
    assert await journal.replace_rows([row(index=listing(created=2))]) == 1
    assert await generation(journal) == before + 1


async def generation(journal: SqliteJournal) -> int:
    return await journal._read(lambda db: int(db.execute("SELECT generation FROM meta").get))


async def test_s3_without_a_fence_the_outcome_is_unknown(journal: SqliteJournal, disk: Disk) -> None:
    disk.die()
    with pytest.raises(OutcomeUnknown):
        await journal.append(append())
    with pytest.raises(JournalUnavailable):
        await journal.append(append("note|2"))
    with pytest.raises(JournalUnavailable):
        await journal.ping()


async def test_s3_a_later_fence_makes_the_journal_ready(journal: SqliteJournal, disk: Disk, path: str) -> None:
    disk.die()
    with pytest.raises(OutcomeUnknown):
        await journal.append(append())
    disk.repair()
    await journal.ping()
    assert await after_a_crash(path) == await journal.events("note|1")


async def after_a_crash(path: str) -> tuple[object, ...]:
    """Return the events that a copy of the files, made in this very moment by another process, has."""
    copy = Path(path).parent / "crashed"
    copy.mkdir()
    await asyncio.to_thread(subprocess.run, ["cp", path, f"{path}-wal", str(copy)], check=True)
    crashed = await open_sqlite(str(copy / Path(path).name), SCHEMAS)
    try:
        return await crashed.events("note|1")
    finally:
        await crashed.close()
