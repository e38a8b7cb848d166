"""The state of a user, phase by phase. All times are milliseconds since the epoch, UTC."""

from __future__ import annotations

import msgspec

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


class User(msgspec.Struct, frozen=True, tag=True):
    """Somebody with an account. `born` is an ISO date; `sessions` are in the order in which they were opened."""

    id: str
    name: str
    email: str
    joined: int
    born: str
    bio: str | None
    password_hash: str
    sessions: tuple[Session, ...] = ()


class Removing(msgspec.Struct, frozen=True, tag=True):
    """Somebody who left, while what they own is being removed (rule C9)."""

    id: str
    joined: int
    started: int


class Removed(msgspec.Struct, frozen=True, tag=True):
    """Nobody any more; the id stays taken."""

    id: str


UserState = Absent | User | Removing | Removed


def email_claim(email: str) -> Claim:
    """Return the right to an e-mail address, whose case does not matter."""
    return Claim.of("email", email.casefold())


def unique(state: UserState) -> tuple[Claim, ...]:
    """Return what nobody else may have; a change here raises the state version (rule R1)."""
    return (email_claim(state.email),) if isinstance(state, User) else ()
