"""Try a behaviour without a journal, a loop or an actor (after Akka's EventSourcedBehaviorTestKit).

The kit drives the real persistence core over events kept in a list, and checks after each command what a behaviour
promises: that every path answers, that deciding again decides the same, that events survive the codec, that replay
gives the same state, that the state survives being stored, and that the row is a pure function of the events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from spikes.journal import errors
from spikes.journal.port import (
    Append,
    Appended,
    Claim,
    CommandKey,
    EntityRow,
    Loaded,
    RecordedCommand,
    StoredEvent,
)
from spikes.persistence import protocol as p
from spikes.persistence.behavior import EventSourcedBehavior, Signal
from spikes.persistence.core import PersistentEntity
from spikes.persistence.effect import Effect
from spikes.persistence.rebuild import RowFold
from spikes.persistence.reply import Answer, Error, HandlerFailed, Success

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Outcome(msgspec.Struct, Generic[E, S], frozen=True):
    """What came of one command: the events stored meanwhile, the state after them, and the answer.

    The answer is None for `then_no_reply` and for a stashed command. `unstashed` has the answers to earlier commands
    that this one took from the stash, in order.
    """

    events: tuple[E, ...]
    state: S
    answer: Answer | None
    unstashed: tuple[Answer, ...] = ()

    @property
    def reply(self) -> Success[Any] | Error:
        """The status of the answer; raises AssertionError if there was none."""
        assert self.answer is not None, "the command was not answered"
        return self.answer.status

    @property
    def value(self) -> Any:
        """The value of a successful answer; raises AssertionError for a refusal."""
        assert isinstance(self.reply, Success), f"the command was refused: {self.reply}"
        return self.reply.value

    @property
    def refusal(self) -> Any:
        """The reason of a refusal; raises AssertionError for a success."""
        assert isinstance(self.reply, Error), f"the command was not refused: {self.reply}"
        return self.reply.reason


class BehaviorTestKit(Generic[C, E, S]):
    """One entity of a behaviour under test. `claims` may be shared between kits, to try unique values."""

    def __init__(
        self,
        behavior: EventSourcedBehavior[C, E, S],
        entity_id: str,
        claims: dict[Claim, str] | None = None,
    ) -> None:
        self.behavior = behavior
        self._watched = _watched(behavior, self._decided)
        self.persistence_id = str(behavior.persistence_id(entity_id))
        self.stored: list[StoredEvent] = []
        self.row: EntityRow | None = None
        self.signals: list[Signal] = []
        self.claims: dict[Claim, str] = {} if claims is None else claims
        self._commands: dict[str, RecordedCommand] = {}
        self._runs = 0
        self._decisions: list[E] = []
        self._answers: dict[str, Answer] = {}
        self.restart()

    @property
    def state(self) -> S:
        """The entity's state now."""
        return self._entity.folded.state

    def run(
        self,
        command: C,
        *,
        principal: str | None = None,
        now: int = 0,
        expected: int | None = None,
        key: CommandKey | None = None,
    ) -> Outcome[E, S]:
        """Let the entity handle one command; raises AssertionError if the behaviour breaks a promise."""
        self._runs += 1
        self._decisions.clear()
        name, before = f"run-{self._runs}", len(self.stored)
        envelope = p.Envelope(name, command, name, now, principal=principal, expected=expected, key=key)
        self._drive(self._entity.step(p.Receive(envelope), 0.0))
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            _check_handled(answer)
        events = tuple(self.behavior.events.decode(stored) for stored in self.stored[before:])
        assert all(event in self._decisions for event in events), "an event changes by being stored; look at its codec"
        self._check_promises()
        return Outcome(events, self.state, answers.pop(name, None), tuple(answers.values()))

    def restart(self) -> S:
        """Forget the entity and recover it from its events; return the recovered state."""
        self._entity = PersistentEntity(self._watched, self.persistence_id, "testkit")
        self._drive(self._entity.start())
        return self.state

    def _check_promises(self) -> None:
        folded = self._entity.folded
        replayed = self.behavior.fold(self.behavior.start(), self.stored)
        assert replayed.state == folded.state, "replaying the stored events gives another state"
        assert self.behavior.thaw(self.behavior.freeze(folded)) == folded, "the state changes by being stored"
        if self.row is not None:
            rebuilt = RowFold(self.behavior, self.persistence_id)
            rebuilt.add(self.stored)
            assert _content(rebuilt.row()) == _content(self.row), "the row is no pure function of the events"

    def _decided(self, effect: Effect[E], again: Effect[E]) -> None:
        assert (effect.kind, effect.events) == (again.kind, again.events), "deciding again decides something else"
        self._decisions.extend(effect.events)

    def _drive(self, outputs: list[p.Output]) -> None:
        waiting = deque(outputs)
        while waiting:
            waiting.extend(self._carry_out(waiting.popleft()))

    def _carry_out(self, output: p.Output) -> list[p.Output]:
        match output:
            case p.Reply(reply_to, answer):
                self._answers[str(reply_to)] = answer
            case p.Run(call):
                call()
            case p.Notify(signal):
                self.signals.append(signal)
                self.behavior.signal_handler(self.state, signal)
            case p.Stop():
                self.restart()
            case _:
                return self._entity.step(self._journal(output), 0.0)
        return []

    def _journal(self, output: p.Output) -> p.Completed | p.Failed:
        match output:
            case p.Load(_, _, to):
                return p.Completed(Loaded(None, tuple(self.stored[:to])))
            case p.ReadEvents(_, after):
                return p.Completed(tuple(self.stored[after:]))
            case p.CheckCurrent(_, sequence_nr):
                return p.Completed(sequence_nr == len(self.stored))
            case p.FindCommand(command_id):
                return p.Completed(self._commands.get(command_id))
            case p.Write(append):
                return self._write(append)
            case _:
                return p.Completed(None)

    def _write(self, append: Append) -> p.Completed | p.Failed:
        for claim in append.take:
            if self.claims.get(claim, self.persistence_id) != self.persistence_id:
                return p.Failed(errors.ClaimTaken(claim, self.claims[claim]))
        self.claims.update(dict.fromkeys(append.take, self.persistence_id))
        for claim in append.release:
            if self.claims.get(claim) == self.persistence_id:
                del self.claims[claim]
        self.stored.extend(append.events)
        self.row = append.row
        if append.command is not None:
            record = RecordedCommand(self.persistence_id, append.sequence_nr, append.command.fingerprint)
            self._commands[append.command.id] = record
        return p.Completed(Appended(append.sequence_nr))


def _watched(
    behavior: EventSourcedBehavior[C, E, S], decided: Callable[[Effect[E], Effect[E]], None]
) -> EventSourcedBehavior[C, E, S]:
    """Return the behaviour with handlers that decide each command twice and report both effects."""

    def twice(handler: Callable[..., Effect[E]]) -> Callable[..., Effect[E]]:
        def handle(*given: Any) -> Effect[E]:
            effect = handler(*given)
            decided(effect, handler(*given))
            return effect

        return handle

    claim_handler = behavior.claim_handler and twice(behavior.claim_handler)
    return msgspec.structs.replace(
        behavior, command_handler=twice(behavior.command_handler), claim_handler=claim_handler
    )


def _check_handled(answer: Answer) -> None:
    problem = answer.status.reason if isinstance(answer.status, Error) else None
    if isinstance(problem, HandlerFailed):
        raise AssertionError(f"a handler broke: {problem}") from problem.__cause__  # noqa: TRY004


def _content(row: EntityRow) -> Any:
    """The row without the hint of what changed, and without the snapshot, which an append may leave as it is."""
    return row.index and msgspec.structs.replace(row.index, changed=None, base=None)
