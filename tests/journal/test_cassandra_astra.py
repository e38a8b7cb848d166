"""Astra is Cassandra as a service, with limits. No test can reach one, so the statements themselves are judged.

The limits are those of https://docs.datastax.com/en/astra-db-serverless/databases/database-limits.html: no keyspace is
made by CQL, writes of one region are at LOCAL_QUORUM and LOCAL_SERIAL, a table has at most ten storage attached
indexes, there are no materialised views, no user defined functions, and lists are not changed by position.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel
from msgspec.structs import replace

from spikes.bootstrap import BEHAVIORS
from spikes.journal import cassandra_cql as cql
from spikes.journal.cassandra import open_cassandra
from spikes.journal.cassandra_driver import CONSISTENCY
from spikes.journal.cassandra_schema import Schema
from spikes.journal.cassandra_session import Session
from spikes.journal.cassandra_target import Credentials, Target, target_of
from spikes.journal.errors import JournalUnusable

SCHEMAS = [behavior.schema for behavior in BEHAVIORS]
RANGES = sorted({name for schema in SCHEMAS for name in schema.ranges})
DEFINITIONS = [
    cql.META_WITHOUT_ID,
    *(statement for statements in cql.MIGRATIONS for statement in statements),
    *(statement for name in RANGES for statement in (cql.add_range(name), cql.index_range(name))),
]
LISTS = [
    cql.listing_query(terms, ranges, after=after, ascending=ascending).text
    for terms in range(4)
    for ranges in ((), ((RANGES[0], "<="),))
    for after in (False, True)
    for ascending in (False, True)
]
STATEMENTS = [*DEFINITIONS, *(each.text for each in cql.statements(RANGES).values()), cql.SETTING.text, *LISTS]
FORBIDDEN = re.compile(
    r"CREATE KEYSPACE|MATERIALIZED|FUNCTION|AGGREGATE|ALLOW FILTERING|WITH id|counter|\[\s*\?\s*\]|TRUNCATE|compaction",
    re.IGNORECASE,
)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: " ".join(text.split())[:60])
def test_no_statement_is_one_that_astra_refuses(statement: str) -> None:
    assert FORBIDDEN.search(statement) is None


def test_a_table_has_few_enough_indexes() -> None:
    indexes = [statement for statement in DEFINITIONS if "INDEX" in statement]
    assert len(indexes) <= 10
    assert all("StorageAttachedIndex" in index for index in indexes)


def test_writes_are_at_the_levels_of_one_region() -> None:
    target = target_of("astra:///bundle.zip", Credentials("token", "AstraCS:x"))
    assert CONSISTENCY[target.scope] == (ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_SERIAL)


class Recording(Session):
    """A session that notes what it is told to define and to prepare."""

    def note(self) -> list[str]:
        self.noted: list[str] = []
        return self.noted

    async def define(self, statement: str) -> None:
        self.noted.append(statement)
        await super().define(statement)

    async def _prepare(self, name: str, statement: cql.Cql) -> object:  # type: ignore[override]
        self.noted.append(statement.text)
        return await super()._prepare(name, statement)


@pytest.fixture
async def recording(journal_on_cassandra: str) -> AsyncIterator[Recording]:
    from spikes.journal.cassandra_connected import connection_to

    session = await Recording.start(connection_to(target_of(journal_on_cassandra)))
    assert isinstance(session, Recording)
    yield session
    await session.close()


def as_on_astra(url: str, keyspace: str) -> Target:
    return replace(target_of(url), bundle="bundle.zip", scope="local", keyspace=keyspace)


async def test_only_these_statements_are_issued(recording: Recording, journal_on_cassandra: str, keyspace: str) -> None:
    noted = recording.note()
    await recording.define(cql.keyspace(keyspace, "datacenter1", 1))
    noted.clear()
    await Schema(recording, as_on_astra(journal_on_cassandra, keyspace), SCHEMAS, migrate=True).open()
    assert set(noted) <= set(STATEMENTS)
    assert set(DEFINITIONS) <= set(noted)


async def test_a_missing_keyspace_is_for_the_console(
    recording: Recording, journal_on_cassandra: str, new_keyspace: str
) -> None:
    noted = recording.note()
    with pytest.raises(JournalUnusable, match="console has to create it"):
        await Schema(recording, as_on_astra(journal_on_cassandra, new_keyspace), SCHEMAS, migrate=True).open()
    assert noted == []


# ---------------------------------------------------------------------------------------------------------- the bundle


async def refusal(bundle: Path) -> str:
    url = f"astra:///{bundle}"
    with pytest.raises(JournalUnusable) as refused:
        await open_cassandra(target_of(url, Credentials("token", "AstraCS:secret")), SCHEMAS)
    assert "secret" not in str(refused.value)
    return str(refused.value)


async def test_a_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "missing.zip") in await refusal(tmp_path / "missing.zip")


async def test_a_bundle_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_text("no archive")
    assert "bundle.zip can't be used" in await refusal(tmp_path / "bundle.zip")


async def test_a_bundle_without_its_parts_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert "bundle.zip can't be used" in await refusal(tmp_path / "bundle.zip")
