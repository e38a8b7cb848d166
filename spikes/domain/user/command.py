"""What a user can be told to do. The caller is the context's principal; ids, hashes and times come from outside."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class Register(msgspec.Struct, frozen=True):
    """Open an account. Success(User), Conflict if the e-mail is in use, IdTaken. `born` is an ISO date."""

    id: str
    name: str
    email: str
    password_hash: str
    born: str
    bio: str | None = None


class GetUser(msgspec.Struct, frozen=True):
    """Read the account. Success(User) or NotFound."""


class GetCredentials(msgspec.Struct, frozen=True):
    """Read what a password is verified against. Success(Credentials) or NotFound."""


class UpdateUser(msgspec.Struct, frozen=True):
    """Change the caller's own account: None (for `bio`: UNSET) keeps a value. Success(User), NotFound, Forbidden.

    A new password ends all sessions but `session_id`, the one that the caller is in.
    """

    session_id: str
    name: str | None = None
    password_hash: str | None = None
    born: str | None = None
    bio: str | UnsetType | None = UNSET


class Login(msgspec.Struct, frozen=True):
    """Open a session. Success(Session) or WrongCredentials.

    `password_hash` is the one that the password was verified against; if it is no longer the user's, the password was
    changed meanwhile. `expires` is in milliseconds since the epoch.
    """

    session_id: str
    token_hash: str
    expires: int
    user_agent: str | None
    password_hash: str


class Authenticate(msgspec.Struct, frozen=True):
    """Find the live session of a token. Success(Session) or NotAuthenticated."""

    token_hash: str


class ListSessions(msgspec.Struct, frozen=True):
    """Read the caller's own live sessions, oldest first. Success(tuple of Session), NotFound, Forbidden."""


class EndSession(msgspec.Struct, frozen=True):
    """End one of the caller's own sessions; a logout ends the present one. Success(None), NotFound, Forbidden."""

    session_id: str


class ExpireSessions(msgspec.Struct, frozen=True):
    """End what has expired, for the reaper. Success(number of sessions ended)."""


class RelateUser(msgspec.Struct, frozen=True):
    """Relate the caller's own account to another user, or give the relation another title.

    Success(User), NotFound, Forbidden, Conflict for one too many and for oneself. That the other user exists is for
    the sender to know.
    """

    user_id: str
    title: str


class UnrelateUser(msgspec.Struct, frozen=True):
    """End a relation of the caller's own account. Success(User), NotFound("user"), NotFound("relation"), Forbidden."""

    user_id: str


class RemoveUser(msgspec.Struct, frozen=True):
    """Begin to remove the caller's own account (rule C9). Success(User as it was), NotFound, Forbidden."""


class FinishRemoval(msgspec.Struct, frozen=True):
    """Say that nothing of a user under removal is left, for the sweeper. Success(None), NotFound, Conflict."""


UserCommand = (
    Register
    | GetUser
    | GetCredentials
    | UpdateUser
    | Login
    | Authenticate
    | ListSessions
    | EndSession
    | ExpireSessions
    | RelateUser
    | UnrelateUser
    | RemoveUser
    | FinishRemoval
)
