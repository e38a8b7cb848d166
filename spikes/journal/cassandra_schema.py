"""Making and migrating the keyspace, safely however many processes do it at once.

Tables are only ever added to (rule R4). One process at a time changes the schema, under a lock that the store forgets
by itself; the others wait for it.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Sequence
from typing import Any

import structlog

from spikes.journal import cassandra_cql as cql
from spikes.journal.cassandra_session import Session
from spikes.journal.cassandra_target import Target
from spikes.journal.errors import JournalTooNew, JournalUnavailable, JournalUnusable, OutcomeUnknown
from spikes.journal.port import RowSchema

log = structlog.get_logger(__name__)

SCHEMA_VERSION = len(cql.MIGRATIONS)
OLDEST_VERSION = 1
"""The oldest schema version whose release may use a keyspace that this one has migrated (rule R4)."""

LOCK_WAIT = 0.25
LOCK_PATIENCE = 180.0
"""Seconds between two looks at the lock, and until somebody is told that it does not come free."""

SWEPT = "swept"
MINUTE = 60_000
YOUNG = 10
"""Minutes before its first sweep in which a new keyspace may have intents."""

SERVING = "serving"
IMPORTING = "importing"


class Schema:
    """The schema of one keyspace."""

    def __init__(self, session: Session, target: Target, schemas: Sequence[RowSchema], *, migrate: bool) -> None:
        self._session = session
        self._may_migrate = migrate
        self._target = target
        self.ranges = sorted({name for schema in schemas for name in schema.ranges})

    async def open(self) -> str:
        """Make or migrate what is missing, prepare all statements, and return the journal's identity.

        Raises JournalUnusable for a keyspace that this release, or these settings, may not use.
        """
        await self._use_keyspace()
        await self._make_meta()
        meta = ("meta", "put_meta", "change_meta", "lock", "unlock")
        statements = cql.statements(self.ranges)
        await self._session.prepare({name: statements[name] for name in meta})
        if not await self._is_complete():
            self._refuse_unless_migrating(f"keyspace {self._target.keyspace} is not up to date")
            await self._migrate_alone()
        await self._session.prepare(statements)
        await self._check_scope()
        await self._check_state()
        return await self._settled("identity", str(uuid.uuid4()))

    async def state(self) -> str:
        """Return what the keyspace is for now: `SERVING` or `IMPORTING` (rule K13)."""
        return await self._settled("state", SERVING)

    async def put_state(self, state: str) -> None:
        """Say what the keyspace is for now."""
        before = await self.state()
        if before != state and not (await self._session.run("change_meta", state, "state", before)).applied:
            raise JournalUnavailable("somebody else is changing what the keyspace is for")

    async def swept(self, now: int) -> int:
        """Return the first minute in which an intent may be left (rule K6); `now` is the store's, in milliseconds."""
        return int(await self._settled(SWEPT, str(now // MINUTE - YOUNG)))

    async def put_swept(self, before: int, minute: int) -> None:
        """Say that no intent is left before a minute; another process may have said so already."""
        if minute > before:
            await self._session.run("change_meta", str(minute), SWEPT, str(before))

    async def get(self, key: str) -> str | None:
        """Read one fact about the store."""
        rows = (await self._session.run("meta", key)).rows
        return str(rows[0][0]) if rows else None

    async def _use_keyspace(self) -> None:
        name = self._target.keyspace
        if name not in self._session.metadata.keyspaces:
            if self._target.bundle is not None:
                raise JournalUnusable(f"there is no keyspace {name}; Astra's own console has to create it")
            self._refuse_unless_migrating(f"there is no keyspace {name}")
            datacenter = self._target.dc or self._datacenter()
            await self._session.define(cql.keyspace(name, datacenter, self._target.replication))
            log.info("keyspace_created", keyspace=name, datacenter=datacenter, replication=self._target.replication)
        await asyncio.to_thread(self._session.use, name)

    def _refuse_unless_migrating(self, problem: str) -> None:
        if not self._may_migrate:
            raise JournalUnusable(f"{problem}: run `spikes migrate` with the same settings first")

    def _datacenter(self) -> str:
        return str(min(host.datacenter for host in self._session.metadata.all_hosts() if host.datacenter))

    async def _make_meta(self) -> None:
        if "meta" not in await self._tables():
            self._refuse_unless_migrating(f"keyspace {self._target.keyspace} has no tables")
            keyspace = self._target.keyspace
            await self._session.define(cql.META_WITHOUT_ID if self._target.bundle else cql.meta_table(keyspace))

    async def _tables(self) -> dict[str, Any]:
        return await asyncio.to_thread(self._session.tables, self._target.keyspace)

    async def _is_complete(self) -> bool:
        """Tell whether nothing has to be migrated. Raises JournalTooNew."""
        oldest = int(await self.get("oldest_version") or 0)
        if oldest > SCHEMA_VERSION:
            raise JournalTooNew(
                f"keyspace {self._target.keyspace} needs a release that knows schema {oldest}; this one knows "
                f"{SCHEMA_VERSION}: use a newer release"
            )
        return int(await self.get("schema_version") or 0) >= SCHEMA_VERSION and set(self.ranges) <= await self._known()

    async def _known(self) -> set[str]:
        return set((await self.get("ranges") or "").split())

    async def _migrate(self) -> None:
        done = int(await self.get("schema_version") or 0)
        for statements in cql.MIGRATIONS[done:]:
            for statement in statements:
                await self._session.define(statement)
        known, columns = await self._known(), (await self._tables())["listing"].columns
        for name in self.ranges:
            if cql.range_column(name) not in columns:
                await self._session.define(cql.add_range(name))
            if name not in known:
                await self._session.define(cql.index_range(name))
        await self._put("oldest_version", str(max(OLDEST_VERSION, int(await self.get("oldest_version") or 0))))
        await self._put("ranges", " ".join(sorted(known.union(self.ranges))))
        await self._put("schema_version", str(max(done, SCHEMA_VERSION)))
        log.info("keyspace_migrated", keyspace=self._target.keyspace, schema_version=SCHEMA_VERSION)

    async def _put(self, key: str, value: str) -> None:
        """Write one fact; whoever changed it meanwhile has the lock no more than we do, so that is an error."""
        before = await self._settled(key, value)
        if before != value and not (await self._session.run("change_meta", value, key, before)).applied:
            raise JournalUnavailable(f"somebody else changed {key} of keyspace {self._target.keyspace}")

    async def _settled(self, key: str, value: str) -> str:
        """Return what is stored under a key, after storing this if nothing was."""
        stored = await self._session.run("put_meta", key, value)
        return value if stored.applied else str(stored.found("value"))

    async def _migrate_alone(self) -> None:
        """Migrate as the only one, or wait until another process has done it."""
        mine = secrets.token_hex(8)
        async with asyncio.timeout(LOCK_PATIENCE):
            while not await self._is_locked(mine):
                await asyncio.sleep(LOCK_WAIT)
                if await self._is_complete():
                    return
        try:
            if not await self._is_complete():
                await self._migrate()
        finally:
            await self._session.run("unlock", mine)

    async def _is_locked(self, mine: str) -> bool:
        """Try to get the lock; a try without an answer is made again, and may find the own lock."""
        try:
            tried = await self._session.run("lock", mine)
        except OutcomeUnknown:
            return False
        return tried.applied or tried.found("value") == mine

    async def _check_scope(self) -> None:
        """Two processes that count replicas in different ways would not see each other (rule K12)."""
        scope = self._target.scope if self._target.scope == "global" else f"local {self._target.dc}"
        stored = await self._settled("scope", scope)
        if stored != scope:
            raise JournalUnusable(
                f"keyspace {self._target.keyspace} is used with scope {stored!r}, not {scope!r}: every process has to "
                "have the same; see docs/cassandra.md for how to change it"
            )

    async def _check_state(self) -> None:
        state = await self._settled("state", SERVING)
        if state == IMPORTING and not self._may_migrate:
            raise JournalUnusable(
                f"keyspace {self._target.keyspace} is half imported: run the import again until it is done"
            )
