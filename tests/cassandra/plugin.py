"""Cassandra for tests of every room: fixtures, and the mark `cassandra` on each test that uses one of them.

Where Java or Maven is missing those tests are skipped and say why; in CI they fail.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from spikes.journal import open_journal
from spikes.journal.cassandra import CassandraJournal
from spikes.journal.port import Journal, RowSchema
from tests.abilities import skip_without_abilities
from tests.cassandra import jars
from tests.cassandra.cluster import cluster
from tests.cassandra.cql import connected
from tests.cassandra.journals import Connections, empty, make
from tests.cassandra.node import CassandraNode
from tests.cassandra.shared import Contact, shared_node

FIXTURES = {"cassandra", "own_cassandra", "start_cassandra", "start_cluster"}
"""Fixtures that need a Cassandra; whatever uses one by way of another is found too."""

PATIENCE = 20
"""Seconds that a request of a journal may take: a busy machine needs more than a user would wait."""

StartCassandra = Callable[..., CassandraNode]
StartCluster = Callable[..., list[CassandraNode]]
OpenJournal = Callable[[str, Sequence[RowSchema]], Awaitable[Journal]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a Cassandra, so that `-m cassandra` finds it."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("cassandra")


def demand() -> None:
    """Skip a test for which this machine lacks something, and say what; in CI let it fail."""
    if reason := jars.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contact]:
    """A Cassandra that all tests share, so none may harm it: the one at SPIKES_TEST_CASSANDRA, or else our own."""
    if given := os.environ.get("SPIKES_TEST_CASSANDRA"):
        yield Contact.of(given)
        return
    demand()
    with shared_node(shared_directory(tmp_path_factory)) as contact:
        yield contact


def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the node of this test run is, in whichever of its processes."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cassandra"


@pytest.fixture(scope="session")
def cassandra_session(cassandra: Contact) -> Iterator[Session]:
    """The driver's session to the shared Cassandra."""
    with connected(cassandra.host, cassandra.port) as session:
        yield session


@pytest.fixture
def new_keyspace() -> str:
    """The name of a keyspace that is nowhere yet."""
    return f"spikes_{uuid.uuid4().hex}"


@pytest.fixture
def keyspace(cassandra_session: Session, new_keyspace: str) -> Iterator[str]:
    """The name of a keyspace that is not in the shared Cassandra yet; it is dropped after the test."""
    yield new_keyspace
    cassandra_session.execute(f"DROP KEYSPACE IF EXISTS {new_keyspace}")


@pytest.fixture(scope="session")
def _emptied_keyspace(cassandra_session: Session) -> Iterator[str]:
    keyspace = f"spikes_{uuid.uuid4().hex}"
    make(cassandra_session, keyspace)
    yield keyspace
    cassandra_session.execute(f"DROP KEYSPACE {keyspace}")


@pytest.fixture(scope="session")
def fresh_journal_on_cassandra(cassandra: Contact, cassandra_session: Session) -> Iterator[str]:
    """The URL of a journal that is to be made yet, for processes that are started for many tests."""
    keyspace = f"spikes_{uuid.uuid4().hex}"
    yield cassandra.url(keyspace, request_timeout=PATIENCE)
    cassandra_session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


@pytest.fixture(scope="session")
def _connections() -> Iterator[Connections]:
    connections = Connections()
    yield connections
    connections.close()


@pytest.fixture
def open_any(request: pytest.FixtureRequest) -> OpenJournal:
    """Open the journal that a URL names, with whatever it needs made; on Cassandra over connections that stay."""

    async def open_any(url: str, schemas: Sequence[RowSchema]) -> Journal:
        if not url.startswith("cassandra:"):
            return await open_journal(url, schemas)
        connections: Connections = request.getfixturevalue("_connections")
        return await connections.open(url, schemas)

    return open_any


@pytest.fixture(params=["memory", "sqlite", pytest.param("cassandra", marks=pytest.mark.cassandra)])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty journal of each plugin in turn; skips a test that needs what the plugin can't do."""
    match request.param:
        case "cassandra":
            skip_without_abilities(request, CassandraJournal)
            return str(request.getfixturevalue("journal_on_cassandra"))
        case "sqlite":
            return f"sqlite:///{tmp_path}/spikes.db"
        case _:
            return "memory:"


@pytest.fixture
def journal_on_cassandra(cassandra: Contact, cassandra_session: Session, _emptied_keyspace: str) -> str:
    """The URL of a journal without anything in it; all tests of this process share the tables."""
    empty(cassandra_session, _emptied_keyspace)
    return cassandra.url(_emptied_keyspace, request_timeout=PATIENCE)


@pytest.fixture
def start_cassandra(tmp_path: Path) -> Iterator[StartCassandra]:
    """Start a node with settings of one's own, as CassandraNode takes them; node and data go with the test."""
    demand()
    with ExitStack() as stack:

        def start(**settings: Any) -> CassandraNode:
            node = CassandraNode(tmp_path / uuid.uuid4().hex, discard=True, **settings)
            stack.callback(node.close)
            node.start()
            return node

        yield start


@pytest.fixture(scope="module")
def start_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartCluster]:
    """Start three nodes that are one Cassandra, as `cluster` does; they go after the last test of the module."""
    demand()
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(cluster(tmp_path_factory.mktemp("cluster"), **settings))


@pytest.fixture(scope="session")
def _own_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraNode]:
    demand()
    node = CassandraNode(tmp_path_factory.mktemp("own_cassandra"), discard=True)
    yield node
    node.close()


@pytest.fixture
def own_cassandra(_own_node: CassandraNode) -> CassandraNode:
    """A node that a test may kill, stop and pause; it runs again for the next."""
    _own_node.revive()
    return _own_node
