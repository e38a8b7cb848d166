"""What goes into the persistence core and what comes out of it. Both are plain values, so every path can be tested.

driver (an actor, the testkit)                    core (PersistentEntity)
     ── Receive(envelope) ───────────────────────────▶
     ◀─ Load, ReadEvents, CheckCurrent, FindCommand,  (at most one of these is unanswered at any time)
        Write, Wait ──────────────────────────────────
     ── Completed(result) or Failed(error) ──────────▶
     ◀─ Reply, Run, Notify, Stop ─────────────────────
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import msgspec

from spikes.journal.errors import JournalError
from spikes.journal.port import Append, Appended, CommandKey, Loaded, RecordedCommand, StoredEvent
from spikes.persistence.behavior import Signal
from spikes.persistence.reply import Answer


class Envelope(msgspec.Struct, frozen=True):
    """A command on its way to an entity, with all that is not the domain's business.

    `id` is unique to this ask; attempt ids are made of it. `reply_to` is the callback address, opaque here. `now` is in
    milliseconds since the epoch, `deadline` in seconds of a monotonic clock (rule C2). `expected` is the sequence
    number that an If-Match named (rule C3). `key` is the client's idempotency key (rule C4). `asked` is when it was
    sent off, by the clock of `deadline`; `traceparent` the span that it belongs to.
    """

    id: str
    command: Any
    reply_to: Hashable | None = None
    now: int = 0
    deadline: float | None = None
    principal: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    expected: int | None = None
    key: CommandKey | None = None
    asked: float | None = None
    traceparent: str | None = None


# ---- into the core


class Receive(msgspec.Struct, frozen=True):
    """A command has come. `current` True says that the driver found the fold to be the newest just now (rule C6)."""

    envelope: Envelope
    current: bool | None = None


Result = Loaded | tuple[StoredEvent, ...] | bool | RecordedCommand | Appended | None


class Completed(msgspec.Struct, frozen=True):
    """What was asked for is there: `Loaded` for Load, a tuple of events for ReadEvents, a bool for CheckCurrent, a
    record or None for FindCommand, `Appended` for Write, None for Wait."""

    result: Result


class Failed(msgspec.Struct, frozen=True):
    """What was asked for has failed, in a way that the journal names.

    A driver hands on whatever else was raised as `OutcomeUnknown`: nobody knows how far that came.
    """

    error: JournalError


Input = Receive | Completed | Failed


# ---- out of the core


class Load(msgspec.Struct, frozen=True):
    """Read snapshot and events. `recovers` marks the entity's own recovery, which needs a permit."""

    persistence_id: str
    state_version: int
    to: int | None = None
    recovers: bool = True


class ReadEvents(msgspec.Struct, frozen=True):
    """Read the events after a sequence number."""

    persistence_id: str
    after: int


class CheckCurrent(msgspec.Struct, frozen=True):
    """Find out whether a fold up to this number is the newest (rule C6)."""

    persistence_id: str
    sequence_nr: int


class FindCommand(msgspec.Struct, frozen=True):
    """Look up a client key (rule C4)."""

    command_id: str
    now: int


class Write(msgspec.Struct, frozen=True):
    """Store this."""

    append: Append


class Wait(msgspec.Struct, frozen=True):
    """Wait for a random time up to so many seconds, then go on."""

    longest: float


class Reply(msgspec.Struct, frozen=True):
    """Send the answer to the callback address."""

    reply_to: Hashable
    answer: Answer


class Run(msgspec.Struct, frozen=True):
    """Call this; it is a side effect that a handler asked for."""

    call: Callable[[], None]


class Notify(msgspec.Struct, frozen=True):
    """Call the behaviour's signal handler; for the log and the metrics too."""

    signal: Signal


class Stop(msgspec.Struct, frozen=True):
    """The entity wants to leave memory; it holds nothing that is not stored, and no command.

    A command that comes all the same is answered. One that can't be recovered then says `Stop` again.
    """


Output = Load | ReadEvents | CheckCurrent | FindCommand | Write | Wait | Reply | Run | Notify | Stop
