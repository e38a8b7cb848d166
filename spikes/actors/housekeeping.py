"""What has to be done without anyone asking: sessions that expired, accounts whose removal was begun, old client keys.

Each looks its work up in the journal, so whatever process finds it does it, and a crash only delays it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import msgspec
import structlog
from thespian.actors import Actor, ActorAddress, WakeupMessage

from spikes.actors.port import AskTimeout, Entities
from spikes.actors.system_base import system_base_of
from spikes.domain.note.command import ForgetWriter, PurgeNote
from spikes.domain.tag.command import DisownTag
from spikes.domain.user.command import ExpireSessions, FinishRemoval
from spikes.journal.errors import JournalError
from spikes.journal.port import COMMAND_RETENTION, AtMost, Condition, Equal, HasTerm, Journal, Query, Sort
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Error

log = structlog.get_logger(__name__)

BATCH = 200
"""How many entities one page of a look has."""


class Begin(msgspec.Struct, frozen=True):
    """To a housekeeper: look for work from now on."""


class Done(msgspec.Struct, frozen=True):
    """To oneself: a round is over, for better or worse."""

    problem: BaseException | None = None


class Housekeeper(Actor):
    """Does a round of work, then waits `period` seconds. Subclasses say what a round is."""

    entities: ClassVar[Entities]
    journal: ClassVar[Journal]
    now: ClassVar[Callable[[], int]]
    monotonic: ClassVar[Callable[[], float]] = time.monotonic
    ask_timeout: ClassVar[float]
    period: ClassVar[float] = 60.0

    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:  # noqa: N802 - Thespian's name
        """Begin a round when it is time; note how it went."""
        match message:
            case Begin() | WakeupMessage():
                system_base_of(self).run_task(self._guarded_round(), self.myAddress, Done, Done)
            case Done(problem):
                if problem is not None:
                    log.error("housekeeping_broke", task=type(self).__name__, exc_info=problem)
                self.wakeupAfter(self.period)

    async def round(self) -> None:
        """Look for work and do it."""
        raise NotImplementedError

    async def _guarded_round(self) -> None:
        try:
            await self.round()
        except (JournalError, AskTimeout) as problem:
            log.warning("housekeeping_put_off", task=type(self).__name__, problem=str(problem))

    async def _tell(self, persistence_id: str, command: object) -> None:
        """Let an entity do its part. One that can't is logged and met again next time; the others have their turn."""
        try:
            status: object = (await self.entities.ask(PersistenceId.parse(persistence_id), command)).status
        except AskTimeout as problem:
            status = Error(problem)
        if isinstance(status, Error):
            reason = repr(status.reason)
            log.warning("housekeeping_refused", task=type(self).__name__, persistence_id=persistence_id, reason=reason)

    async def _all(self, kind: str, condition: Condition, sort: str = "created") -> AsyncIterator[str]:
        """Yield the ids of all listed entities for which the condition holds, the lowest value first."""
        query = Query(kind, (condition,), sort=Sort(sort), limit=BATCH)
        while True:
            page = await self.journal.query(query)
            for row in page.rows:
                yield row.persistence_id
            if page.next is None:
                return
            query = msgspec.structs.replace(query, after=page.next)


class SessionReaper(Housekeeper):
    """Ends sessions that have expired, so that they leave state and lists. Whether one is valid is checked at use."""

    async def round(self) -> None:
        """Let each user end what has expired, the earliest first."""
        over = AtMost("session_expires", type(self).now())
        async for user in self._all("user", over, "session_expires"):
            await self._tell(user, ExpireSessions())


class AccountSweeper(Housekeeper):
    """Finishes the removal of accounts (rule C9): their notes go, trash included, their comments on others' notes lose
    text and writer, their tags stay without an owner, and then the user itself goes.

    What is left to do is looked up each time, so a round may end anywhere, and any process may do the next. A command
    that was let in before the removal may store something until its deadline. So a user is finished only when two
    looks, with nothing found in between, found nothing and were further apart than `settle` seconds and the deadline.
    """

    period: ClassVar[float] = 2.0
    settle: ClassVar[float] = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._empty_since: dict[str, float] = {}

    async def round(self) -> None:
        """Take every account under removal one step further."""
        removing = [row async for row in self._all("user", Equal("removing", 1))]
        self._empty_since = {who: since for who, since in self._empty_since.items() if who in removing}
        for persistence_id in removing:
            await self._remove(persistence_id)

    async def _remove(self, persistence_id: str) -> None:
        user_id = PersistenceId.parse(persistence_id).entity_id
        left = [
            *[(note, PurgeNote(user_id)) async for note in self._all("note", Equal("owner", user_id))],
            *[(note, ForgetWriter(user_id)) async for note in self._all("note", HasTerm("commenter", user_id))],
            *[(tag, DisownTag(user_id)) async for tag in self._all("tag", Equal("owner", user_id))],
        ]
        for entity, command in left:
            await self._tell(entity, command)
        at = type(self).monotonic()
        if left:
            self._empty_since.pop(persistence_id, None)
        elif at - self._empty_since.setdefault(persistence_id, at) > self.settle + self.ask_timeout:
            await self._tell(persistence_id, FinishRemoval())


class KeyKeeper(Housekeeper):
    """Forgets client keys whose time is over."""

    period: ClassVar[float] = 600.0

    async def round(self) -> None:
        """Forget the keys that no request can meet any more, unless the journal does so by itself."""
        if "keys_expire" in self.journal.capabilities:
            return
        await self.journal.forget_commands(type(self).now() - COMMAND_RETENTION)
