"""What the actors say to each other. Callback addresses are Thespian addresses, opaque to everyone else.

Entities.ask ──Deliver──▶ Region ──Begin, Envelope, Retire──▶ Entity ──Load, Write, ...──▶ JournalActor
                             ◀──────────Passivate────────────    ◀──────Completed, Failed──────
callback address ◀───────────────────────Answer──────────────────
"""

from __future__ import annotations

import msgspec

from spikes.persistence.protocol import Envelope


class Deliver(msgspec.Struct, frozen=True):
    """To a region: give this command to that entity, wherever it is.

    `new` says that the command creates the entity and that its id was drawn just now.
    """

    entity_id: str
    envelope: Envelope
    new: bool = False


class Begin(msgspec.Struct, frozen=True):
    """To a new actor: which entity it is, its first command, and whether that creates it."""

    entity_id: str
    first: Envelope
    new: bool


class Passivate(msgspec.Struct, frozen=True):
    """From an entity to its region: I have nothing to do and may go."""

    entity_id: str


class Retire(msgspec.Struct, frozen=True):
    """To an entity: no more commands come; finish those you have, then exit."""


class Sweep(msgspec.Struct, frozen=True):
    """To oneself: it is time to look for entities that nobody has asked for long."""


class RegionStatus(msgspec.Struct, frozen=True):
    """To a region: how many entities are in memory, of all or with this id? Answered with an int."""

    entity_id: str | None = None


class Quiesce(msgspec.Struct, frozen=True):
    """To the journal's actor: answer `Quiet` as soon as nothing is being read or written."""


class Quiet(msgspec.Struct, frozen=True):
    """Nothing is being read or written."""
