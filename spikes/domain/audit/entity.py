"""The state of a day's audit: how much there is. What it was, only the events say."""

from __future__ import annotations

import msgspec

from spikes.domain.audit.event import AuditEvent


class Day(msgspec.Struct, frozen=True):
    """How often operators acted on that day."""

    actions: int = 0


def event_handler(state: Day, event: AuditEvent) -> Day:
    """Replay-safe: no clock, no ids, no I/O."""
    return Day(state.actions + 1)
