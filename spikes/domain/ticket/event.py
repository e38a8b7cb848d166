"""What happens to tickets: they are used, once. One that never is leaves no trace."""

from __future__ import annotations

import msgspec

from spikes.persistence.codec import EventCodec


class TicketUsed(msgspec.Struct, frozen=True):
    """Somebody opened the feed with it. `used` is in milliseconds since the epoch."""

    used: int


TicketEvent = TicketUsed

TICKET_EVENTS: EventCodec[TicketEvent] = EventCodec({"ticket-used@1": TicketUsed})
