"""What the callback address gets: a status reply, and where the stream stood when it was made.

Failure
├── NotStored            surely nothing happened: the store can't be used, or the deadline passed (503)
├── Busy                 others wrote first, again and again (503)
├── OutcomeNotKnown      the write may or may not have happened (503)
├── StashFull            too many commands wait at this entity (503)
├── PreconditionFailed   the entity is not at the version that the command was made for (412)
├── KeyReused            the client key was used for another request (422)
├── NotRecovered         a stored event or state can't be read (500)
├── HandlerFailed        a handler raised, or gave no answer (500)
└── Unhandled            the behaviour does not know this command in its present state (500)
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Failure(Exception):
    """The root of what the persistence core itself answers when a command can't be carried out."""


class NotStored(Failure):
    """Surely nothing was stored; the text says why."""


class Busy(NotStored):
    """Every try found that someone else had stored an event first."""


class OutcomeNotKnown(Failure):
    """The events of the command may or may not be stored; the entity reloads before its next command."""


class StashFull(NotStored):
    """The bounded stash of the entity is full."""


class PreconditionFailed(Failure):
    """The command expected another sequence number than `sequence_nr`."""

    def __init__(self, sequence_nr: int) -> None:
        super().__init__(f"the entity is at version {sequence_nr}")
        self.sequence_nr = sequence_nr


class KeyReused(Failure):
    """The client key was used before, with another request."""


class NotRecovered(Failure):
    """The entity can't be recovered: names its id, the sequence number and the type of what can't be read."""


class HandlerFailed(Failure):
    """A handler raised, or ended without a reply."""

    @classmethod
    def because(cls, problem: Exception) -> HandlerFailed:
        """Return the failure with its cause attached, for the log."""
        failure = cls(f"{type(problem).__name__}: {problem}")
        failure.__cause__ = problem
        return failure


class Unhandled(Failure):
    """The behaviour does not handle this command in its present state."""


class Success(msgspec.Struct, Generic[T], frozen=True):
    """The command was carried out; the value is what the requester asked for."""

    value: T


class Error(msgspec.Struct, frozen=True):
    """The command was refused; `reason` is one of the domain's refusals or a `Failure`."""

    reason: Any


class StatusReply:
    """Akka's StatusReply: tells success from refusal by type, so that no one can mistake one for the other."""

    @staticmethod
    def success(value: T) -> Success[T]:
        """Return the reply to a command that was carried out."""
        return Success(value)

    @staticmethod
    def error(reason: object) -> Error:
        """Return the reply to a command that was refused."""
        return Error(reason)


class Answer(msgspec.Struct, frozen=True):
    """One reply on its way to the callback address.

    `sequence_nr` is the entity's version that the reply speaks of; `replayed` marks the repeated answer to a command
    whose client key was seen before. `persistence_id` differs from the one asked only for such a repeat.
    """

    status: Success[Any] | Error
    sequence_nr: int
    persistence_id: str
    replayed: bool = False
