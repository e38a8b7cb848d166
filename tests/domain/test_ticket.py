"""Tickets: each opens the feed once."""

from __future__ import annotations

from spikes.domain.refusals import NotAuthenticated
from spikes.domain.ticket.behavior import ticket_behavior
from spikes.domain.ticket.command import TicketCommand, UseTicket
from spikes.domain.ticket.entity import TicketState
from spikes.domain.ticket.event import TICKET_EVENTS, TicketEvent, TicketUsed
from spikes.journal.port import Metadata, StoredEvent
from spikes.persistence.reply import Error, Success
from spikes.persistence.testkit import BehaviorTestKit
from tests.domain.samples import NOW

Kit = BehaviorTestKit[TicketCommand, TicketEvent, TicketState]


def test_a_ticket_is_good_once() -> None:
    kit: Kit = BehaviorTestKit(ticket_behavior, "0MZ4A1B2C3T1K")
    first, second = kit.run(UseTicket(), now=NOW), kit.run(UseTicket(), now=NOW + 1)
    assert (first.events, first.reply) == ((TicketUsed(NOW),), Success(None))
    assert (second.events, second.reply) == ((), Error(NotAuthenticated()))


def test_it_keeps_its_state_after_a_restart() -> None:
    kit: Kit = BehaviorTestKit(ticket_behavior, "0MZ4A1B2C3T1K")
    kit.run(UseTicket(), now=NOW)
    kit.restart()
    assert kit.run(UseTicket(), now=NOW).reply == Error(NotAuthenticated())


def test_what_was_stored_once_stays_readable() -> None:
    stored = StoredEvent(1, "ticket-used@1", b'{"used":1795428000000}', Metadata(1, "attempt"))
    assert TICKET_EVENTS.decode(stored) == TicketUsed(1795428000000)
