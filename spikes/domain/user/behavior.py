"""How a user behaves: which commands make sense in which phase, and the events that they lead to."""

from __future__ import annotations

import hmac

from msgspec import UNSET

from spikes.domain.deciding import answer, persist, persist_and_tell, persist_in_silence, refuse
from spikes.domain.refusals import Conflict, Forbidden, IdTaken, NotAuthenticated, NotFound, WrongCredentials
from spikes.domain.relation import found
from spikes.domain.rules import RELATIONS
from spikes.domain.user import command as c
from spikes.domain.user import event as e
from spikes.domain.user.command import UserCommand
from spikes.domain.user.entity import (
    Absent,
    Credentials,
    Removed,
    Removing,
    Session,
    User,
    UserState,
    event_handler,
    registered,
    unique,
)
from spikes.domain.user.event import USER_EVENTS, UserEvent
from spikes.domain.user.response import USER_ROWS, row
from spikes.journal.port import Claim
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.effect import Effect

SESSIONS = 50
"""How many sessions a user has at most; one more ends the oldest."""

USED_AGAIN_AFTER = 10 * 60 * 1000
"""How long a use of a session is not written down again, in milliseconds."""

USER_AGENT = 255
"""How much of what a browser says about itself is kept, in characters."""


def command_handler(state: UserState, command: UserCommand, context: Context) -> Effect[UserEvent]:
    """Decide what happens; which commands make sense depends on the phase of the user."""
    match state:
        case Absent():
            return _absent(command, context)
        case User():
            return _existing(state, command, context)
        case Removing():
            return _removing(command, context)
        case Removed():
            return _gone(command)


def claim_handler(
    state: UserState, command: UserCommand, claim: Claim, holder: str, context: Context
) -> Effect[UserEvent]:
    """Refuse an e-mail address that somebody else has."""
    if isinstance(command, c.Register):
        return refuse(Conflict(f"email {command.email} already in use"))
    return Effect.unhandled()


# ------------------------------------------------------------------------------------------------------------ by phase


def _absent(command: UserCommand, context: Context) -> Effect[UserEvent]:
    match command:
        case c.Register():
            return persist(_registered(command, context))
        case _:
            return _nobody(command)


def _existing(user: User, command: UserCommand, context: Context) -> Effect[UserEvent]:
    match command:
        case c.Authenticate():
            return _authenticate(user, command, context)
        case c.GetUser():
            return answer(user)
        case c.GetCredentials():
            return answer(Credentials(user.password_hash))
        case c.Login():
            return _login(user, command, context)
        case c.ExpireSessions():
            return _expire(user, context)
        case c.Register():
            return _registered_before(user, command, context)
        case c.FinishRemoval():
            return refuse(Conflict("the user is not under removal"))
        case _:
            return _own(user, command, context)


def _own(user: User, command: UserCommand, context: Context) -> Effect[UserEvent]:
    """Handle what only the users themselves may ask for."""
    if context.principal != user.id:
        return refuse(Forbidden("this is another user's account"))
    match command:
        case c.UpdateUser():
            return _update(user, command, context)
        case c.ListSessions():
            return answer(tuple(session for session in user.sessions if session.expires > context.now))
        case c.EndSession():
            return _end(user, command, context)
        case c.RelateUser():
            return _relate(user, command, context)
        case c.UnrelateUser():
            return _unrelate(user, command, context)
        case c.RemoveUser():
            return persist_and_tell(e.UserRemovalStarted(context.now), what=lambda _: user)
        case _:
            return Effect.unhandled()


def _removing(command: UserCommand, context: Context) -> Effect[UserEvent]:
    match command:
        case c.FinishRemoval():
            return persist_in_silence(e.UserRemoved(context.now))
        case _:
            return _gone(command)


def _gone(command: UserCommand) -> Effect[UserEvent]:
    match command:
        case c.Register():
            return refuse(IdTaken(command.id))
        case c.FinishRemoval():
            return answer(None)
        case _:
            return _nobody(command)


def _nobody(command: UserCommand) -> Effect[UserEvent]:
    match command:
        case c.Authenticate():
            return refuse(NotAuthenticated())
        case c.Login():
            return refuse(WrongCredentials())
        case c.ExpireSessions():
            return answer(0)
        case _:
            return refuse(NotFound("user"))


# ---------------------------------------------------------------------------------------------------------- by command


def _registered_before(user: User, command: c.Register, context: Context) -> Effect[UserEvent]:
    """Tell the own account of an earlier run of this very command (rule C5) from another one with its id."""
    return answer(user) if user == registered(_registered(command, context)) else refuse(IdTaken(command.id))


def _update(user: User, command: c.UpdateUser, context: Context) -> Effect[UserEvent]:
    bio = user.bio if command.bio is UNSET else command.bio
    updated = e.UserUpdated(command.name or user.name, command.born or user.born, bio, context.now)
    events: list[UserEvent] = []
    if (updated.name, updated.born, updated.bio) != (user.name, user.born, user.bio):
        events.append(updated)
    if command.password_hash is not None and command.password_hash != user.password_hash:
        events.append(e.PasswordChanged(command.password_hash, command.session_id, context.now))
    return persist(*events) if events else answer(user)


def _login(user: User, command: c.Login, context: Context) -> Effect[UserEvent]:
    if not _same(user.password_hash, command.password_hash):
        return refuse(WrongCredentials())
    if found := _session(user, command.session_id):
        return answer(found)
    agent = None if command.user_agent is None else _storable(command.user_agent)[:USER_AGENT]
    opened = e.SessionOpened(command.session_id, command.token_hash, context.now, command.expires, agent)
    return persist_and_tell(*_displaced(user, context), opened, what=lambda state: _session(state, command.session_id))


def _displaced(user: User, context: Context) -> tuple[UserEvent, ...]:
    """Return what makes room for one more session: the end of the expired ones, and of the oldest of too many."""
    live = [session.id for session in user.sessions if session.expires > context.now]
    staying = live[max(0, len(live) - SESSIONS + 1) :]
    ids = tuple(session.id for session in user.sessions if session.id not in staying)
    return (e.SessionEnded(ids, context.now),) if ids else ()


def _authenticate(user: User, command: c.Authenticate, context: Context) -> Effect[UserEvent]:
    found = [session for session in user.sessions if _same(session.token_hash, command.token_hash)]
    if not found or found[0].expires <= context.now:
        return refuse(NotAuthenticated())
    session = found[0]
    if context.now - session.last_used < USED_AGAIN_AFTER:
        return answer(session)
    return persist_and_tell(e.SessionUsed(session.id, context.now), what=lambda state: _session(state, session.id))


def _end(user: User, command: c.EndSession, context: Context) -> Effect[UserEvent]:
    if _session(user, command.session_id) is None:
        return refuse(NotFound("session"))
    return persist_in_silence(e.SessionEnded((command.session_id,), context.now))


def _expire(user: User, context: Context) -> Effect[UserEvent]:
    ids = tuple(session.id for session in user.sessions if session.expires <= context.now)
    if not ids:
        return answer(0)
    return persist_and_tell(e.SessionEnded(ids, context.now), what=lambda _: len(ids))


def _relate(user: User, command: c.RelateUser, context: Context) -> Effect[UserEvent]:
    old = found(user.relations, command.user_id)
    if command.user_id == user.id:
        return refuse(Conflict("a user can't be related to themselves"))
    if old is not None and old.title == command.title:
        return answer(user)
    if old is None and len(user.relations) >= RELATIONS:
        return refuse(Conflict(f"a user has at most {RELATIONS} relations"))
    return persist(e.UserRelated(command.user_id, command.title, context.now))


def _unrelate(user: User, command: c.UnrelateUser, context: Context) -> Effect[UserEvent]:
    if found(user.relations, command.user_id) is None:
        return refuse(NotFound("relation"))
    return persist(e.UserUnrelated(command.user_id, context.now))


# --------------------------------------------------------------------------------------------------------------- parts


def _registered(command: c.Register, context: Context) -> e.UserRegistered:
    profile = (command.id, command.name, command.email, command.password_hash, command.born, command.bio)
    return e.UserRegistered(*profile, joined=context.now)


def _session(user: UserState, session_id: str) -> Session | None:
    sessions = user.sessions if isinstance(user, User) else ()
    return next((session for session in sessions if session.id == session_id), None)


def _same(one: str, other: str) -> bool:
    """Compare secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode(errors="surrogatepass"))


def _storable(text: str) -> str:
    """Return a header's text without what is no Unicode (the surrogates that stand for stray bytes)."""
    return text.encode(errors="replace").decode()


user_behavior: EventSourcedBehavior[UserCommand, UserEvent, UserState] = EventSourcedBehavior(
    schema=USER_ROWS,
    empty_state=Absent(),
    state_type=UserState,
    events=USER_EVENTS,
    command_handler=command_handler,
    event_handler=event_handler,
    claim_handler=claim_handler,
    unique=unique,
    row=row,
)
"""What a user is to the actors. A client key's repeat is answered with the user as they were (the default)."""
