"""An event sourced behaviour: everything that one kind of entity is, as plain functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from spikes.journal.port import Claim, EntityRow, IndexPart, RowSchema, Snapshot, StoredEvent
from spikes.persistence.codec import EventCodec, UndecodableEvent
from spikes.persistence.effect import Effect, Replied
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import StatusReply

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Context(msgspec.Struct, frozen=True):
    """What a handler may know besides state and command.

    `now` is in milliseconds since the epoch and never before the entity's last event (rule C7). `attempt_id` marks
    this run of the command (rule C1). `principal` is the id of whoever asks, None for an anonymous one.
    """

    now: int
    attempt_id: str
    principal: str | None = None


class RecoveryCompleted(msgspec.Struct, frozen=True):
    """Signal: the entity is recovered and takes commands."""

    sequence_nr: int


class RecoveryFailed(msgspec.Struct, frozen=True):
    """Signal: the entity can't be recovered; `problem` names its id, the sequence number and the type."""

    problem: str


Signal = RecoveryCompleted | RecoveryFailed


class Recovery(msgspec.Struct, frozen=True):
    """How to recover. `from_snapshot` False folds from the first event, for a check or a test."""

    from_snapshot: bool = True


class RetentionCriteria(msgspec.Struct, frozen=True):
    """How often the state is stored with the events. Retention never deletes events."""

    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"snapshot_every needs at least 1 event, not {self.every}")

    @classmethod
    def snapshot_every(cls, events: int) -> RetentionCriteria:
        """Store the state at each multiple of so many events; for behaviours with a big state."""
        return cls(events)

    def last_due(self, sequence_nr: int) -> int:
        """Return the sequence number, up to this one, at which the state is stored; it may be within an append.

        It depends on nothing else, so the snapshot is a pure function of the events (rule R1).
        """
        return sequence_nr // self.every * self.every

    def due(self, before: int, after: int) -> bool:
        """Tell whether an append that leads from one sequence number to another stores a state."""
        return self.last_due(after) > before


class Folded(msgspec.Struct, Generic[S], frozen=True):
    """A state, the sequence number it stands at, and the time of the last event in it (milliseconds)."""

    state: S
    sequence_nr: int = 0
    time: int = 0


@cache
def _snapshot_decoder(state_type: Any) -> msgspec.json.Decoder[tuple[int, Any]]:
    return msgspec.json.Decoder(tuple.__class_getitem__((int, state_type)))


def _no_claims(state: Any) -> tuple[Claim, ...]:
    return ()


def _not_listed(state: Any, sequence_nr: int) -> IndexPart | None:
    return None


def _no_tags(event: Any) -> tuple[str, ...]:
    return ()


def _no_signals(state: Any, signal: Signal) -> None:
    return None


def _state_again(state: Any, command: Any) -> Replied:
    return StatusReply.success(state)


class EventSourcedBehavior(msgspec.Struct, Generic[C, E, S], frozen=True):
    """One kind of event sourced entity (Akka's EventSourcedBehavior).

    Both handlers are pure. `claim_handler` decides again when `unique` values that an effect needs turned out to be
    another entity's; without it that is an error. `replayed` makes the answer to a command whose client key was seen
    before, from the state it had led to. `row` and `unique` may change only together with `state_version` (R1).
    """

    schema: RowSchema
    empty_state: S
    state_type: Any
    events: EventCodec[E]
    command_handler: Callable[[S, C, Context], Effect[E]]
    event_handler: Callable[[S, E], S]
    claim_handler: Callable[[S, C, Claim, str, Context], Effect[E]] | None = None
    unique: Callable[[S], tuple[Claim, ...]] = _no_claims
    row: Callable[[S, int], IndexPart | None] = _not_listed
    tags: Callable[[E], tuple[str, ...]] = _no_tags
    signal_handler: Callable[[S, Signal], None] = _no_signals
    replayed: Callable[[S, C], Replied] = _state_again
    retention: RetentionCriteria = RetentionCriteria()
    recovery: Recovery = Recovery()

    @property
    def kind(self) -> str:
        """The kind of entity, the first part of its persistence ids."""
        return self.schema.kind

    @property
    def state_version(self) -> int:
        """The version of what `row`, `unique` and the state's encoding mean."""
        return self.schema.state_version

    def persistence_id(self, entity_id: str) -> PersistenceId:
        """Return the identity of one entity of this kind."""
        return PersistenceId.of(self.kind, entity_id)

    def start(self) -> Folded[S]:
        """Return the fold of no events."""
        return Folded(self.empty_state)

    def fold(self, start: Folded[S], stored: Iterable[StoredEvent]) -> Folded[S]:
        """Apply stored events in order; raises UndecodableEvent, and ValueError if a number is missing.

        An event that its handler can't take counts as undecodable: neither is ever skipped.
        """
        state, sequence_nr, time = start.state, start.sequence_nr, start.time
        decode, handle = self.events.decode, self.event_handler
        for event in stored:
            if event.sequence_nr != sequence_nr + 1:
                raise ValueError(f"event {event.sequence_nr} follows event {sequence_nr}: the stream has a gap")
            decoded = decode(event)
            try:
                state = handle(state, decoded)
            except Exception as problem:
                raise UndecodableEvent(
                    event.sequence_nr, event.type, f"the event handler raised {problem!r}"
                ) from problem
            sequence_nr, time = event.sequence_nr, event.metadata.time
        return Folded(state, sequence_nr, time)

    def thaw(self, snapshot: Snapshot | None) -> Folded[S]:
        """Return the fold that a snapshot holds; raises ValueError if it can't be read or trusted (rule R3)."""
        if snapshot is None:
            return self.start()
        if snapshot.state_version != self.state_version or snapshot.encoding is not None:
            raise ValueError(f"it is of version {snapshot.state_version}, encoding {snapshot.encoding}")
        time, state = _snapshot_decoder(self.state_type).decode(snapshot.state)
        return Folded(state, snapshot.sequence_nr, time)

    def freeze(self, folded: Folded[S]) -> Snapshot:
        """Return the snapshot that holds a fold."""
        content = msgspec.json.encode((folded.time, folded.state))
        return Snapshot(folded.sequence_nr, self.state_version, content)

    def entity_row(self, persistence_id: str, folded: Folded[S], due: Folded[S] | None = None) -> EntityRow:
        """Return the row of a fold (rule R1). `due` is the fold at the last sequence number that stores the state.

        Without `due`, and unless it is `folded` itself, the row leaves the stored snapshot as it is; `RowFold` knows
        it, and so makes the whole row.
        """
        if due is None and self.retention.last_due(folded.sequence_nr) == folded.sequence_nr:
            due = folded
        index = self.row(folded.state, folded.sequence_nr)
        snapshot = None if due is None else self.freeze(due)
        return EntityRow(persistence_id, folded.sequence_nr, self.state_version, index, snapshot)
