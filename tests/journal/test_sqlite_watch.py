"""Rule S5 for those who keep an answer of an entity longer than the entity stays in memory; news of other writers."""

from __future__ import annotations

import asyncio

import pytest

from spikes.journal.sqlite import LOOK_SECONDS, SqliteJournal
from tests.journal.samples import append


async def test_s5_what_came_before_the_watch_is_unknown_until_it_is_read(
    sqlite: SqliteJournal, another: SqliteJournal
) -> None:
    await another.append(append())
    sqlite.watch("note|1")
    assert sqlite.is_current("note|1", 1) is None


async def test_s5_an_answer_older_than_what_was_read_is_not_current(
    sqlite: SqliteJournal, another: SqliteJournal
) -> None:
    await another.append(append())
    await another.append(append(after=1))
    sqlite.watch("note|1")
    await sqlite.load("note|1", 1)
    assert (sqlite.is_current("note|1", 1), sqlite.is_current("note|1", 2)) == (False, True)


async def test_what_another_writer_appends_ends_the_wait_soon(sqlite: SqliteJournal, another: SqliteJournal) -> None:
    waiting = asyncio.ensure_future(sqlite.wait_for_more(0))
    await asyncio.sleep(0)
    await another.append(append())
    await asyncio.wait_for(waiting, 20)
    assert LOOK_SECONDS < 0.1


async def test_an_own_append_ends_the_wait_without_another_look(
    sqlite: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikes.journal.sqlite.LOOK_SECONDS", 60)
    waiting = asyncio.ensure_future(sqlite.wait_for_more(0))
    await asyncio.sleep(0)
    await sqlite.append(append())
    await asyncio.wait_for(waiting, 5)
