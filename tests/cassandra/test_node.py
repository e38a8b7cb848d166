"""The Cassandra of the tests does what tests rely on: it keeps what it acknowledged, stands still, dies, comes back."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cassandra import OperationTimedOut
from cassandra.cluster import Session

from tests.cassandra.cql import connected
from tests.cassandra.node import CassandraNode
from tests.cassandra.plugin import StartCassandra, demand

TIMEOUT = 30.0

HOLDER = """
import pathlib, signal, sys
from tests.cassandra.node import CassandraNode
node = CassandraNode(pathlib.Path(sys.argv[1]), discard=True)
node.launch()
print(node.pid, flush=True)
signal.pause()
"""
"""A process that starts a node and is killed before it can end it."""


def make_table(session: Session, keyspace: str) -> None:
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    session.set_keyspace(keyspace)
    session.execute("CREATE TABLE kept (id int PRIMARY KEY, text text)")


def test_shared_node_is_cassandra_five(cassandra_session: Session) -> None:
    version = cassandra_session.execute("SELECT release_version FROM system.local").one().release_version
    assert version.startswith("5.")


def test_keyspace_of_a_test_is_new(cassandra_session: Session, keyspace: str) -> None:
    make_table(cassandra_session, keyspace)
    assert list(cassandra_session.execute("SELECT id FROM kept")) == []


def test_killed_node_keeps_what_it_acknowledged(own_cassandra: CassandraNode, new_keyspace: str) -> None:
    with connected(own_cassandra.host, own_cassandra.port) as session:
        make_table(session, new_keyspace)
        for number in range(100):
            session.execute("INSERT INTO kept (id) VALUES (%s)", (number,))
        own_cassandra.kill()
    own_cassandra.revive()
    with connected(own_cassandra.host, own_cassandra.port) as session:
        kept = session.execute(f"SELECT id FROM {new_keyspace}.kept")
        assert sorted(row.id for row in kept) == list(range(100))


def test_paused_node_answers_when_it_goes_on(own_cassandra: CassandraNode) -> None:
    with connected(own_cassandra.host, own_cassandra.port) as session:
        own_cassandra.pause()
        with pytest.raises(OperationTimedOut):
            session.execute("SELECT key FROM system.local", timeout=0.5)
        own_cassandra.resume()
        assert session.execute("SELECT key FROM system.local").one().key == "local"


def test_stopped_node_ends_in_order(own_cassandra: CassandraNode) -> None:
    own_cassandra.pause()
    own_cassandra.stop()
    assert not own_cassandra.is_running
    assert "Cassandra shutdown complete" in own_cassandra.log.read_text()


def test_node_that_cannot_start_says_why(start_cassandra: StartCassandra) -> None:
    with pytest.raises(RuntimeError, match="no_such_setting"):
        start_cassandra(no_such_setting=1)


def test_node_ends_with_a_killed_holder(tmp_path: Path) -> None:
    demand()
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout
        node = os.pidfd_open(int(holder.stdout.readline()))
        holder.send_signal(signal.SIGKILL)
    assert select.select([node], [], [], TIMEOUT)[0], "the node lives on"
    os.close(node)
