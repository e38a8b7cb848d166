"""From the events of an effect to the append that stores them, and the fold that they lead to.

All of it happens before the write, so whatever raises here (the event handler, `row`, `unique`, `tags`, the codec)
prevents the write.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from spikes.journal.port import Append, Claim, EntityRow, IndexPart, Metadata, RowVersion, StoredEvent
from spikes.persistence.behavior import Context, EventSourcedBehavior, Folded
from spikes.persistence.protocol import Envelope

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Draft(msgspec.Struct, Generic[S], frozen=True):
    """What is to be stored, and where the entity stands once it is."""

    folded: Folded[S]
    append: Append


class Drafter(Generic[C, E, S]):
    """Makes the appends of one entity."""

    __slots__ = ("_behavior", "_persistence_id", "_writer_id")

    def __init__(self, behavior: EventSourcedBehavior[C, E, S], persistence_id: str, writer_id: str) -> None:
        self._behavior = behavior
        self._persistence_id = persistence_id
        self._writer_id = writer_id

    def draft(
        self,
        before: Folded[S],
        events: tuple[E, ...],
        envelope: Envelope,
        context: Context,
    ) -> Draft[S]:
        """Return the append of `events` after `before`."""
        after, due = self._fold(before, events, context.now)
        row = self._behavior.entity_row(self._persistence_id, after, due)
        listed = self._behavior.row(before.state, before.sequence_nr) if before.sequence_nr else None
        take, release = self._claims(before.state, after.state)
        append = Append(
            self._persistence_id,
            before.sequence_nr,
            self._stored(events, before.sequence_nr, _metadata(envelope, context, self._writer_id)),
            self._with_hint(row, listed, before.sequence_nr),
            take,
            release,
            envelope.key,
            envelope.deadline,
            listed,
        )
        return Draft(after, append)

    def _fold(self, before: Folded[S], events: tuple[E, ...], time: int) -> tuple[Folded[S], Folded[S] | None]:
        """Return the fold after the events, and the one on the way whose state is due to be stored."""
        state, sequence_nr, due = before.state, before.sequence_nr, None
        last_due = self._behavior.retention.last_due(sequence_nr + len(events))
        for event in events:
            state = self._behavior.event_handler(state, event)
            sequence_nr += 1
            if sequence_nr == last_due:
                due = Folded(state, sequence_nr, time)
        return Folded(state, sequence_nr, time), due

    def _claims(self, before: S, after: S) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
        held, wanted = self._behavior.unique(before), self._behavior.unique(after)
        if held == wanted:
            return (), ()
        return tuple(claim for claim in wanted if claim not in held), tuple(
            claim for claim in held if claim not in wanted
        )

    def _stored(self, events: tuple[E, ...], after: int, metadata: Metadata) -> tuple[StoredEvent, ...]:
        stored = []
        for number, event in enumerate(events, after + 1):
            name, payload = self._behavior.events.encode(event)
            stored.append(StoredEvent(number, name, payload, metadata, self._behavior.tags(event)))
        return tuple(stored)

    def _with_hint(self, row: EntityRow, base: IndexPart | None, number: int) -> EntityRow:
        """Say which search parts changed. A row is a pure function of its version (R1), so the base is known."""
        index = row.index
        if index is None or not index.search or number == 0:
            return row
        old = base.search if base is not None else {}
        changed = {part for part, text in index.search.items() if old.get(part) != text}
        changed.update(part for part in old if part not in index.search)
        version = RowVersion(number, self._behavior.state_version)
        hinted = msgspec.structs.replace(index, changed=frozenset(changed), base=version)
        return msgspec.structs.replace(row, index=hinted)


def _metadata(envelope: Envelope, context: Context, writer_id: str) -> Metadata:
    return Metadata(
        context.now,
        context.attempt_id,
        envelope.principal,
        envelope.request_id,
        envelope.correlation_id,
        envelope.causation_id,
        envelope.key.id if envelope.key else None,
        writer_id,
        envelope.traceparent,
    )
