"""The state of a user, phase by phase, and what events make of it. All times are milliseconds since the epoch, UTC."""

from __future__ import annotations

import msgspec

from spikes.domain import relation
from spikes.domain.relation import Relations
from spikes.domain.user import event as e
from spikes.domain.user.event import UserEvent
from spikes.journal.port import Claim


class Session(msgspec.Struct, frozen=True):
    """A login that has not ended. Only the hash of its token is known here."""

    id: str
    token_hash: str
    created: int
    last_used: int
    expires: int
    user_agent: str | None = None


class Credentials(msgspec.Struct, frozen=True):
    """What a password is verified against."""

    password_hash: str


class Absent(msgspec.Struct, frozen=True, tag=True):
    """Nobody yet."""


class User(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Somebody with an account. `born` is an ISO date; `sessions` are in the order in which they were opened."""

    id: str
    name: str
    email: str
    joined: int
    born: str
    bio: str | None
    password_hash: str
    sessions: tuple[Session, ...] = ()
    relations: Relations = ()


class Removing(msgspec.Struct, frozen=True, tag=True):
    """Somebody who left, while what they own is being removed (rule C9)."""

    id: str
    joined: int
    started: int


class Removed(msgspec.Struct, frozen=True, tag=True):
    """Nobody any more; the id stays taken."""

    id: str


UserState = Absent | User | Removing | Removed


def event_handler(state: UserState, event: UserEvent) -> UserState:
    """Replay-safe: no clock, no ids, no I/O; everything needed is in the event."""
    match state, event:
        case User(), _:
            return _after(state, event)
        case Absent(), e.UserRegistered():
            return registered(event)
        case Removing(), e.UserRemoved():
            return Removed(state.id)
        case _:
            raise ValueError(f"{type(event).__name__} can't happen to a user who is {type(state).__name__}")


def registered(event: e.UserRegistered) -> User:
    """Return the user as they registered."""
    return User(event.id, event.name, event.email, event.joined, event.born, event.bio, event.password_hash)


def email_claim(email: str) -> Claim:
    """Return the right to an e-mail address, whose case does not matter."""
    return Claim.of("email", email.casefold())


def unique(state: UserState) -> tuple[Claim, ...]:
    """Return what nobody else may have; a change here raises the state version (rule R1)."""
    return (email_claim(state.email),) if isinstance(state, User) else ()


def _after(user: User, event: UserEvent) -> UserState:
    match event:
        case e.SessionUsed():
            return _with_sessions(user, tuple(_used(session, event) for session in user.sessions))
        case e.SessionOpened():
            opened = Session(event.id, event.token_hash, event.created, event.created, event.expires, event.user_agent)
            return _with_sessions(user, (*user.sessions, opened))
        case e.SessionEnded():
            return _with_sessions(user, tuple(session for session in user.sessions if session.id not in event.ids))
        case e.UserUpdated():
            return msgspec.structs.replace(user, name=event.name, born=event.born, bio=event.bio)
        case e.PasswordChanged():
            kept = tuple(session for session in user.sessions if session.id == event.kept_session_id)
            return msgspec.structs.replace(user, password_hash=event.password_hash, sessions=kept)
        case e.UserRelated():
            relations = relation.related(user.relations, event.target, event.title, event.related)
            return msgspec.structs.replace(user, relations=relations)
        case e.UserUnrelated():
            return msgspec.structs.replace(user, relations=relation.unrelated(user.relations, event.target))
        case e.UserRemovalStarted():
            return Removing(user.id, user.joined, event.started)
        case e.UserRegistered() | e.UserRemoved():
            raise ValueError(f"{type(event).__name__} can't happen to a user with an account")


def _used(session: Session, event: e.SessionUsed) -> Session:
    return msgspec.structs.replace(session, last_used=event.used) if session.id == event.id else session


def _with_sessions(user: User, sessions: tuple[Session, ...]) -> User:
    return msgspec.structs.replace(user, sessions=sessions)
