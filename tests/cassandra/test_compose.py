"""What deploy/compose.yaml says fits: the Cassandra that tests run on, its options, and the settings of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from spikes.journal.cassandra_target import target_of
from spikes.settings import Settings
from tests.cassandra import jars
from tests.cassandra.cql import connected
from tests.cassandra.plugin import StartCassandra

COMPOSE = Path(__file__).parents[2] / "deploy/compose.yaml"


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


def test_image_is_the_release_that_is_tested(services: dict[str, Any]) -> None:
    assert services["cassandra"]["image"] == f"cassandra:{jars.VERSION}"


@pytest.mark.parametrize("name", ["migrate", "spikes"])
def test_service_takes_its_settings(services: dict[str, Any], name: str) -> None:
    settings = Settings.from_environment(services[name]["environment"])
    target = target_of(settings.journal)
    assert target.hosts == (("cassandra", 9042),)
    assert target.replication == 1


def test_options_make_a_periodic_node_sync_before_it_answers(
    services: dict[str, Any], start_cassandra: StartCassandra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", services["cassandra"]["environment"]["JVM_EXTRA_OPTS"])
    node = start_cassandra(commitlog_sync="periodic")
    with connected(node.host, node.port) as session:
        told = session.execute("SELECT name, value FROM system_views.settings")
        values = {row.name: row.value for row in told}
    assert (values["commitlog_sync"], values["commitlog_sync_group_window"]) == ("group", "10ms")
