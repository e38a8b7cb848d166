"""How a Cassandra is told to be small and quick to start: its configuration, and its command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

OPENS = """
java.base/java.lang.module java.base/jdk.internal.loader java.base/jdk.internal.ref java.base/jdk.internal.reflect
java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.util.jar
jdk.management/com.sun.management.internal java.base/sun.nio.ch java.base/java.io java.base/java.lang
java.base/java.lang.reflect java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic
java.base/java.nio java.rmi/sun.rmi.transport.tcp
"""
"""Packages of Java 17 that Cassandra 5.0 looks into, as its own jvm17-server.options have it."""

EXPORTS = """
java.base/jdk.internal.misc java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry
java.rmi/sun.rmi.server java.sql/java.sql java.base/java.lang.ref java.base/java.lang.reflect jdk.unsupported/sun.misc
"""

QUICK = ["-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=2000"]
"""Not to wait for a ring of unknown size: all nodes of a test are known."""

SYNC: dict[str, dict[str, str]] = {
    "batch": {},
    "group": {"commitlog_sync_group_window": "10ms"},
    "periodic": {"commitlog_sync_period": "10000ms"},
}
"""When a write is answered: `batch` and `group` after it is on disk, `periodic` before."""

LOGBACK = """<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{HH:mm:ss.SSS} %logger{20} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""


def configure(home: Path, settings: Mapping[str, Any]) -> None:
    """Write what a node reads at its start; `settings` go over what stands here."""
    (home / "conf").mkdir(parents=True, exist_ok=True)
    (home / "conf/logback.xml").write_text(LOGBACK)
    (home / "conf/cassandra.yaml").write_text(yaml.safe_dump({**_defaults(home), **settings}))


def _defaults(home: Path) -> dict[str, Any]:
    data = home / "data"
    return {
        "cluster_name": "spikes-test",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "data_file_directories": [str(data / "data")],
        "commitlog_directory": str(data / "commitlog"),
        "saved_caches_directory": str(data / "saved_caches"),
        "hints_directory": str(data / "hints"),
        "cdc_raw_directory": str(data / "cdc_raw"),
        "endpoint_snitch": "SimpleSnitch",
        "storage_compatibility_mode": "NONE",
        "paxos_variant": "v2",
        "auto_snapshot": False,
        "auto_bootstrap": False,  # a ring of tests is new and empty: there is nothing to stream
        "memtable": {"configurations": {"default": {"class_name": "TrieMemtable"}}},
        "sstable": {"selected_format": "bti"},
    }


QUICKLY_COMPILED = "-XX:TieredStopAtLevel=1"
"""The thorough compiler takes 40 % of the processor in a node's first minutes, and a test's node has no others."""


def command(java: str, jars: Path, home: Path, heap: str, *, measured: bool) -> list[str]:
    """Return the command line of a node, `measured` by a benchmark or not. JMX is off, as no port is named for it."""
    jamm = next(jars.glob("jamm-*.jar"))
    return [
        java,
        "-Xms256m",
        f"-Xmx{heap}",
        "-XX:+UseG1GC",
        *([] if measured else [QUICKLY_COMPILED]),
        "-XX:-UsePerfData",  # a file in /tmp that a killed process leaves
        f"-Dcassandra.config=file://{home}/conf/cassandra.yaml",
        f"-Dcassandra.storagedir={home}/data",
        f"-Dlogback.configurationFile={home}/conf/logback.xml",
        "-Dcassandra-foreground=yes",
        *QUICK,
        f"-javaagent:{jamm}",
        "-Djdk.attach.allowAttachSelf=true",
        "-Dio.netty.tryReflectionSetAccessible=true",
        *(word for package in OPENS.split() for word in ("--add-opens", f"{package}=ALL-UNNAMED")),
        *(word for package in EXPORTS.split() for word in ("--add-exports", f"{package}=ALL-UNNAMED")),
        "-cp",
        f"{home}/conf:{jars}/*",
        "org.apache.cassandra.service.CassandraDaemon",
    ]
