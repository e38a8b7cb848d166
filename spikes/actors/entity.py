"""The entity actor: drives the persistence core of one user, note or tag."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

import structlog
from thespian.actors import Actor, ActorAddress, ActorExitRequest, PoisonMessage, WakeupMessage

from spikes.actors.environment import EntityEnvironment
from spikes.actors.messages import Begin, Passivate, Retire
from spikes.actors.observing import without_texts
from spikes.journal.errors import OutcomeUnknown, SequenceConflict
from spikes.journal.port import Loaded
from spikes.persistence import protocol as p
from spikes.persistence.behavior import RecoveryFailed
from spikes.persistence.core import PersistentEntity
from spikes.persistence.reply import Error, HandlerFailed

log = structlog.get_logger(__name__)

LONGEST_ERROR = 500
"""How much of an error's text is kept, in characters."""


class Recovery:
    """When an entity's recovery began, and how many events were read for it."""

    __slots__ = ("_began", "_events")

    def __init__(self, began: float) -> None:
        self._began = began
        self._events = 0

    def note(self, result: p.Result) -> None:
        """Count what was read."""
        self._events += len(
            result.events if isinstance(result, Loaded) else result if isinstance(result, tuple) else ()
        )

    def over(self, environment: EntityEnvironment) -> None:
        """Note how long it took."""
        environment.meters.recovery_seconds.observe(environment.monotonic() - self._began)
        environment.meters.recovery_events.observe(self._events)


class Entity(Actor):
    """One entity in memory. Everything it decides is in the core; here is only the carrying out."""

    environment: ClassVar[EntityEnvironment]

    last_command: str | None = None
    """The name of the last command that came; kept, as what follows, for operators who look at the entity."""

    last_command_time: int | None = None
    last_error: str | None = None
    """Why the last command that failed did, without what may quote a user."""

    last_error_time: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self._retiring = False
        self._offered = False
        self._watched: str | None = None
        self._recovery: Recovery | None = None
        self._arrivals: deque[float] | None = None

    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:  # noqa: N802 - Thespian's name
        """Take one message: a command from the region, a result from the journal, or the end."""
        match message:
            case p.Envelope():
                self._offered = False
                self.last_command, self.last_command_time = type(message.command).__name__, message.now
                self._note_arrival(message)
                self._step(p.Receive(message, self._is_current()))
            case p.Completed():
                if self._recovery is not None:
                    self._recovery.note(message.result)
                self._step(message)
            case p.Failed():
                if isinstance(message.error, SequenceConflict):
                    self.environment.meters.conflicts.inc()
                self._step(message)
            case WakeupMessage():
                self._step(p.Completed(None))
            case Begin():
                self._begin(message, sender)
            case Retire():
                self._retiring = True
                self._carry_out(self._core.leave(self.environment.monotonic()))
            case ActorExitRequest() if self._watched is not None:
                self.environment.freshness.unwatch(self._watched)
            case PoisonMessage() if not isinstance(message.poisonMessage, Passivate):
                self._step(p.Failed(OutcomeUnknown("the journal's actor failed")))

    @property
    def core(self) -> PersistentEntity[Any, Any, Any] | None:
        """What it does and holds, None before its first message; to be looked at only."""
        return getattr(self, "_core", None)

    def _begin(self, begin: Begin, region: ActorAddress) -> None:
        environment = self.environment
        self._region, self._entity_id = region, begin.entity_id
        persistence_id = str(environment.behavior.persistence_id(begin.entity_id))
        core = PersistentEntity(environment.behavior, persistence_id, environment.writer_id)
        environment.freshness.watch(persistence_id)
        self._watched = persistence_id
        if not begin.new:
            self._recovery = Recovery(environment.monotonic())
        outputs = core.start(begin.new)
        self._core = core  # from now on commands are taken; before, they fail and the region hears of it
        self.last_command, self.last_command_time = type(begin.first.command).__name__, begin.first.now
        self._carry_out(outputs)
        self._note_arrival(begin.first)
        self._step(p.Receive(begin.first))

    def _note_arrival(self, envelope: p.Envelope) -> None:
        """Note how long a command waited, if it is its turn now; else `_note_turns` does."""
        if envelope.asked is None:
            return
        if self._core.is_idle:
            self.environment.meters.queue.observe(self.environment.monotonic() - envelope.asked)
        elif self._arrivals is None:
            self._arrivals = deque((envelope.asked,))
        else:
            self._arrivals.append(envelope.asked)

    def _note_turns(self, arrivals: deque[float]) -> None:
        """Note how long those waited whose turn has come: the first that came, as commands are taken in order."""
        now = self.environment.monotonic()
        while len(arrivals) > self._core.queued:
            self.environment.meters.queue.observe(now - arrivals.popleft())
        self._arrivals = arrivals or None

    def _is_current(self) -> bool | None:
        """Look whether the fold is the newest, if it is about to be used; this spares the core a question."""
        core = self._core
        if not core.is_idle:
            return None
        return self.environment.freshness.is_current(core.persistence_id, core.folded.sequence_nr)

    def _step(self, given: p.Input) -> None:
        try:
            self._carry_out(self._core.step(given, self.environment.monotonic()))
        except Exception as problem:
            self._carry_out(self._core.abandon(problem))
            log.exception("entity_broken", persistence_id=self._core.persistence_id)
        if self._arrivals is not None:
            self._note_turns(self._arrivals)
        if not self._retiring and self._core.is_empty and self._core.is_idle:
            self._stop()

    def _carry_out(self, outputs: list[p.Output]) -> None:
        """Do what the core wants. A check that needs no I/O is answered on the spot, without another message."""
        while outputs:
            following: list[p.Output] = []
            for output in outputs:
                given = self._do(output)
                if given is not None:
                    following += self._core.step(given, self.environment.monotonic())
            outputs = following

    def _do(self, output: p.Output) -> p.Input | None:
        match output:
            case p.Reply(reply_to, answer):
                self._note_failure(answer.status)
                self.send(reply_to, answer)  # type: ignore[arg-type] # a callback address is opaque to the core
            case p.CheckCurrent(persistence_id, sequence_nr):
                current = self.environment.freshness.is_current(persistence_id, sequence_nr)
                if current is not None:
                    return p.Completed(current)
                self.send(self.environment.journal, output)
            case p.Wait(longest):
                self.environment.meters.retries.inc()
                self.wakeupAfter(longest * self.environment.jitter())
            case p.Run(call):
                self._run(call)
            case p.Notify(signal):
                self._notify(signal)
            case p.Stop():
                self._stop()
            case _:
                self.send(self.environment.journal, output)
        return None

    def _run(self, call: Any) -> None:
        """A side effect that raises changes nothing: its events are stored and its command is answered."""
        try:
            call()
        except Exception:
            log.exception("side_effect_failed", persistence_id=self._core.persistence_id)

    def _notify(self, signal: Any) -> None:
        persistence_id = self._core.persistence_id
        if isinstance(signal, RecoveryFailed):
            log.error("recovery_failed", persistence_id=persistence_id, problem=signal.problem)
        elif self._recovery is not None:
            self._recovery.over(self.environment)
            self._recovery = None
        self._run(lambda: self.environment.behavior.signal_handler(self._core.folded.state, signal))

    def _note_failure(self, status: Any) -> None:
        if not isinstance(status, Error):
            return
        reason = status.reason
        self.last_error = without_texts(reason)[:LONGEST_ERROR]
        self.last_error_time = self.last_command_time
        if isinstance(reason, HandlerFailed):
            cause = reason.__cause__
            log.error("handler_failed", persistence_id=self._core.persistence_id, exc_info=cause)

    def _stop(self) -> None:
        """Exit if no more commands come. If not, ask the region for that; its `Retire` is the last that it sends."""
        if self._retiring:
            self.send(self.myAddress, ActorExitRequest())
        elif not self._offered:
            self._offered = True
            self.send(self._region, Passivate(self._entity_id))
