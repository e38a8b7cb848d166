"""Replicas under load on the same notes, e-mails, slugs and keys: nothing lost, nothing doubled, all of one mind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.replicas.crowd import Crowd, crowd
from tests.replicas.services import end, replicas, verify
from tests.storm import Ledger, compare, storm


async def share(folder: Path, url: str, count: int, answers: int) -> str:
    """Write by several replicas at once, judge everything, and return what there was to see."""
    ledger = Ledger()
    async with replicas(folder, url, count) as services:
        ports = [service.port for service in services]
        async with crowd(ports) as them, storm(ledger, ports, writers=4) as writers:
            await asyncio.gather(them.succeeds(answers), ledger.reaches(answers, 120))
            assert await them.problems() == []
        await end(*services)
    assert [writer.failures for writer in writers if writer.failures] == []
    assert await compare(ledger, url) == []
    assert await verify(folder, url) == 0
    return f"{count} replicas: {ledger.acknowledged:,} writes of the storm; of the crowd {them.figures()}"


async def test_two_replicas_agree_and_lose_nothing(journal: str, tmp_path: Path) -> None:
    print(await share(tmp_path, journal, count=2, answers=150))


@pytest.mark.torture
async def test_three_replicas_agree_and_lose_nothing_for_long(journal: str, tmp_path: Path) -> None:
    print(await share(tmp_path, journal, count=3, answers=3000))


async def create_once(them: Crowd, number: int) -> None:
    """Send one create under one key to all replicas at once, and again: there is one answer.

    On a slow machine one that waits for another may run out of time: it says so, and learns the answer by asking again.
    """
    note, key = {"title": f"Once {number}", "body": "x"}, f"once {number}"
    sent = [them.ask("POST", url, "/notes", note, Idempotency_Key=key) for url in [*them.urls, *them.urls]]
    answers = await asyncio.gather(*sent)
    assert {answer.status for answer in answers} <= {201, 409, 503}, answers
    later = [await them.ask("POST", url, "/notes", note, Idempotency_Key=key) for url in them.urls]
    assert {answer.status for answer in later} == {201}, later
    told = {str(answer.body) for answer in [*answers, *later] if answer.status == 201}
    assert len(told) == 1, told


async def test_key_sent_to_all_replicas_at_once_creates_one_note(journal: str, tmp_path: Path) -> None:
    async with replicas(tmp_path, journal, 2) as services, crowd([each.port for each in services], 0, 0) as them:
        for number in range(10):
            await create_once(them, number)
        mine = await them.ask("GET", them.urls[0], "/notes/mine")
        await end(*services)
    assert len(mine.body) == 10
    assert await verify(tmp_path, journal) == 0
