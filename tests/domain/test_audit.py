"""The audit of what operators do: a day each, everything kept."""

from __future__ import annotations

from spikes.domain.audit.behavior import audit_behavior, audit_of
from spikes.domain.audit.command import AuditCommand, NoteAction
from spikes.domain.audit.entity import Day
from spikes.domain.audit.event import AUDIT_EVENTS, AuditEvent, OperatorActed
from spikes.journal.port import Metadata, StoredEvent
from spikes.persistence.reply import Success
from spikes.persistence.testkit import BehaviorTestKit
from tests.domain.samples import NOW

ACTION = NoteAction("drain", "service", "a new disk", "operator", "127.0.0.1")

Kit = BehaviorTestKit[AuditCommand, AuditEvent, Day]


def test_what_was_done_is_kept_with_its_reason() -> None:
    kit: Kit = BehaviorTestKit(audit_behavior, "2026-11-24")
    done = kit.run(ACTION, now=NOW)
    assert done.events == (OperatorActed("drain", "service", "a new disk", "operator", "127.0.0.1", NOW),)
    assert done.reply == Success(None)


def test_it_keeps_its_state_after_a_restart() -> None:
    kit: Kit = BehaviorTestKit(audit_behavior, "2026-11-24")
    kit.run(ACTION, now=NOW)
    kit.restart()
    kit.run(ACTION, now=NOW + 1)
    assert kit.state == Day(2)


def test_each_day_has_its_own() -> None:
    assert [audit_of(moment) for moment in (1795478399999, 1795478400000)] == ["2026-11-23", "2026-11-24"]


def test_what_was_stored_once_stays_readable() -> None:
    payload = (
        b'{"action":"reveal","subject":"note|0MZ4A1B2C3ABC","reason":"a support case","role":"operator",'
        b'"client":"10.0.0.7","at":1795428000000}'
    )
    stored = StoredEvent(1, "operator-acted@1", payload, Metadata(1, "attempt"))
    acted = OperatorActed("reveal", "note|0MZ4A1B2C3ABC", "a support case", "operator", "10.0.0.7", 1795428000000)
    assert AUDIT_EVENTS.decode(stored) == acted
