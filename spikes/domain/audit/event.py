"""What an operator did. It is stored before it is done, so that nothing is done in secret."""

from __future__ import annotations

import msgspec

from spikes.persistence.codec import EventCodec


class OperatorActed(msgspec.Struct, frozen=True):
    """An operator was about to do something.

    `action` is a word of the console (passivate, rebuild, end-sessions, drain, reveal, log-level), `subject` what it is
    done to, mostly a persistence id. `client` is the address that the request came from: a token tells a role, and no
    name. `at` is in milliseconds since the epoch.
    """

    action: str
    subject: str
    reason: str
    role: str
    client: str
    at: int


AuditEvent = OperatorActed

AUDIT_EVENTS: EventCodec[AuditEvent] = EventCodec({"operator-acted@1": OperatorActed})
