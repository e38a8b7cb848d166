"""The journal actor: turns messages into calls of the journal, and their results into messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from typing import Any, ClassVar

import structlog
from thespian.actors import Actor, ActorAddress

from spikes.actors.messages import Quiesce, Quiet
from spikes.actors.system_base import system_base_of
from spikes.journal.errors import JournalError, OutcomeUnknown
from spikes.journal.port import Journal
from spikes.persistence import protocol as p

log = structlog.get_logger(__name__)

RECOVERY_PERMITS = 50
"""How many entities may recover at the same time; the others wait in order."""


class JournalActor(Actor):
    """The plugin's actor. Whoever sends a request gets `Completed` or `Failed` for it, exactly once."""

    journal: ClassVar[Journal]
    permits: ClassVar[int] = RECOVERY_PERMITS

    def __init__(self) -> None:
        super().__init__()
        self._recovering = 0
        self._waiting: deque[tuple[p.Load, ActorAddress]] = deque()
        self._in_flight = 0
        self._quiesce: list[ActorAddress] = []

    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:  # noqa: N802 - Thespian's name
        """Take one request."""
        match message:
            case p.Write(append):
                self._run(self.journal.append(append), sender)
            case p.Load(recovers=True):
                self._recover(message, sender)
            case p.Load():
                self._run(self._load(message), sender)
            case p.ReadEvents(persistence_id, after):
                self._run(self.journal.events(persistence_id, after), sender)
            case p.CheckCurrent(persistence_id, sequence_nr):
                self._run(self.journal.check_current(persistence_id, sequence_nr), sender)
            case p.FindCommand(command_id, now):
                self._run(self.journal.command(command_id, now), sender)
            case Quiesce():
                self._quiesce.append(sender)
                self._tell_quiet()

    def _run(self, work: Coroutine[Any, Any, Any], sender: ActorAddress) -> None:
        self._in_flight += 1
        task = system_base_of(self).run_task(work, sender, p.Completed, _failed)
        task.add_done_callback(self._ended)

    def _ended(self, _: Any) -> None:
        self._in_flight -= 1
        self._tell_quiet()

    def _tell_quiet(self) -> None:
        while self._quiesce and not self._in_flight:
            self.send(self._quiesce.pop(), Quiet())

    def _load(self, load: p.Load) -> Coroutine[Any, Any, Any]:
        return self.journal.load(load.persistence_id, load.state_version, load.to)

    def _recover(self, load: p.Load, sender: ActorAddress) -> None:
        if self._recovering >= self.permits:
            self._waiting.append((load, sender))
            return
        self._recovering += 1
        self._run(self._with_permit(load), sender)

    async def _with_permit(self, load: p.Load) -> Any:
        try:
            return await self._load(load)
        finally:
            self._recovering -= 1
            if self._waiting:
                self._recover(*self._waiting.popleft())


def _failed(problem: BaseException) -> p.Failed:
    """Name the failure. What no journal may raise is a bug there, and nobody knows how far it came.

    Without its traceback, which would be a cycle: it holds the frames, those hold the append, and that is large.
    """
    if isinstance(problem, JournalError):
        return p.Failed(problem.with_traceback(None))
    if isinstance(problem, Exception):  # and no task that was cancelled at the end
        log.error("journal_broke", exc_info=problem)
    return p.Failed(OutcomeUnknown(f"{type(problem).__name__}: {problem}"))
