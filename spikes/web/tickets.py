"""Tickets for the feed: a browser's EventSource can send no token, and a token in a URL would end up in logs.

A ticket says whose session opens the feed and until when, sealed with the stored hash of the session's token, which
every process can look up and nobody outside knows. So issuing one stores nothing; using it stores one event, and
the journal's fence sees to it that of all processes one lets it in, once.
"""

from __future__ import annotations

import hmac
import re

import msgspec

from spikes.domain.principal import Principal
from spikes.domain.refusals import NotFound
from spikes.domain.ticket.command import UseTicket
from spikes.domain.tsid import parse_tsid
from spikes.domain.user.command import ListSessions
from spikes.domain.user.entity import Session
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Error
from spikes.web.call import Call
from spikes.web.errors import Refused, not_authenticated
from spikes.web.parameters import Opaque, bad_query
from spikes.web.reply import Reply, json_reply
from spikes.web.sessions import authenticate

TICKET = Opaque("ticket", text="From `POST /feed/ticket`, instead of a token. It is good once, for 60 seconds.")
LIFETIME = 60
"""How long a ticket is good, in seconds."""

_read = re.compile(r"([0-9A-Z]{13})\.([0-9A-Z]{13})\.([0-9A-Z]{13})\.([0-9]{1,15})\.([0-9a-f]{64})").fullmatch


class TicketResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A ticket; `expires_in` is in seconds."""

    ticket: str
    expires_in: int = LIFETIME


async def issue(call: Call) -> Reply:
    """POST /feed/ticket: give the caller's session a ticket."""
    session = await live_session(call, call.caller)
    if session is None:
        raise not_authenticated()
    sources = call.services.sources
    content = f"{call.caller.user_id}.{session.id}.{sources.ids.next()}.{sources.now() + LIFETIME * 1000}"
    return json_reply(TicketResponse(f"{content}.{_seal(session, content)}"), 201)


async def who_listens(call: Call) -> Principal | None:
    """Return who asks, by the ticket if there is one; raises a 401 for one that is not good, or not any more."""
    tickets = call.request.query.getall(TICKET.name, ())
    if not tickets:
        return await authenticate(call)
    if len(tickets) > 1 or call.header("Authorization") is not None:
        raise bad_query("ticket must be given once, and without Authorization")
    return await _use(call, tickets[0])


async def live_session(call: Call, principal: Principal) -> Session | None:
    """Return the session if it has not ended. Raises Refused, AskTimeout."""
    user = PersistenceId("user", principal.user_id)
    ask = call.services.entities.ask
    answer = await ask(user, ListSessions(), principal=principal.user_id, request_id=call.request_id)
    if isinstance(answer.status, Error):
        if isinstance(answer.status.reason, NotFound):
            return None
        raise Refused(answer.status.reason)
    sessions: tuple[Session, ...] = call.value(answer)
    return next((session for session in sessions if session.id == principal.session_id), None)


async def _use(call: Call, ticket: str) -> Principal:
    found = _read(ticket)
    if found is None or int(found[4]) <= call.services.sources.now():
        raise not_authenticated("the ticket is not good, or not any more")
    try:
        principal, number = Principal(parse_tsid(found[1]), parse_tsid(found[2])), parse_tsid(found[3])
    except ValueError:
        raise not_authenticated("the ticket is not good") from None
    session = await live_session(call, principal)
    if session is None or not hmac.compare_digest(_seal(session, ticket.rpartition(".")[0]), found[5]):
        raise not_authenticated("the ticket is not good, or not any more")
    await call.ask("ticket", number, UseTicket())
    return principal


def _seal(session: Session, content: str) -> str:
    return hmac.digest(session.token_hash.encode(), f"feed ticket {content}".encode(), "sha256").hex()
