"""Journals for replicas: in the Cassandra that all tests share, and in one that a test may harm."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.cassandra.node import CassandraNode
from tests.cassandra.shared import Contact
from tests.replicas.services import migrate

OWN = f"spikes_{uuid.uuid4().hex}"


@pytest.fixture
async def journal(journal_on_cassandra: str, tmp_path: Path) -> str:
    """The URL of an empty journal, ready to be served from."""
    await migrate(tmp_path, journal_on_cassandra)
    return journal_on_cassandra


@pytest.fixture
async def own_journal(own_cassandra: CassandraNode, tmp_path: Path) -> str:
    """The URL of a journal in a Cassandra that may be harmed; it keeps what tests before have written."""
    url = Contact(own_cassandra.host, own_cassandra.port).url(OWN, replication=1)
    await migrate(tmp_path, url)
    return url
