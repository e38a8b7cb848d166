"""What the actors tell the telemetry: what came of commands, and what the runtime could not do."""

from __future__ import annotations

from typing import Any

from spikes import telemetry
from spikes.actors.system_dispatch import Instrumentation
from spikes.persistence import reply as r
from spikes.persistence.protocol import Envelope
from spikes.persistence.reply import Answer, Error
from spikes.telemetry import metrics
from spikes.telemetry.errors import ErrorKind, cause_of, place_of
from spikes.telemetry.requests import CommandSeen

OK, REPLAYED, REFUSED, TIMED_OUT = "ok", "replayed", "refused", "timed_out"

FAILURES: dict[type, str] = {
    r.NotStored: "not_stored",
    r.Busy: "busy",
    r.OutcomeNotKnown: "unknown",
    r.StashFull: "stash_full",
    r.PreconditionFailed: "precondition_failed",
    r.KeyReused: "key_reused",
    r.NotRecovered: "not_recovered",
    r.HandlerFailed: "handler_failed",
    r.Unhandled: "unhandled",
}
"""What the persistence core answers with when it can't carry out a command; a refusal of the domain is REFUSED."""

THE_REQUESTERS = {OK, REPLAYED, REFUSED, "precondition_failed", "key_reused"}
"""Outcomes that are no fault of the service. All others are in the error inbox."""


UNANSWERED = "unanswered"
"""What came of a command whose caller did not wait for the answer; only traces know of it."""


def is_fault(outcome: str) -> bool:
    """Tell whether it is a fault of the service."""
    return outcome not in THE_REQUESTERS and outcome != UNANSWERED


def outcome_of(answer: Answer) -> str:
    """Return what came of a command, in a word of ours."""
    if isinstance(answer.status, Error):
        return FAILURES.get(type(answer.status.reason), REFUSED)
    return REPLAYED if answer.replayed else OK


def without_texts(reason: object) -> str:
    """Return why a command failed; by its name alone what the domain or an exception says, which may quote a user."""
    name = type(reason).__name__
    match reason:
        case r.HandlerFailed():
            return f"{name}: {cause_of(reason.__cause__)}" if reason.__cause__ else name
        case r.NotRecovered():
            return f"{name}: {place_of(str(reason))}"
        case r.Failure():
            return f"{name}: {reason}"
        case _:
            return name


class CommandWatch:
    """Notes each command of one kind that was answered, or was not in time."""

    __slots__ = ("_meter",)

    def __init__(self, kind: str) -> None:
        self._meter = metrics.CommandMeter(kind, (OK, REPLAYED, REFUSED, TIMED_OUT, *FAILURES.values()))

    def answered(self, envelope: Envelope, answer: Answer, seconds: float) -> str:
        """Note an answer that came after so many seconds; return what came of the command."""
        outcome = outcome_of(answer)
        self._note(envelope, outcome, answer.persistence_id, answer.sequence_nr, seconds)
        if outcome not in THE_REQUESTERS:
            assert isinstance(answer.status, Error)
            _record(envelope, outcome, answer.persistence_id, answer.status.reason)
        return outcome

    def timed_out(self, envelope: Envelope, persistence_id: str, seconds: float) -> str:
        """Note a command that was not answered in time; return what came of it."""
        self._note(envelope, TIMED_OUT, persistence_id, 0, seconds)
        _record(envelope, TIMED_OUT, persistence_id, None)
        return TIMED_OUT

    def _note(self, envelope: Envelope, outcome: str, place: str, sequence_nr: int, seconds: float) -> None:
        self._meter.note(outcome, seconds)
        if envelope.request_id is not None:
            name = type(envelope.command).__name__
            telemetry.here.requests.note(
                CommandSeen(envelope.request_id, envelope.now, place, name, outcome, sequence_nr, seconds * 1000)
            )


def _record(envelope: Envelope, outcome: str, persistence_id: str, reason: Any) -> None:
    if isinstance(reason, r.NotRecovered):
        telemetry.here.errors.unreadable(persistence_id, str(reason), envelope.request_id)
        return
    kind: ErrorKind = "conflict" if outcome == "busy" else "failed_command"
    cause = cause_of(reason.__cause__) if isinstance(reason, r.HandlerFailed) and reason.__cause__ else None
    summary = f"{type(envelope.command).__name__}: {outcome}" + (f", {cause}" if cause else "")
    telemetry.here.errors.record(kind, summary, persistence_id=persistence_id, request_id=envelope.request_id)


class RuntimeWatch(Instrumentation):
    """Notes what the actor runtime could not deliver, and what its actors failed on."""

    def message_handled(self, kind: str, queued: float, handled: float) -> None:
        """Not asked for: it would cost each message about a microsecond."""

    def handler_failed(self, kind: str, message: object, problem: Exception) -> None:
        """An actor failed on a message."""
        metrics.POISON_MESSAGES.inc()
        summary = f"{kind} failed on {type(message).__name__}"
        telemetry.here.errors.record("poison_message", summary, cause=cause_of(problem))

    def actor_created(self, kind: str) -> None:
        """Counted where entities are made."""

    def actor_exited(self, kind: str) -> None:
        """Counted where entities are made."""

    def dead_letter(self, address: str, message: object) -> None:
        """Nobody was behind an address; mostly an answer that came too late."""
        metrics.DEAD_LETTERS.inc()
        telemetry.here.errors.record("dead_letter", type(message).__name__, address=address)
