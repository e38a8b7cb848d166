"""What a ticket can be told to do."""

from __future__ import annotations

import msgspec


class UseTicket(msgspec.Struct, frozen=True):
    """Use it up. Success(None) the first time, NotAuthenticated ever after. That it is genuine is for the sender."""


TicketCommand = UseTicket
