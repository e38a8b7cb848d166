"""The service on Cassandra beside the driver alone, on the same node, in the same run."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from spikes.actors.system import EntitySystem, Limits
from spikes.bootstrap import BEHAVIORS, open_store
from spikes.domain.note.command import AddComment, CreateNote, GetNote, TrashNote, UpdateNote
from spikes.journal.cassandra import CassandraJournal
from spikes.journal.cassandra_connected import connection_to
from spikes.journal.cassandra_cql import statements
from spikes.journal.cassandra_session import Session
from spikes.journal.cassandra_target import target_of
from spikes.journal.port import Append, CommandKey, EntityRow
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reading import NO_SNAPSHOT, Reading
from spikes.persistence.reply import Success
from tests.cassandra.plugin import StartCassandra
from tests.cassandra.shared import Contact
from tests.performance.table import Table
from tests.performance.test_http import HERE, Load, answers, free_port, new_note, wrk
from tests.performance.test_replay import STREAMS, stored
from tests.processes import SPIKES, environment, running
from tests.storm import login

pytestmark = pytest.mark.bench

SECONDS = 8
EVENTS = 10_000


async def driver(contact: Contact, keyspace: str, what: str) -> float:
    """Return the rate that the driver alone reaches."""
    command = (sys.executable, "-m", "tests.performance.driver", f"{contact.host}:{contact.port}", keyspace, what)
    process = await asyncio.create_subprocess_exec(
        *command, str(SECONDS), stdout=asyncio.subprocess.PIPE, env=environment()
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return float(out)


@asynccontextmanager
async def served(folder: Path, url: str, session: aiohttp.ClientSession) -> AsyncIterator[str]:
    """Serve a journal on Cassandra without access lines."""
    environ = {
        "SPIKES_DATA_DIR": str(folder),
        "SPIKES_JOURNAL": url,
        "SPIKES_LOG_LEVEL": "warning",
        "SPIKES_RATE_LIMITS": "off",
        "SPIKES_ADMIN_PORT": "-1",
    }
    address = f"http://127.0.0.1:{(port := free_port())}"
    async with running("serve", "--port", str(port), module=SPIKES, **environ):
        for _ in range(400):  # nothing tells when another process listens; the wait is bounded
            if await answers(session, f"{address}/readiness"):
                break
            await asyncio.sleep(0.05)
        yield address


async def test_the_service_is_near_the_driver(
    tmp_path: Path, start_cassandra: StartCassandra, new_keyspace: str
) -> None:
    # `periodic`, and a quarter of the memory for rows, are as Cassandra comes: `batch` would measure the disk, and a
    # small heap how often rows are written out.
    node = start_cassandra(commitlog_sync="periodic", heap="2g")
    contact = Contact(node.host, node.port)
    url, apart = contact.url(new_keyspace, replication=1), f"{new_keyspace}_driver"  # a service would mend its rows
    for each in (url, contact.url(apart, replication=1)):
        await (await open_store(each, migrate=True)).close()
    alone = {what: await driver(contact, apart, what) for what in ("append", "create", "head")}
    async with aiohttp.ClientSession() as session, served(tmp_path, url, session) as address:
        token = ("-H", f"Authorization: Bearer {await login(session, address)}")
        note = await new_note(session, address, token[1].rpartition(" ")[2])
        await wrk(f"{address}/notes", *token, "-s", str(HERE / "create.lua"))  # warms the node's compiler
        post = await wrk(f"{address}/notes", *token, "-s", str(HERE / "create.lua"))
        anonymous = await wrk(f"{address}/notes/{note}")
        get = await wrk(f"{address}/notes/{note}", *token)
        spread = await wrk(address, *token, "-s", str(await many(tmp_path, session, address, token[1])))
    table = Table("On Cassandra, 64 connections, one node and one process on 2 cores", "a second", "p99 ms", "of it")
    table.row("driver: conditional appends", f"{alone['append']:,.0f}", "", "1.00")
    table.row("driver: all statements of a new note", f"{alone['create']:,.0f}", "", "1.00")
    table.row("POST /notes, beside conditional appends", *_shown(post, alone["append"]))
    table.row("POST /notes, beside all statements", *_shown(post, alone["create"]))
    table.row("driver: reads of one row", f"{alone['head']:,.0f}", "", "1.00")
    table.row("GET /notes/{id}, no token", *_shown(anonymous, alone["head"]))
    table.row("GET /notes/{id}, with a token", *_shown(get, alone["head"]))
    table.row("GET /notes/{id}, of 200 notes", *_shown(spread, alone["head"]))
    table.print()
    if post.p99 > 500 or post.rate < max(430, 0.6 * alone["create"]) or get.rate < 0.6 * alone["head"]:
        pytest.xfail("falls short of 430 creates/s at 500 ms, or 0.6 of the driver; see docs/performance.md")


async def many(folder: Path, session: aiohttp.ClientSession, address: str, token: str) -> Path:
    """Write a script for wrk that reads 200 of the caller's notes in turn."""
    name, _, value = token.partition(": ")
    async with session.get(f"{address}/notes/mine?limit=200", headers={name: value}) as answer:
        ids = [note["id"] for note in await answer.json()]
    script = folder / "many.lua"
    script.write_text(
        f"local ids = {{{', '.join(map(repr, ids))}}}\nlocal next = 0\n"
        "request = function()\n  next = next % #ids + 1\n  return wrk.format('GET', '/notes/' .. ids[next])\nend\n"
    )
    return script


REACTORS = {
    "libev": ("cassandra.io.libevreactor", "LibevConnection"),
    "asyncio": ("cassandra.io.asyncioreactor", "AsyncioConnection"),
}
"""The driver's own: where each is, and what it is called."""


async def test_the_loops_own_connections_beside_the_drivers_reactors(
    start_cassandra: StartCassandra, new_keyspace: str
) -> None:
    node = start_cassandra(commitlog_sync="periodic")
    url = Contact(node.host, node.port).url(new_keyspace, replication=1)
    await (await open_store(url, migrate=True)).close()
    await _heads(url, new_keyspace, None)  # warms the node's compiler
    table = Table("Reads of a head, 64 at a time, by reactor", "a second", "p99 ms", "processor ms each")
    for name, (module, kind) in REACTORS.items():
        table.row(name, *await _heads(url, new_keyspace, getattr(importlib.import_module(module), kind)))
    table.row("connections on the loop", *await _heads(url, new_keyspace, None))
    table.print()


async def _heads(url: str, keyspace: str, reactor: Any) -> tuple[str, str, str]:
    session = await Session.start(connection_to(target_of(url)), reactor)
    await asyncio.to_thread(session.use, keyspace)
    await session.prepare({"head": statements(())["head"]})
    took: list[float] = []
    end, spent = time.monotonic() + SECONDS, time.process_time()

    async def ask() -> None:
        while (began := time.monotonic()) < end:
            await session.run("head", "note|N", 0)
            took.append(time.monotonic() - began)

    await asyncio.gather(*(ask() for _ in range(64)))
    spent = (time.process_time() - spent) / len(took)
    await session.close()
    p99 = sorted(took)[len(took) * 99 // 100]
    return f"{len(took) / SECONDS:,.0f}", f"{p99 * 1000:.0f}", f"{spent * 1000:.2f}"


def _shown(load: Load, yardstick: float) -> tuple[str, str, str]:
    return f"{load.rate:,.0f}", f"{load.p99:.0f}", f"{load.rate / yardstick:.2f}"


async def test_a_long_stream_is_recovered_fast(start_cassandra: StartCassandra, new_keyspace: str) -> None:
    node = start_cassandra(commitlog_sync="periodic", measured=True)
    journal = await open_store(Contact(node.host, node.port).url(new_keyspace, replication=1), migrate=True)
    behavior, first, then = STREAMS["note-updated, one field"]
    stream = stored(behavior, first, then)[:EVENTS]
    for start in range(0, EVENTS, 1000):
        row = EntityRow("note|N", start + 1000, behavior.state_version, None, None)
        await journal.append(Append("note|N", start, tuple(stream[start : start + 1000]), row))
    speeds = []
    for _ in range(20):  # by then the node has compiled what reads
        began = time.perf_counter()
        reading = Reading(behavior, "note|N")
        assert reading.take(await journal.load("note|N", NO_SNAPSHOT))
        speeds.append(EVENTS / (time.perf_counter() - began))
    await journal.close()
    table = Table("Recovery from Cassandra", "events/s")
    table.row(f"a stream of {EVENTS:,} events", f"{max(speeds):,.0f}")
    table.print()
    assert max(speeds) >= 50_000


COMMANDS: tuple[tuple[str, object, dict[str, Any]], ...] = (
    ("a new public note", CreateNote("N", "A title", "A body"), {"new": True}),
    ("the note, again", GetNote(), {}),
    ("another body", UpdateNote("A title", "Another", None, "New", "Public"), {}),
    ("private", UpdateNote("A title", "Another", None, "New", "Private"), {}),
    ("public, with a client key", UpdateNote("A title", "Mine", None, "New", "Public"), {"key": CommandKey("k", b"f")}),
    ("a comment", AddComment("C", "Well", "Said"), {}),
    ("into the trash", TrashNote(), {}),
)


async def test_what_a_command_costs(journal_on_cassandra: str) -> None:
    """Print the statements of each command, and how many of them wait for one another."""
    journal = await open_store(journal_on_cassandra, migrate=True)
    assert isinstance(journal, CassandraJournal)
    entities = EntitySystem.start(journal, BEHAVIORS, Limits(ask_timeout=30))
    table = Table("Statements of a command on Cassandra", "statements", "which")
    note = PersistenceId.of("note", "N")
    for name, command, options in COMMANDS:
        before = dict(journal.session.sent)
        answer = await entities.ask(note, command, principal="U", **options)
        assert isinstance(answer.status, Success), answer
        await journal.settled()
        spent = {each: count - before.get(each, 0) for each, count in journal.session.sent.items()}
        spent = {each: count for each, count in spent.items() if count and each != "clock"}
        table.row(name, str(sum(spent.values())), ", ".join(f"{count} {each}" for each, count in spent.items()))
    table.print()
    await entities.close()
    await journal.close()
