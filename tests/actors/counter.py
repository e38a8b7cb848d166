"""A counter: the smallest behaviour, for tests of the actors."""

from __future__ import annotations

import msgspec

from spikes.journal.port import Home, IndexPart, RowSchema
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.codec import EventCodec
from spikes.persistence.effect import Effect
from spikes.persistence.reply import StatusReply


class Add(msgspec.Struct, frozen=True):
    """Count so many more; the answer is the sum."""

    amount: int = 1


class Read(msgspec.Struct, frozen=True):
    """Tell the sum."""


class Break(msgspec.Struct, frozen=True):
    """Raise in the handler."""


class Added(msgspec.Struct, frozen=True):
    """So many were counted."""

    amount: int


def handle(state: int, command: Add | Read | Break, context: Context) -> Effect[Added]:
    match command:
        case Add(amount):
            return Effect[Added].persist(Added(amount)).then_reply(StatusReply.success)
        case Read():
            return Effect[Added].reply(StatusReply.success(state))
        case Break():
            raise ZeroDivisionError("as asked")


def apply(state: int, event: Added) -> int:
    return state + event.amount


def row(state: int, sequence_nr: int) -> IndexPart:
    return IndexPart({"sum": state}, str(state).encode())


counter = EventSourcedBehavior(
    schema=RowSchema("counter", 1, {"sum": "integer"}, homes=(Home(order="sum"),)),
    empty_state=0,
    state_type=int,
    events=EventCodec({"added@1": Added}),
    command_handler=handle,
    event_handler=apply,
    row=row,
)


def put_aside(state: int, command: str, context: Context) -> Effect[Added]:
    if command == "put aside":
        return Effect.stash()
    effect: Effect[Added] = Effect.persist(Added(1))
    return effect.then_reply(StatusReply.success)


stasher = EventSourcedBehavior(
    schema=RowSchema("stasher", 1),
    empty_state=0,
    state_type=int,
    events=EventCodec({"added@1": Added}),
    command_handler=put_aside,
    event_handler=apply,
)
