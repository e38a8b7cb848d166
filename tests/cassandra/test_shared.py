"""All processes of a test run share one node."""

from __future__ import annotations

import os

import pytest

from spikes.journal.cassandra_target import target_of
from tests.cassandra.node import answers
from tests.cassandra.plugin import shared_directory
from tests.cassandra.shared import Contact, shared_node


def test_another_user_joins_and_leaves_it_running(cassandra: Contact, tmp_path_factory: pytest.TempPathFactory) -> None:
    if "SPIKES_TEST_CASSANDRA" in os.environ:
        pytest.skip("the Cassandra at SPIKES_TEST_CASSANDRA is not ours to share")
    with shared_node(shared_directory(tmp_path_factory)) as joined:
        assert joined == cassandra
    assert answers(cassandra.host, cassandra.port)


def test_address_without_a_port_is_refused() -> None:
    with pytest.raises(ValueError, match="has to be host:port"):
        Contact.of("127.0.0.1")


def test_url_is_one_that_the_journal_takes() -> None:
    target = target_of(Contact.of("127.0.0.1:9043").url("notes", in_flight=7))
    assert (target.hosts, target.keyspace) == ((("127.0.0.1", 9043),), "notes")
    assert (target.replication, target.in_flight) == (1, 7)
