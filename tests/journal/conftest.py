"""The journals that tests run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cassandra.cluster import Session
from msgspec.structs import replace

from spikes.journal import open_journal
from spikes.journal.cassandra import open_cassandra
from spikes.journal.cassandra_target import target_of
from spikes.journal.port import Journal
from spikes.journal.sqlite import SqliteJournal, open_sqlite
from tests.abilities import skip_without_abilities
from tests.cassandra.proxy import Proxy
from tests.cassandra.shared import Contact
from tests.journal.plain import PlainJournal
from tests.journal.rivals import HOMES, IMPATIENCE, Rivals, give_up_after
from tests.journal.samples import SCHEMAS, store_carefully


@pytest.fixture(
    params=["memory", "plain", "sqlite", "sqlite, carefully", pytest.param("cassandra", marks=pytest.mark.cassandra)]
)
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """An empty journal of each plugin in turn, and one of no ability; SQLite stores in two ways, to the same effect."""
    opened = await _open(request, tmp_path)
    yield opened
    await opened.close()


async def _open(request: pytest.FixtureRequest, folder: Path) -> Journal:
    match request.param:
        case "memory":
            return await open_journal("memory:", SCHEMAS)
        case "plain":
            return PlainJournal(SCHEMAS)
        case "cassandra":
            return await open_journal(request.getfixturevalue("journal_on_cassandra"), SCHEMAS, migrate=True)
    opened = await open_sqlite(f"{folder}/spikes.db", SCHEMAS)
    if request.param == "sqlite, carefully":
        store_carefully(opened)
    return opened


@pytest.fixture
def ability(request: pytest.FixtureRequest, journal: Journal) -> None:
    """Skip a test marked `needs(ability)` on a journal that doesn't have it."""
    skip_without_abilities(request, journal)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the file of a test stands."""
    return str(tmp_path / "spikes.db")


@pytest.fixture(params=["by the inbox", "carefully"])
def way(request: pytest.FixtureRequest) -> str:
    """In which of its two ways the SQLite journal of a test stores appends."""
    return str(request.param)


@pytest.fixture
async def sqlite(path: str, way: str) -> AsyncIterator[SqliteJournal]:
    """An empty SQLite journal."""
    opened = await open_sqlite(path, SCHEMAS)
    if way == "carefully":
        store_carefully(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def another(path: str, sqlite: SqliteJournal) -> AsyncIterator[SqliteJournal]:
    """A second journal on the same file."""
    opened = await open_sqlite(path, SCHEMAS)
    yield opened
    await opened.close()


@pytest.fixture
async def proxy(cassandra: Contact) -> AsyncIterator[Proxy]:
    """Between a journal and the shared Cassandra."""
    async with Proxy(cassandra.host, cassandra.port) as opened:
        yield opened


@pytest.fixture
def impatience() -> float:
    """Seconds after which the journal behind the proxy gives up an answer."""
    return IMPATIENCE


@pytest.fixture
async def rivals(
    journal_on_cassandra: str, proxy: Proxy, cassandra_session: Session, impatience: float
) -> AsyncIterator[Rivals]:
    """Two journals on one keyspace, one of them behind the proxy."""
    direct = target_of(journal_on_cassandra)
    there = await open_cassandra(direct, HOMES, migrate=True)
    here = await open_cassandra(replace(direct, hosts=((proxy.host, proxy.port),)), HOMES)
    give_up_after(here, impatience)
    yield Rivals(here, there, proxy, cassandra_session, direct.keyspace)
    await asyncio.gather(here.close(), there.close())
