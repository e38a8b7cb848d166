"""How a ticket behaves. The fence of the journal lets one process use it, however many try at once."""

from __future__ import annotations

from spikes.domain.refusals import NotAuthenticated
from spikes.domain.ticket.command import TicketCommand
from spikes.domain.ticket.entity import TicketState, Unused, Used, event_handler
from spikes.domain.ticket.event import TICKET_EVENTS, TicketEvent, TicketUsed
from spikes.journal.port import RowSchema
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.effect import Effect
from spikes.persistence.reply import StatusReply


def command_handler(state: TicketState, command: TicketCommand, context: Context) -> Effect[TicketEvent]:
    """Let it be used the first time."""
    match state:
        case Unused():
            effect: Effect[TicketEvent] = Effect.persist(TicketUsed(context.now))
            return effect.then_reply(lambda _: StatusReply.success(None))
        case Used():
            return Effect.reply(StatusReply.error(NotAuthenticated()))


ticket_behavior: EventSourcedBehavior[TicketCommand, TicketEvent, TicketState] = EventSourcedBehavior(
    schema=RowSchema("ticket", state_version=1),
    empty_state=Unused(),
    state_type=TicketState,
    events=TICKET_EVENTS,
    command_handler=command_handler,
    event_handler=event_handler,
)
"""What a ticket is to the actors. It is in no list."""
