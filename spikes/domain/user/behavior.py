"""How a user behaves: which commands make sense in which phase, and the events that they lead to."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from msgspec import UNSET

from spikes.domain.refusals import Conflict, Forbidden, IdTaken, NotAuthenticated, NotFound, Refusal, WrongCredentials
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
from spikes.persistence.reply import StatusReply

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
        return _refuse(Conflict(f"email {command.email} already in use"))
    return Effect.unhandled()


# ------------------------------------------------------------------------------------------------------------ by phase


def _absent(command: UserCommand, context: Context) -> Effect[UserEvent]:
    match command:
        case c.Register():
            return _persist(_registered(command, context))
        case _:
            return _nobody(command)


def _existing(user: User, command: UserCommand, context: Context) -> Effect[UserEvent]:
    match command:
        case c.Authenticate():
            return _authenticate(user, command, context)
        case c.GetUser():
            return _answer(user)
        case c.GetCredentials():
            return _answer(Credentials(user.password_hash))
        case c.Login():
            return _login(user, command, context)
        case c.ExpireSessions():
            return _expire(user, context)
        case c.Register():
            return _registered_before(user, command, context)
        case c.FinishRemoval():
            return _refuse(Conflict("the user is not under removal"))
        case _:
            return _own(user, command, context)


def _own(user: User, command: UserCommand, context: Context) -> Effect[UserEvent]:
    """Handle what only the users themselves may ask for."""
    if context.principal != user.id:
        return _refuse(Forbidden("this is another user's account"))
    match command:
        case c.UpdateUser():
            return _update(user, command, context)
        case c.ListSessions():
            return _answer(tuple(session for session in user.sessions if session.expires > context.now))
        case c.EndSession():
            return _end(user, command, context)
        case c.RelateUser():
            return _relate(user, command, context)
        case c.UnrelateUser():
            return _unrelate(user, command, context)
        case c.RemoveUser():
            return _persist(e.UserRemovalStarted(context.now), answer=lambda _: user)
        case _:
            return Effect.unhandled()


def _removing(command: UserCommand, context: Context) -> Effect[UserEvent]:
    match command:
        case c.FinishRemoval():
            return _persist(e.UserRemoved(context.now), answer=lambda _: None)
        case _:
            return _gone(command)


def _gone(command: UserCommand) -> Effect[UserEvent]:
    match command:
        case c.Register():
            return _refuse(IdTaken(command.id))
        case c.FinishRemoval():
            return _answer(None)
        case _:
            return _nobody(command)


def _nobody(command: UserCommand) -> Effect[UserEvent]:
    match command:
        case c.Authenticate():
            return _refuse(NotAuthenticated())
        case c.Login():
            return _refuse(WrongCredentials())
        case c.ExpireSessions():
            return _answer(0)
        case _:
            return _refuse(NotFound("user"))


# ---------------------------------------------------------------------------------------------------------- by command


def _registered_before(user: User, command: c.Register, context: Context) -> Effect[UserEvent]:
    """Tell the own account of an earlier run of this very command (rule C5) from another one with its id."""
    return _answer(user) if user == registered(_registered(command, context)) else _refuse(IdTaken(command.id))


def _update(user: User, command: c.UpdateUser, context: Context) -> Effect[UserEvent]:
    bio = user.bio if command.bio is UNSET else command.bio
    updated = e.UserUpdated(command.name or user.name, command.born or user.born, bio, context.now)
    events: list[UserEvent] = []
    if (updated.name, updated.born, updated.bio) != (user.name, user.born, user.bio):
        events.append(updated)
    if command.password_hash is not None and command.password_hash != user.password_hash:
        events.append(e.PasswordChanged(command.password_hash, command.session_id, context.now))
    return _persist(*events) if events else _answer(user)


def _login(user: User, command: c.Login, context: Context) -> Effect[UserEvent]:
    if not _same(user.password_hash, command.password_hash):
        return _refuse(WrongCredentials())
    if found := _session(user, command.session_id):
        return _answer(found)
    agent = None if command.user_agent is None else _storable(command.user_agent)[:USER_AGENT]
    opened = e.SessionOpened(command.session_id, command.token_hash, context.now, command.expires, agent)
    return _persist(*_displaced(user, context), opened, answer=lambda state: _session(state, command.session_id))


def _displaced(user: User, context: Context) -> tuple[UserEvent, ...]:
    """Return what makes room for one more session: the end of the expired ones, and of the oldest of too many."""
    live = [session.id for session in user.sessions if session.expires > context.now]
    staying = live[max(0, len(live) - SESSIONS + 1) :]
    ids = tuple(session.id for session in user.sessions if session.id not in staying)
    return (e.SessionEnded(ids, context.now),) if ids else ()


def _authenticate(user: User, command: c.Authenticate, context: Context) -> Effect[UserEvent]:
    found = [session for session in user.sessions if _same(session.token_hash, command.token_hash)]
    if not found or found[0].expires <= context.now:
        return _refuse(NotAuthenticated())
    session = found[0]
    if context.now - session.last_used < USED_AGAIN_AFTER:
        return _answer(session)
    return _persist(e.SessionUsed(session.id, context.now), answer=lambda state: _session(state, session.id))


def _end(user: User, command: c.EndSession, context: Context) -> Effect[UserEvent]:
    if _session(user, command.session_id) is None:
        return _refuse(NotFound("session"))
    return _persist(e.SessionEnded((command.session_id,), context.now), answer=lambda _: None)


def _expire(user: User, context: Context) -> Effect[UserEvent]:
    ids = tuple(session.id for session in user.sessions if session.expires <= context.now)
    if not ids:
        return _answer(0)
    return _persist(e.SessionEnded(ids, context.now), answer=lambda _: len(ids))


def _relate(user: User, command: c.RelateUser, context: Context) -> Effect[UserEvent]:
    old = found(user.relations, command.user_id)
    if command.user_id == user.id:
        return _refuse(Conflict("a user can't be related to themselves"))
    if old is not None and old.title == command.title:
        return _answer(user)
    if old is None and len(user.relations) >= RELATIONS:
        return _refuse(Conflict(f"a user has at most {RELATIONS} relations"))
    return _persist(e.UserRelated(command.user_id, command.title, context.now))


def _unrelate(user: User, command: c.UnrelateUser, context: Context) -> Effect[UserEvent]:
    if found(user.relations, command.user_id) is None:
        return _refuse(NotFound("relation"))
    return _persist(e.UserUnrelated(command.user_id, context.now))


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


def _answer(value: object) -> Effect[UserEvent]:
    return Effect.reply(StatusReply.success(value))


def _refuse(reason: Refusal) -> Effect[UserEvent]:
    return Effect.reply(StatusReply.error(reason))


def _persist(*events: UserEvent, answer: Callable[[UserState], object] = lambda user: user) -> Effect[UserEvent]:
    effect: Effect[UserEvent] = Effect.persist(*events)
    return effect.then_reply(lambda user: StatusReply.success(answer(user)))


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
