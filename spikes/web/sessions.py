"""Sessions: a login opens one and shows its token once; every request with the token is checked at the user."""

from __future__ import annotations

import msgspec

from spikes.domain.principal import Principal
from spikes.domain.refusals import NotFound, WrongCredentials
from spikes.domain.user.behavior import USED_AGAIN_AFTER
from spikes.domain.user.command import Authenticate, EndSession, GetCredentials, ListSessions, Login
from spikes.domain.user.entity import Credentials, Session, email_claim
from spikes.domain.user.request import LoginRequest
from spikes.domain.user.response import session_response
from spikes.persistence.identity import PersistenceId
from spikes.web import tokens
from spikes.web.call import Call
from spikes.web.errors import Refused, not_authenticated, shown
from spikes.web.recognised import Recognised
from spikes.web.reply import NO_CONTENT, Reply, json_reply


class TokenResponse(msgspec.Struct, frozen=True):
    """What a login answers, in the names of OAuth 2; `expires_in` is in seconds."""

    access_token: str
    id: str
    expires_in: int
    token_type: str = "bearer"


async def login(call: Call) -> Reply:
    """POST /users/login: open a session. Whether there is such a user shows neither in the answer nor in its time."""
    request = await call.body(LoginRequest, "Login")
    holder = await call.services.views.holder(email_claim(request.email))
    user_id = PersistenceId.parse(holder).entity_id if holder else call.services.sources.ids.next()
    password_hash = await check_password(call, user_id, request.password)
    token = tokens.issue(user_id, call.services.sources.random)
    await call.ask("user", user_id, _login(call, token, password_hash))
    return json_reply(TokenResponse(token.text, user_id, call.services.settings.token_ttl))


async def logout(call: Call) -> Reply:
    """POST /users/logout: end the session that the request came in."""
    await call.ask("user", call.caller.user_id, EndSession(call.caller.session_id))
    return NO_CONTENT


async def list_mine(call: Call) -> Reply:
    """GET /sessions: the caller's own sessions."""
    answer = await call.ask("user", call.caller.user_id, ListSessions())
    sessions: tuple[Session, ...] = call.value(answer)
    return json_reply([session_response(session, session.id == call.caller.session_id) for session in sessions])


async def end(call: Call) -> Reply:
    """DELETE /sessions/{tsid}: end one of the caller's own sessions."""
    await call.ask("user", call.caller.user_id, EndSession(call.tsid()))
    return NO_CONTENT


async def authenticate(call: Call) -> Principal | None:
    """Return who asks, None for nobody; raises a 401 for a token that is not good, on open routes too."""
    header = call.header("Authorization")
    if header is None:
        return None
    call.recheck = authenticate
    principal = _known(call, header)
    if principal is None and await call.services.recognised.asked(header):
        principal = _known(call, header)
    return principal or await _ask_who(call, header)


def _known(call: Call, header: str) -> Principal | None:
    sources = call.services.sources
    return call.services.recognised.find(header, sources.now(), sources.monotonic())


async def _ask_who(call: Call, header: str) -> Principal:
    scheme, _, text = header.partition(" ")
    try:
        token = tokens.parse(text.strip())
    except ValueError:
        raise not_authenticated() from None
    if scheme.lower() != "bearer":
        raise not_authenticated()
    recognised, asked = call.services.recognised, call.services.sources.monotonic()
    with recognised.asking(header):
        answer = await call.ask("user", token.user_id, Authenticate(token.hash))
        session: Session = call.value(answer)
        principal = Principal(token.user_id, session.id)
        until = min(session.expires, session.last_used + USED_AGAIN_AFTER)
        recognised.remember(header, Recognised(principal, answer.persistence_id, answer.sequence_nr, until, asked))
    return principal


async def check_password(call: Call, user_id: str, password: str) -> str:
    """Return the hash that this password was verified against; raises Refused(WrongCredentials).

    For nobody it takes as long: the entity that is not there is asked, and a password is verified.
    """
    password_hash = await _password_hash(call, user_id)
    if not await call.services.passwords.matches(password, password_hash) or password_hash is None:
        raise Refused(WrongCredentials())
    return password_hash


async def _password_hash(call: Call, user_id: str) -> str | None:
    try:
        answer = await call.ask("user", user_id, GetCredentials())
    except Refused as refused:
        if isinstance(refused.reason, NotFound):
            return None
        raise
    credentials: Credentials = call.value(answer)
    return credentials.password_hash


def _login(call: Call, token: tokens.Token, password_hash: str) -> Login:
    sources, seconds = call.services.sources, call.services.settings.token_ttl
    agent = call.header("User-Agent")
    return Login(
        session_id=sources.ids.next(),
        token_hash=token.hash,
        expires=sources.now() + seconds * 1000,
        user_agent=None if agent is None else shown(agent),
        password_hash=password_hash,
    )
