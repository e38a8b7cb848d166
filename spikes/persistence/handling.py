"""The way of one command through an entity: from its turn to its answer.

Read from top to bottom: `_begin`, `_check`, `_decide`, `_carry_out`, `_stored` or `_refused`, `_finish`. What is read
on the way is folded by `reading.py`, what is written is made by `drafting.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from spikes.journal import errors
from spikes.journal.port import Appended, RecordedCommand, StoredEvent
from spikes.persistence import protocol as p
from spikes.persistence import reply as r
from spikes.persistence.behavior import Context, EventSourcedBehavior, Folded, RecoveryFailed
from spikes.persistence.drafting import Draft, Drafter
from spikes.persistence.effect import Effect, Replied, ThenReply, ThenRun, ThenStop, ThenUnstashAll
from spikes.persistence.exchange import Exchange
from spikes.persistence.reading import Reading, Unreadable
from spikes.persistence.waiting import WaitingCommands, is_late

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")

RETRIES = 5
"""How often a command is run again after another writer was first, before it is answered with `Busy`."""

FIRST_WAIT = 0.005
"""The longest wait before the first run again, in seconds; it doubles each time."""


class Attempt(msgspec.Struct, Generic[E, S]):
    """The command under way: which run it is, and what is being written for it.

    `checked` is that the fold was found to be the newest since the command came, on behalf of one before it.
    """

    envelope: p.Envelope
    run: int = 0
    presumes_new: bool = False
    checked: bool = False
    effect: Effect[E] | None = None
    draft: Draft[S] | None = None

    @property
    def id(self) -> str:
        """The attempt id of this run (rule C1)."""
        return f"{self.envelope.id}.{self.run}"


class CommandHandling(Generic[C, E, S]):
    """An entity's fold, and what happens to the one command that is under way."""

    __slots__ = (
        "_at",
        "_attempt",
        "_broken",
        "_covered",
        "_drafter",
        "_exchange",
        "_known_current",
        "_presumed_new",
        "_reload",
        "_stopping",
        "_waiting",
        "behavior",
        "folded",
        "persistence_id",
    )

    def __init__(
        self, behavior: EventSourcedBehavior[C, E, S], persistence_id: str, writer_id: str, capacity: int
    ) -> None:
        self.behavior = behavior
        self.persistence_id = persistence_id
        self.folded: Folded[S] = behavior.start()
        self._reload = False
        self._presumed_new = False
        self._known_current = False
        self._covered = 0
        self._attempt: Attempt[E, S] | None = None
        self._drafter: Drafter[C, E, S] = Drafter(behavior, persistence_id, writer_id)
        self._waiting = WaitingCommands(capacity)
        self._exchange = Exchange()
        self._stopping = False
        self._broken: r.Failure | None = None
        self._at = 0.0

    # --------------------------------------------------------------------------------------- its turn, and a fresh fold

    def _begin(self, envelope: p.Envelope) -> None:
        self._attempt = Attempt(envelope, presumes_new=self._presumed_new, checked=self._covered > 0)
        self._covered = max(0, self._covered - 1)
        if self._presumed_new:
            self._presumed_new, self._reload = False, True  # until an append has proved it
        if self._broken is not None:
            self._break(self._broken)
        elif self._is_late():
            pass
        elif envelope.key is not None:
            self._exchange.ask(p.FindCommand(envelope.key.id, envelope.now), self._found, self._fail)
        else:
            self._check()

    def _is_late(self) -> bool:
        """Answer a command whose time is over (rule C2)."""
        late = is_late(self._running.envelope, self._at)
        if late:
            self._refuse(r.NotStored("the time of the command was over before its turn"))
        return late

    def _found(self, record: RecordedCommand | None) -> None:
        if record is None:
            self._check()
        else:
            self._repeat(record)

    def _check(self) -> None:
        """Make sure that the fold is the newest before it decides (rule C6).

        Looking once is good for all commands that wait by then: a fold may be used that was the newest at any time
        since the command came.
        """
        if self._running.presumes_new:
            self._running.presumes_new = False
            self._decide()
        elif self._reload:
            reading = Reading(self.behavior, self.persistence_id)
            self._exchange.read(reading.load(), reading, self._fresh, self._not_fresh)
        elif self._known_current or self._running.checked:
            self._decide()
        else:
            self._covered = self._waiting.in_line
            question = p.CheckCurrent(self.persistence_id, self.folded.sequence_nr)
            self._exchange.ask(question, self._checked, self._not_fresh)

    def _checked(self, current: bool) -> None:
        if current:
            self._decide()
        else:
            reading = Reading(self.behavior, self.persistence_id, self.folded)
            self._exchange.read(reading.more(), reading, self._fresh, self._not_fresh)

    def _fresh(self, folded: Folded[S]) -> None:
        self._hold(folded)
        self._decide()

    def _not_fresh(self, error: Exception) -> None:
        """A store that can't be read now fails this command only; a stream that can't be read fails the entity."""
        self._covered = 0
        if isinstance(error, Unreadable):
            self._not_recovered(error)
        else:
            self._fail(error)

    # ----------------------------------------------------------------------------------------------------- the decision

    def _decide(self) -> None:
        if self._is_late() or self._is_outdated():
            return
        self._handle(self.behavior.command_handler, self.folded.state, self._running.envelope.command)

    def _is_outdated(self) -> bool:
        """Answer a command that was made for another version of the entity (rule C3)."""
        expected = self._running.envelope.expected
        outdated = expected is not None and expected != self.folded.sequence_nr
        if outdated:
            self._refuse(r.PreconditionFailed(self.folded.sequence_nr))
        return outdated

    def _handle(self, handler: Callable[..., Effect[E]], *given: Any) -> None:
        """Run a handler and carry out its effect; whatever it raises is the answer, and nothing is written."""
        attempt = self._running
        envelope = attempt.envelope
        context = Context(max(envelope.now, self.folded.time), attempt.id, envelope.principal)
        try:
            effect = handler(*given, context)
            if not effect.answers:
                raise RuntimeError("the effect ends in neither a reply nor then_no_reply()")  # noqa: TRY301
            if effect.kind == "persist":
                attempt.effect = effect
                attempt.draft = self._drafter.draft(self.folded, effect.events, envelope, context)
        except Exception as problem:  # noqa: BLE001 - the requester and the log get it
            self._refuse(r.HandlerFailed.because(problem))
        else:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect[E]) -> None:
        attempt = self._running
        match effect.kind:
            case "persist":
                assert attempt.draft is not None
                self._exchange.ask(p.Write(attempt.draft.append), self._stored, self._refused)
            case "stash":
                self._attempt = None
                self._waiting.stash(attempt.envelope)
            case "unhandled" if not effect.replies:
                problem = r.Unhandled(f"{type(attempt.envelope.command).__name__} makes no sense in this state")
                self._finish(effect.then_reply(lambda _: r.Error(problem)), self.folded)
            case _:
                self._finish(effect, self.folded)

    # ---------------------------------------------------------------------------------------------------- the write

    def _stored(self, _: Appended | None) -> None:
        effect, draft = self._running.effect, self._running.draft
        assert effect is not None
        assert draft is not None
        self._hold(draft.folded)
        self._finish(effect, draft.folded)

    def _refused(self, error: Exception) -> None:
        match error:
            case errors.SequenceConflict() | errors.DuplicateCommand():
                self._exchange.ask(
                    p.ReadEvents(self.persistence_id, self.folded.sequence_nr),
                    lambda events: self._compare(error, events),
                    self._unknown,
                )
            case errors.ClaimTaken():
                self._claim_taken(error)
            case errors.JournalUnavailable():
                self._fail(error)
            case errors.EventTooLarge():
                self._refuse(r.HandlerFailed.because(error))
            case _:
                self._unknown(error)

    def _unknown(self, error: Exception) -> None:
        """Nobody may conclude anything from silence, so the fold in memory is not used again."""
        self._reload = True
        self._refuse(r.OutcomeNotKnown(str(error)))

    def _compare(
        self, refusal: errors.SequenceConflict | errors.DuplicateCommand, events: tuple[StoredEvent, ...]
    ) -> None:
        """Look first whether the event at my place is my own (rule C1): then this is success."""
        if events and events[0].metadata.attempt_id == self._running.id:
            self._stored(None)
        elif isinstance(refusal, errors.DuplicateCommand):
            self._repeat(RecordedCommand(refusal.persistence_id, refusal.sequence_nr, refusal.fingerprint))
        elif not events and refusal.actual > refusal.expected:
            self._unknown(refusal)
        else:
            reading = Reading(self.behavior, self.persistence_id, self.folded)
            self._exchange.fold(events, reading, lambda folded: self._overtaken(folded, refusal), self._not_fresh)

    def _overtaken(self, folded: Folded[S], conflict: errors.SequenceConflict) -> None:
        """Another writer was first: run the command again on the new state, after a short wait."""
        self._hold(folded)
        self._reload = conflict.actual < conflict.expected
        if not self._is_outdated() and self._may_run_again(f"others wrote first, {RETRIES + 1} times"):
            self._exchange.ask(p.Wait(FIRST_WAIT * 2 ** (self._running.run - 1)), lambda _: self._check(), self._fail)

    def _claim_taken(self, error: errors.ClaimTaken) -> None:
        handler, command = self.behavior.claim_handler, self._running.envelope.command
        if handler is None:
            self._refuse(r.HandlerFailed.because(error))
        elif not self._is_late() and self._may_run_again("each value tried was taken by someone else"):
            self._handle(handler, self.folded.state, command, error.claim, error.holder)

    def _may_run_again(self, problem: str) -> bool:
        attempt = self._running
        if attempt.run == RETRIES:
            self._refuse(r.Busy(problem))
            return False
        attempt.run += 1
        return True

    # ------------------------------------------------------------------------------------------------------ answers

    def _repeat(self, record: RecordedCommand) -> None:
        """Answer a repeated client key with the first answer, from the state that it had led to (rule C4)."""
        key, kind = self._running.envelope.key, f"{self.behavior.kind}|"
        if key is None or record.fingerprint != key.fingerprint or not record.persistence_id.startswith(kind):
            self._refuse(r.KeyReused("this key was used for another request"))
            return
        reading = Reading(self.behavior, record.persistence_id, to=record.sequence_nr)
        again = self._answer_again
        self._exchange.read(
            reading.load(recovers=False), reading, lambda folded: again(record, folded), self._not_repeated
        )

    def _answer_again(self, record: RecordedCommand, folded: Folded[S]) -> None:
        envelope, self._attempt = self._running.envelope, None
        status = _made(lambda state: self.behavior.replayed(state, envelope.command), folded.state)
        self._send(envelope, r.Answer(status, record.sequence_nr, record.persistence_id, replayed=True))

    def _not_repeated(self, error: Exception) -> None:
        """The command is stored, so "not stored" would be a lie; only its answer can't be given."""
        unreadable = isinstance(error, Unreadable)
        self._refuse(r.NotRecovered(str(error)) if unreadable else r.OutcomeNotKnown(f"stored before, but: {error}"))

    def _finish(self, effect: Effect[E], folded: Folded[S]) -> None:
        """Do what the effect asked for, in its order, now that its events are stored."""
        envelope = self._running.envelope
        self._attempt = None
        for then in effect.then:
            match then:
                case ThenReply(make):
                    self._reply(envelope, _made(make, folded.state))
                case ThenRun(run):
                    self._exchange.say(p.Run(lambda run=run: run(folded.state)))  # type: ignore[misc]
                case ThenUnstashAll():
                    self._waiting.unstash_all()
                case ThenStop():
                    self._stopping = True

    def _fail(self, error: Exception) -> None:
        self._refuse(r.NotStored(str(error)))

    def _refuse(self, failure: r.Failure) -> None:
        envelope, self._attempt = self._running.envelope, None
        self._reply(envelope, r.Error(failure))

    def _reply(self, envelope: p.Envelope, status: Replied) -> None:
        self._send(envelope, r.Answer(status, self.folded.sequence_nr, self.persistence_id))

    def _send(self, envelope: p.Envelope, answer: r.Answer) -> None:
        if envelope.reply_to is not None:
            self._exchange.say(p.Reply(envelope.reply_to, answer))

    # ------------------------------------------------------------------------------------------------ holding, breaking

    def _not_recovered(self, error: Exception) -> None:
        """Without its events an entity can't decide anything."""
        unreadable = isinstance(error, Unreadable)
        self._break(r.NotRecovered(str(error)) if unreadable else r.NotStored(f"the entity can't be read now: {error}"))
        self._exchange.say(p.Notify(RecoveryFailed(str(error))))

    def _hold(self, folded: Folded[S]) -> None:
        self.folded, self._reload = folded, False

    def _break(self, failure: r.Failure) -> None:
        """Answer everyone, now and from now on, and want to leave. The next command then finds a new entity."""
        self._broken = failure
        if self._attempt is not None:
            self._refuse(failure)
        self._waiting.unstash_all()
        self._stopping = True

    @property
    def _running(self) -> Attempt[E, S]:
        assert self._attempt is not None
        return self._attempt


def _made(make: Callable[[Any], Replied], state: Any) -> Replied:
    """Return the reply; events are stored by now, so a `make` that raises can only be told of."""
    try:
        status = make(state)
        if isinstance(status, r.Success | r.Error):
            return status
        raise TypeError(f"a reply is a StatusReply, not {type(status).__name__}")  # noqa: TRY301
    except Exception as problem:  # noqa: BLE001 - the requester and the log get it
        return r.Error(r.HandlerFailed.because(problem))
