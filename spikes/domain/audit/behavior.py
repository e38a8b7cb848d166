"""How an audit behaves: it keeps everything and forgets nothing."""

from __future__ import annotations

from spikes.domain.audit.command import AuditCommand
from spikes.domain.audit.entity import Day, event_handler
from spikes.domain.audit.event import AUDIT_EVENTS, AuditEvent, OperatorActed
from spikes.domain.deciding import persist_in_silence
from spikes.domain.times import to_rfc3339
from spikes.journal.port import RowSchema
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.effect import Effect

KIND = "audit"


def audit_of(moment: int) -> str:
    """Return the id of the audit of a day (UTC), `2026-11-24`, for a time in milliseconds since the epoch."""
    return to_rfc3339(moment)[:10]


def command_handler(_: Day, command: AuditCommand, context: Context) -> Effect[AuditEvent]:
    """Keep it, whatever it is."""
    acted = OperatorActed(command.action, command.subject, command.reason, command.role, command.client, context.now)
    return persist_in_silence(acted)


audit_behavior: EventSourcedBehavior[AuditCommand, AuditEvent, Day] = EventSourcedBehavior(
    schema=RowSchema(KIND, state_version=1),
    empty_state=Day(),
    state_type=Day,
    events=AUDIT_EVENTS,
    command_handler=command_handler,
    event_handler=event_handler,
)
"""What an audit is to the actors. It is in no list; the console reads its events."""
