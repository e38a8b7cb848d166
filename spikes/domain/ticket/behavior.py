"""How a ticket behaves. The fence of the journal lets one process use it, however many try at once."""

from __future__ import annotations

from spikes.domain.deciding import persist_in_silence, refuse
from spikes.domain.refusals import NotAuthenticated
from spikes.domain.ticket.command import TicketCommand
from spikes.domain.ticket.entity import TicketState, Unused, Used, event_handler
from spikes.domain.ticket.event import TICKET_EVENTS, TicketEvent, TicketUsed
from spikes.journal.port import RowSchema
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.effect import Effect


def command_handler(state: TicketState, command: TicketCommand, context: Context) -> Effect[TicketEvent]:
    """Let it be used the first time."""
    match state:
        case Unused():
            return persist_in_silence(TicketUsed(context.now))
        case Used():
            return refuse(NotAuthenticated())


ticket_behavior: EventSourcedBehavior[TicketCommand, TicketEvent, TicketState] = EventSourcedBehavior(
    schema=RowSchema("ticket", state_version=1),
    empty_state=Unused(),
    state_type=TicketState,
    events=TICKET_EVENTS,
    command_handler=command_handler,
    event_handler=event_handler,
)
"""What a ticket is to the actors. It is in no list."""
