"""Two journals on one keyspace of a real Cassandra, as two processes have them; one of them behind a proxy."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from cassandra.cluster import Session as DriverSession
from msgspec.structs import replace

from spikes.journal.cassandra import CassandraJournal
from spikes.journal.cassandra_intents import Intent, Intents
from spikes.journal.port import Append, Appended, Claim, EntityRow, Equal, Home, Query
from tests.cassandra.plugin import PATIENCE
from tests.cassandra.proxy import Proxy
from tests.cassandra.rules import Request
from tests.journal.samples import NOTE, USER, append, event, listing, row

SOON = 20.0
"""Seconds that a test waits for what has to come."""

IMPATIENCE = 1.5
"""Seconds after which the journal behind the proxy gives up an answer."""

OTHER = Claim.of("slug", "another")
HOMES = (replace(NOTE, homes=(Home(), Home(column="owner"))), USER)
"""Schemas by which a note stands in a home of its owner, too."""

LATER = 60_000
"""Milliseconds by which a sweep believes it to be later: old enough for every intent."""


def is_append(request: Request) -> bool:
    return request.opcode == "BATCH" and "INSERT INTO events" in request.text


def is_row(request: Request) -> bool:
    return request.opcode != "PREPARE" and "INSERT INTO snapshot" in request.text


def is_claim(request: Request) -> bool:
    return request.opcode != "PREPARE" and "INSERT INTO claims" in request.text


def is_taken_over(request: Request) -> bool:
    return request.opcode != "PREPARE" and "UPDATE claims" in request.text


def is_look_at_metadata(request: Request) -> bool:
    return request.opcode != "PREPARE" and request.text.startswith("SELECT metadata")


class Rivals(NamedTuple):
    """`here` goes through the proxy and gives up answers early; `there` does neither."""

    here: CassandraJournal
    there: CassandraJournal
    proxy: Proxy
    session: DriverSession
    keyspace: str

    def rows(self, table: str, columns: str = "*") -> list[Any]:
        """Return what stands in a table, by the driver alone."""
        return list(self.session.execute(f"SELECT {columns} FROM {self.keyspace}.{table}"))

    async def settle(self) -> None:
        """Wait for what no answer waited for."""
        await asyncio.wait_for(asyncio.gather(self.here.settled(), self.there.settled()), SOON)


def give_up_after(journal: CassandraJournal, seconds: float) -> None:
    """Let a journal that is open give up answers after so many seconds."""
    for profile in journal.session._cluster.profile_manager.profiles.values():
        profile.request_timeout = seconds


patient = pytest.mark.parametrize("impatience", [PATIENCE], ids=["patient"])
"""For tests that need no answer given up: on a busy machine one may take long."""


async def gone_as_far_as(journal: CassandraJournal, step: str, wanted: Append) -> asyncio.Task[Appended]:
    """Let an append go as far as a step, and no further until it is cancelled, as a process that crashes there."""
    came, ordinary = asyncio.Event(), journal.appender._crash_point

    async def stop() -> None:
        came.set()
        await asyncio.Event().wait()

    journal.appender._crash_point = lambda at: stop() if at == step else None
    writing = asyncio.ensure_future(journal._append(wanted))
    await asyncio.wait_for(came.wait(), SOON)
    journal.appender._crash_point = ordinary
    return writing


async def crash(journal: CassandraJournal, step: str, wanted: Append) -> None:
    """Let an append end at a step, with nothing tidied up."""
    writing = await gone_as_far_as(journal, step, wanted)
    for task in (writing, *journal.appender._background):
        task.cancel()
        await asyncio.wait({task})


async def swept(journal: CassandraJournal, later: int = LATER) -> int:
    """Let a journal finish what others left, and return how many attempts those were."""
    return await journal._sweeper.sweep(journal.clock.micros() // 1000 + later, lambda pid: folded(journal, pid))


async def folded(journal: CassandraJournal, persistence_id: str) -> EntityRow:
    """Fold an entity whose lists show what the last event carries, if that says anything."""
    events = await journal.events(persistence_id)
    return row(persistence_id, len(events), index_of(events[-1].payload)) if events else row(persistence_id, 0)


def telling(pid: str = "note|1", after: int = 0, owner: str = "ann", **more: Any) -> Append:
    """Return an append of one event that says whose the note is, and the row that this leads to."""
    bare = append(pid, after, index=index_of(owner.encode()), **more)
    return replace(bare, events=(event(after + 1, bare.attempt_id, payload=owner.encode()),))


def index_of(payload: bytes) -> Any:
    """Return the index part that an event's payload stands for."""
    return listing(owner=payload.decode(), created=1, item=payload) if payload != b"{}" else None


async def notes_of(journal: CassandraJournal, owner: str) -> list[bytes]:
    """Return what the list of an owner's notes shows."""
    page = await journal.query(Query("note", where=(Equal("owner", owner),)))
    return [listed.item for listed in page.rows]


async def intents(journal: CassandraJournal) -> list[Intent]:
    """Return all open intents of about now."""
    reader: Intents = journal._intents
    minute = journal.clock.micros() // 60_000_000
    return [intent for back in range(-2, 3) for intent in await reader.of_minute(minute - back)]


STEPS = ("intent", "claims", "append", "row", "feed", "release")
"""Where an append may be cut off; see `Appender._attempt` and `Appender._tidy`."""
