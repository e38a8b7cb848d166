"""All processes of a test run share one node."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikes.journal.cassandra_target import target_of
from tests.cassandra.node import answers
from tests.cassandra.plugin import demand
from tests.cassandra.shared import Contact, shared_node


def test_second_user_joins_and_last_one_ends_it(tmp_path: Path) -> None:
    demand()
    with shared_node(tmp_path) as first:
        with shared_node(tmp_path) as second:
            assert second == first
        assert answers(first.host, first.port)
    assert not answers(first.host, first.port)


def test_address_without_a_port_is_refused() -> None:
    with pytest.raises(ValueError, match="has to be host:port"):
        Contact.of("127.0.0.1")


def test_url_is_one_that_the_journal_takes() -> None:
    target = target_of(Contact.of("127.0.0.1:9043").url("notes", in_flight=7))
    assert (target.hosts, target.keyspace) == ((("127.0.0.1", 9043),), "notes")
    assert (target.replication, target.in_flight) == (1, 7)
