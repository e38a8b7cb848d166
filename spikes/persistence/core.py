"""The persistence core: what one event sourced entity does, as a state machine without I/O.

A driver gives `step` one input at a time and carries out what comes back. One command is under way at a time; the
others wait in order. The way of a command is read from top to bottom: `_begin`, `_check`, `_decide`, `_persist`,
`_stored` or `_refused`, `_finish`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from spikes.journal import errors
from spikes.journal.port import (
    PAGE,
    Append,
    Appended,
    EntityRow,
    IndexPart,
    Loaded,
    Metadata,
    RecordedCommand,
    RowVersion,
    StoredEvent,
)
from spikes.persistence import protocol as p
from spikes.persistence import reply as r
from spikes.persistence.behavior import Context, EventSourcedBehavior, Folded, RecoveryCompleted, RecoveryFailed
from spikes.persistence.codec import UndecodableEvent
from spikes.persistence.effect import Effect, ThenNoReply, ThenReply, ThenRun, ThenStop, ThenUnstashAll

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")

STASH_CAPACITY = 4096
"""How many commands may wait at one entity; one more is answered with `StashFull`."""

RETRIES = 5
"""How often a command is run again after another writer was first, before it is answered with `Busy`."""

FIRST_WAIT = 0.005
"""The longest wait before the first run again, in seconds; it doubles each time."""

NO_SNAPSHOT = -1
"""A state version that no row has: the fold starts at the first event."""


class Attempt(msgspec.Struct, Generic[E, S]):
    """The command under way: which run it is, and what is being written for it."""

    envelope: p.Envelope
    run: int = 0
    effect: Effect[E] | None = None
    candidate: Folded[S] | None = None
    index: IndexPart | None = None

    @property
    def id(self) -> str:
        """The attempt id of this run (rule C1)."""
        return f"{self.envelope.id}.{self.run}"


class PersistentEntity(Generic[C, E, S]):
    """One entity. Call `start` once, then `step` for each input; `at` is the driver's monotonic clock in seconds."""

    def __init__(
        self,
        behavior: EventSourcedBehavior[C, E, S],
        persistence_id: str,
        writer_id: str,
        stash_capacity: int = STASH_CAPACITY,
    ) -> None:
        self.behavior = behavior
        self.persistence_id = persistence_id
        self.folded: Folded[S] = behavior.start()
        self._writer_id = writer_id
        self._capacity = stash_capacity
        self._inbox: deque[p.Envelope] = deque()
        self._stashed: deque[p.Envelope] = deque()
        self._attempt: Attempt[E, S] | None = None
        self._index: IndexPart | None = None
        self._then: Callable[[Any], None] | None = None
        self._otherwise: Callable[[errors.JournalError], None] = self._fail
        self._reload = False
        self._stopping = False
        self._broken: r.Failure | None = None
        self._at = 0.0
        self._out: list[p.Output] = []

    # ------------------------------------------------------------------------------------------------ for the driver

    @property
    def is_idle(self) -> bool:
        """Tell whether no command is under way or waiting, and nothing asked for is unanswered."""
        return self._then is None and not self._inbox and not self._stashed and self._attempt is None

    @property
    def is_empty(self) -> bool:
        """Tell whether the entity has no events."""
        return self.folded.sequence_nr == 0

    @property
    def waiting(self) -> int:
        """How many commands are waiting or under way."""
        return len(self._inbox) + len(self._stashed) + (self._attempt is not None)

    def start(self) -> list[p.Output]:
        """Begin recovery."""
        self._load(self._recovered)
        return self._flush()

    def step(self, given: p.Input, at: float) -> list[p.Output]:
        """Take one input and return what is to be done now, in order."""
        self._at = at
        match given:
            case p.Receive(envelope):
                self._take(envelope)
            case p.Completed(result):
                then, self._then = self._expected(), None
                then(result)
            case p.Failed(error):
                self._expected()
                self._then = None
                self._otherwise(error)
        self._work()
        return self._flush()

    def _expected(self) -> Callable[[Any], None]:
        if self._then is None:
            raise RuntimeError(f"{self.persistence_id}: a result came that nobody asked for")
        return self._then

    def _flush(self) -> list[p.Output]:
        out, self._out = self._out, []
        return out

    def _ask(
        self,
        output: p.Output,
        then: Callable[[Any], None],
        otherwise: Callable[[errors.JournalError], None] | None = None,
    ) -> None:
        self._then, self._otherwise = then, otherwise or self._fail
        self._out.append(output)

    # ---------------------------------------------------------------------------------------------------- recovery

    def _load(self, then: Callable[[Loaded], None]) -> None:
        version = self.behavior.state_version if self.behavior.recovery.from_snapshot else NO_SNAPSHOT
        self._ask(p.Load(self.persistence_id, version), then, self._not_loaded)

    def _recovered(self, loaded: Loaded) -> None:
        self._refold(loaded, self.persistence_id, None, self._recovery_completed)

    def _recovery_completed(self, folded: Folded[S]) -> None:
        self._hold(folded)
        self._out.append(p.Notify(RecoveryCompleted(folded.sequence_nr)))

    def _refold(self, loaded: Loaded, whose: str, to: int | None, then: Callable[[Folded[S]], None]) -> None:
        try:
            start = self.behavior.thaw(loaded.snapshot)
        except msgspec.MsgspecError as problem:
            self._break(f"{whose}: the stored state can't be read ({problem}); `spikes rebuild` makes it anew")
            return
        self._fold_on(start, loaded.events, loaded.complete, whose, to, then)

    def _fold_on(
        self,
        start: Folded[S],
        events: tuple[StoredEvent, ...],
        complete: bool,
        whose: str,
        to: int | None,
        then: Callable[[Folded[S]], None],
    ) -> None:
        wanted = events if to is None else tuple(e for e in events if e.sequence_nr <= to)
        try:
            folded = self.behavior.fold(start, wanted)
        except (UndecodableEvent, ValueError) as problem:
            self._break(f"{whose}: {problem}")
            return
        if complete or len(wanted) < len(events):
            then(folded)
            return
        self._ask(
            p.ReadEvents(whose, folded.sequence_nr),
            lambda more: self._fold_on(folded, more, len(more) < PAGE, whose, to, then),
            self._not_loaded,
        )

    def _hold(self, folded: Folded[S], index: IndexPart | None = None) -> None:
        self.folded, self._index, self._reload = folded, index, False

    def _not_loaded(self, error: errors.JournalError) -> None:
        self._break(str(error), r.NotStored(f"the entity can't be read now: {error}"))

    def _break(self, problem: str, failure: r.Failure | None = None) -> None:
        """Answer everyone and leave: without its events an entity can't decide anything."""
        self._broken = failure or r.NotRecovered(problem)
        if self._attempt is not None:
            self._answer(r.StatusReply.error(self._broken))
        self._out.append(p.Notify(RecoveryFailed(problem)))
        self._inbox.extendleft(reversed(self._stashed))
        self._stashed.clear()
        self._stopping = True

    # ------------------------------------------------------------------------------------------------ one command

    def _take(self, envelope: p.Envelope) -> None:
        if self.waiting >= self._capacity:
            failure = r.StashFull(f"{self._capacity} commands already wait here")
            self._reply(envelope, r.StatusReply.error(failure))
        else:
            self._inbox.append(envelope)

    def _work(self) -> None:
        while self._then is None and self._attempt is None and self._inbox:
            self._begin(self._inbox.popleft())
        if self._stopping and self._then is None and self._attempt is None:
            self._leave()

    def _leave(self) -> None:
        while self._stashed:
            gone = r.NotStored("the entity stopped while the command was stashed")
            self._reply(self._stashed.popleft(), r.StatusReply.error(gone))
        self._stopping = False
        self._out.append(p.Stop())

    def _begin(self, envelope: p.Envelope) -> None:
        self._attempt = Attempt(envelope)
        if self._broken is not None:
            self._answer(r.StatusReply.error(self._broken))
        elif self._late():
            pass
        elif envelope.key is not None:
            self._ask(p.FindCommand(envelope.key.id, envelope.now), self._found)
        else:
            self._check()

    def _found(self, record: RecordedCommand | None) -> None:
        if record is None:
            self._check()
        else:
            self._repeat(record)

    def _check(self) -> None:
        """Make sure that the fold is the newest before it decides (rule C6)."""
        if self._reload:
            self._load(lambda loaded: self._refold(loaded, self.persistence_id, None, self._fresh))
        else:
            self._ask(p.CheckCurrent(self.persistence_id, self.folded.sequence_nr), self._checked)

    def _checked(self, current: bool) -> None:
        if current:
            self._decide()
        else:
            self._catch_up(self._fresh)

    def _catch_up(self, then: Callable[[Folded[S]], None]) -> None:
        self._fold_on(self.folded, (), False, self.persistence_id, None, then)

    def _fresh(self, folded: Folded[S]) -> None:
        self._hold(folded)
        self._decide()

    def _late(self) -> bool:
        """Answer a command whose time is over (rule C2)."""
        deadline = self._running.envelope.deadline
        if deadline is None or self._at < deadline:
            return False
        self._answer(r.StatusReply.error(r.NotStored("the time of the command was over before its turn")))
        return True

    def _decide(self) -> None:
        envelope = self._running.envelope
        if self._late():
            return
        if envelope.expected is not None and envelope.expected != self.folded.sequence_nr:
            self._answer(r.StatusReply.error(r.PreconditionFailed(self.folded.sequence_nr)))
            return
        context = self._context()
        self._handle(lambda: self.behavior.command_handler(self.folded.state, envelope.command, context))

    def _context(self) -> Context:
        attempt = self._running
        return Context(max(attempt.envelope.now, self.folded.time), attempt.id, attempt.envelope.principal)

    def _handle(self, decide: Callable[[], Effect[E]]) -> None:
        """Run a handler and carry out its effect; whatever it raises is the answer, and nothing is written."""
        try:
            effect = decide()
            if not effect.answers:
                raise RuntimeError("the effect ends in neither a reply nor then_no_reply()")  # noqa: TRY301
            if effect.kind == "persist":
                self._prepare(effect)
        except Exception as problem:  # noqa: BLE001 - the requester and the log get it
            self._handler_failed(problem)
        else:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect[E]) -> None:
        match effect.kind:
            case "persist":
                self._persist(effect)
            case "none":
                self._finish(effect, self.folded)
            case "unhandled":
                name = type(self._running.envelope.command).__name__
                self._answer(r.StatusReply.error(r.Unhandled(f"{name} makes no sense in this state")))
            case "stash":
                self._stashed.append(self._running.envelope)
                self._attempt = None

    # ---------------------------------------------------------------------------------------------------- the write

    def _prepare(self, effect: Effect[E]) -> None:
        """Fold the events into a candidate, so that a handler that raises prevents the write."""
        state, attempt = self.folded.state, self._running
        for event in effect.events:
            state = self.behavior.event_handler(state, event)
        sequence_nr = self.folded.sequence_nr + len(effect.events)
        attempt.effect = effect
        attempt.candidate = Folded(state, sequence_nr, self._context().now)
        attempt.index = self.behavior.row(state, sequence_nr)

    def _persist(self, effect: Effect[E]) -> None:
        attempt, candidate = self._running, self._running.candidate
        assert candidate is not None
        before, after = self.behavior.unique(self.folded.state), self.behavior.unique(candidate.state)
        append = Append(
            self.persistence_id,
            self.folded.sequence_nr,
            self._stored_events(effect, candidate.time),
            self._row(candidate, attempt.index),
            take=tuple(claim for claim in after if claim not in before),
            release=tuple(claim for claim in before if claim not in after),
            command=attempt.envelope.key,
            deadline=attempt.envelope.deadline,
        )
        self._ask(p.Write(append), self._stored, self._refused)

    def _stored_events(self, effect: Effect[E], time: int) -> tuple[StoredEvent, ...]:
        envelope = self._running.envelope
        metadata = Metadata(
            time,
            self._running.id,
            envelope.principal,
            envelope.request_id,
            envelope.correlation_id,
            envelope.causation_id,
            envelope.key.id if envelope.key else None,
            self._writer_id,
        )
        stored = []
        for number, event in enumerate(effect.events, self.folded.sequence_nr + 1):
            name, payload = self.behavior.events.encode(event)
            stored.append(StoredEvent(number, name, payload, metadata, self.behavior.tags(event)))
        return tuple(stored)

    def _row(self, candidate: Folded[S], index: IndexPart | None) -> EntityRow:
        due = self.behavior.retention.due(self.folded.sequence_nr, candidate.sequence_nr)
        snapshot = self.behavior.freeze(candidate) if due else None
        version = self.behavior.state_version
        return EntityRow(self.persistence_id, candidate.sequence_nr, version, self._with_hint(index), snapshot)

    def _with_hint(self, index: IndexPart | None) -> IndexPart | None:
        """Say which search parts changed. A row is a pure function of its version (R1), so the base is known."""
        number = self.folded.sequence_nr
        if index is None or not index.search or number == 0:
            return index
        before = self._index or self.behavior.row(self.folded.state, number)
        old = before.search if before is not None else {}
        changed = {part for part, text in index.search.items() if old.get(part) != text}
        changed.update(part for part in old if part not in index.search)
        base = RowVersion(number, self.behavior.state_version)
        return msgspec.structs.replace(index, changed=frozenset(changed), base=base)

    def _stored(self, appended: Appended) -> None:
        attempt = self._running
        assert attempt.candidate is not None
        assert attempt.effect is not None
        self._hold(attempt.candidate, attempt.index)
        self._finish(attempt.effect, attempt.candidate)

    def _refused(self, error: errors.JournalError) -> None:
        match error:
            case errors.SequenceConflict():
                self._reload = error.actual < error.expected
                self._ask(p.ReadEvents(self.persistence_id, self.folded.sequence_nr), self._conflict)
            case errors.ClaimTaken():
                self._claim_taken(error)
            case errors.DuplicateCommand():
                self._repeat(RecordedCommand(error.persistence_id, error.sequence_nr, error.fingerprint))
            case errors.OutcomeUnknown():
                self._reload = True
                self._answer(r.StatusReply.error(r.OutcomeNotKnown(str(error))))
            case errors.EventTooLarge():
                self._handler_failed(error)
            case _:
                self._fail(error)

    def _conflict(self, events: tuple[StoredEvent, ...]) -> None:
        """Another writer was first, unless the event at my place is my own (rule C1): then this is success."""
        if events and events[0].metadata.attempt_id == self._running.id:
            self._stored(Appended(events[0].sequence_nr))
        else:
            self._run_again(lambda: self._check())

    def _run_again(self, start: Callable[[], None]) -> None:
        attempt = self._running
        if attempt.run == RETRIES:
            self._answer(r.StatusReply.error(r.Busy(f"others wrote first, {RETRIES + 1} times")))
            return
        attempt.run += 1
        self._ask(p.Wait(FIRST_WAIT * 2 ** (attempt.run - 1)), lambda _: start())

    def _claim_taken(self, error: errors.ClaimTaken) -> None:
        handler = self.behavior.claim_handler
        if handler is None:
            self._handler_failed(error)
            return
        attempt = self._running
        if attempt.run == RETRIES:
            self._answer(r.StatusReply.error(r.Busy("each value tried was taken by someone else")))
            return
        attempt.run += 1
        state, command, context = self.folded.state, attempt.envelope.command, self._context()
        self._handle(lambda: handler(state, command, error.claim, error.holder, context))

    # ------------------------------------------------------------------------------------------------------ answers

    def _repeat(self, record: RecordedCommand) -> None:
        """Answer a repeated client key with the first answer, from the state that it had led to (rule C4)."""
        key = self._running.envelope.key
        assert key is not None
        if record.fingerprint != key.fingerprint:
            self._answer(r.StatusReply.error(r.KeyReused("this key was used for another request")))
            return
        load = p.Load(record.persistence_id, self.behavior.state_version, record.sequence_nr, recovers=False)
        self._ask(
            load,
            lambda loaded: self._refold(loaded, record.persistence_id, record.sequence_nr, self._answer_again(record)),
        )

    def _answer_again(self, record: RecordedCommand) -> Callable[[Folded[S]], None]:
        def answer(folded: Folded[S]) -> None:
            envelope = self._running.envelope
            status = self.behavior.replayed(folded.state, envelope.command)
            self._answer(status, r.Answer(status, record.sequence_nr, record.persistence_id, replayed=True))

        return answer

    def _finish(self, effect: Effect[E], folded: Folded[S]) -> None:
        """Do what the effect asked for, in its order, now that its events are stored."""
        envelope = self._running.envelope
        self._attempt = None
        for then in effect.then:
            match then:
                case ThenReply(make):
                    self._reply(envelope, self._made(make, folded.state), folded.sequence_nr)
                case ThenRun(run):
                    self._out.append(p.Run(lambda run=run: run(folded.state)))  # type: ignore[misc]
                case ThenUnstashAll():
                    self._inbox.extendleft(reversed(self._stashed))
                    self._stashed.clear()
                case ThenStop():
                    self._stopping = True
                case ThenNoReply():
                    pass

    def _made(self, make: Callable[[Any], r.Success[Any] | r.Error], state: S) -> r.Success[Any] | r.Error:
        try:
            return make(state)
        except Exception as problem:  # noqa: BLE001 - the requester and the log get it
            return r.StatusReply.error(_caused(problem))

    def _handler_failed(self, problem: Exception) -> None:
        self._answer(r.StatusReply.error(_caused(problem)))

    def _fail(self, error: errors.JournalError) -> None:
        self._answer(r.StatusReply.error(r.NotStored(str(error))))

    @property
    def _running(self) -> Attempt[E, S]:
        assert self._attempt is not None
        return self._attempt

    def _answer(self, status: r.Success[Any] | r.Error, answer: r.Answer | None = None) -> None:
        envelope, self._attempt = self._running.envelope, None
        if answer is None:
            self._reply(envelope, status)
        elif envelope.reply_to is not None:
            self._out.append(p.Reply(envelope.reply_to, answer))

    def _reply(self, envelope: p.Envelope, status: r.Success[Any] | r.Error, sequence_nr: int | None = None) -> None:
        if envelope.reply_to is not None:
            number = self.folded.sequence_nr if sequence_nr is None else sequence_nr
            self._out.append(p.Reply(envelope.reply_to, r.Answer(status, number, self.persistence_id)))


def _caused(problem: Exception) -> r.HandlerFailed:
    failure = r.HandlerFailed(f"{type(problem).__name__}: {problem}")
    failure.__cause__ = problem
    return failure
