"""The state of a ticket."""

from __future__ import annotations

import msgspec

from spikes.domain.ticket.event import TicketEvent


class Unused(msgspec.Struct, frozen=True, tag=True):
    """Not used, and perhaps never issued: that shows in the ticket itself."""


class Used(msgspec.Struct, frozen=True, tag=True):
    """Used at that time, in milliseconds since the epoch."""

    at: int


TicketState = Unused | Used


def event_handler(state: TicketState, event: TicketEvent) -> TicketState:
    """Replay-safe: no clock, no ids, no I/O."""
    if isinstance(state, Used):
        raise ValueError("a ticket is used once")  # noqa: TRY004 - it is about the order of events
    return Used(event.used)
