"""Akka Persistence Typed in Python, without I/O: behaviours, effects, recovery, and a core that drives them.

>>> import msgspec
>>> from spikes.journal.port import RowSchema
>>> class Deposited(msgspec.Struct, frozen=True):
...     amount: int
>>> class Deposit(msgspec.Struct, frozen=True):
...     amount: int
>>> def command_handler(balance: int, command: Deposit, context: Context) -> Effect[Deposited]:
...     if command.amount <= 0:
...         return Effect.reply(StatusReply.error("nothing to deposit"))
...     return Effect[Deposited].persist(Deposited(command.amount)).then_reply(StatusReply.success)
>>> def event_handler(balance: int, event: Deposited) -> int:
...     return balance + event.amount
>>> codec = EventCodec({"deposited@1": Deposited})
>>> account = EventSourcedBehavior(RowSchema("account", 1), 0, int, codec, command_handler, event_handler)
>>> kit = BehaviorTestKit(account, "1")
>>> kit.run(Deposit(5)).events, kit.run(Deposit(7)).value, kit.run(Deposit(0)).refusal, kit.restart()
((Deposited(amount=5),), 12, 'nothing to deposit', 12)

A driver (the entity actor, the testkit) gives `PersistentEntity` what comes and carries out what it wants; the words
of that talk are in `protocol.py`. The rules named C1, R1, ... are those of `docs/protocol.md`.
"""

from __future__ import annotations

from spikes.persistence.behavior import (
    Context,
    EventSourcedBehavior,
    Folded,
    Recovery,
    RecoveryCompleted,
    RecoveryFailed,
    RetentionCriteria,
    Signal,
)
from spikes.persistence.codec import EventCodec, UndecodableEvent, Upcaster
from spikes.persistence.core import PersistentEntity
from spikes.persistence.effect import Effect, Replied
from spikes.persistence.identity import PersistenceId
from spikes.persistence.protocol import Envelope
from spikes.persistence.rebuild import RowFold
from spikes.persistence.reply import (
    Answer,
    Busy,
    Error,
    Failure,
    HandlerFailed,
    KeyReused,
    NotRecovered,
    NotStored,
    OutcomeNotKnown,
    PreconditionFailed,
    StashFull,
    StatusReply,
    Success,
    Unhandled,
)
from spikes.persistence.testkit import BehaviorTestKit, Outcome

__all__ = [
    "Answer",
    "BehaviorTestKit",
    "Busy",
    "Context",
    "Effect",
    "Envelope",
    "Error",
    "EventCodec",
    "EventSourcedBehavior",
    "Failure",
    "Folded",
    "HandlerFailed",
    "KeyReused",
    "NotRecovered",
    "NotStored",
    "Outcome",
    "OutcomeNotKnown",
    "PersistenceId",
    "PersistentEntity",
    "PreconditionFailed",
    "Recovery",
    "RecoveryCompleted",
    "RecoveryFailed",
    "Replied",
    "RetentionCriteria",
    "RowFold",
    "Signal",
    "StashFull",
    "StatusReply",
    "Success",
    "UndecodableEvent",
    "Unhandled",
    "Upcaster",
]
