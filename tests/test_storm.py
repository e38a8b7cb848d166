"""The storm's comparison: it must notice each kind of broken promise, or the tests that use it prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikes.bootstrap import start_entities
from spikes.domain.note.command import CreateNote
from spikes.domain.user.command import Register
from spikes.persistence.identity import PersistenceId
from spikes.settings import Settings
from tests.storm import Ledger, compare, sqlite

ANN, NOTE = "0SAN2TY66E7QE", "0SAN2V09YE97J"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A journal with one user and one note."""
    async with start_entities(Settings(journal=f"sqlite:///{tmp_path}/spikes.db")) as (entities, _):
        register = Register(ANN, "Ann", "ann@example.com", "hash", "1990-12-31")
        await entities.ask(PersistenceId.of("user", ANN), register)
        create = CreateNote(NOTE, "Title", "marker 1", None, "New", "Public", ())
        await entities.ask(PersistenceId.of("note", NOTE), create, principal=ANN)
    return tmp_path


def ledger_of(**emails: int) -> Ledger:
    ledger = Ledger()
    ledger.emails.update({f"{name}@example.com": count for name, count in emails.items()})
    return ledger


async def test_what_was_kept_is_no_problem(folder: Path) -> None:
    ledger = ledger_of(ann=1, refused=0)
    await ledger.note({"id": NOTE, "version": 1, "body": "marker 1"})
    assert await compare(ledger, sqlite(folder)) == []


async def test_a_lost_note_is_noticed(folder: Path) -> None:
    ledger = ledger_of()
    await ledger.note({"id": NOTE, "version": 2, "body": "marker 2"})
    assert len(await compare(ledger, sqlite(folder))) == 1


async def test_a_version_of_two_requests_is_noticed(folder: Path) -> None:
    ledger = ledger_of()
    for _ in range(2):
        await ledger.note({"id": NOTE, "version": 1, "body": "marker 1"})
    assert len(await compare(ledger, sqlite(folder))) == 1


async def test_a_lost_account_is_noticed(folder: Path) -> None:
    assert await compare(ledger_of(bob=1), sqlite(folder)) == ["the acknowledged account of bob@example.com is lost"]


async def test_an_account_given_twice_is_noticed(folder: Path) -> None:
    assert await compare(ledger_of(ann=2), sqlite(folder)) == ["ann@example.com was registered 2 times"]
