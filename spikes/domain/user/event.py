"""What happens to users. Times are milliseconds since the epoch; passwords and tokens appear as hashes only."""

from __future__ import annotations

import msgspec

from spikes.persistence.codec import EventCodec


class UserRegistered(msgspec.Struct, frozen=True):
    """Somebody opened an account. `born` is an ISO date."""

    id: str
    name: str
    email: str
    password_hash: str
    born: str
    bio: str | None
    joined: int


class UserUpdated(msgspec.Struct, frozen=True):
    """The profile has these values now."""

    name: str
    born: str
    bio: str | None
    updated: int


class PasswordChanged(msgspec.Struct, frozen=True):
    """There is another password, and all sessions but one ended."""

    password_hash: str
    kept_session_id: str
    changed: int


class SessionOpened(msgspec.Struct, frozen=True):
    """The user logged in."""

    id: str
    token_hash: str
    created: int
    expires: int
    user_agent: str | None


class SessionUsed(msgspec.Struct, frozen=True):
    """A session was in use; told now and then only."""

    id: str
    used: int


class SessionEnded(msgspec.Struct, frozen=True):
    """These sessions are over: logged out, ended, expired, or one too many."""

    ids: tuple[str, ...]
    ended: int


class UserRelated(msgspec.Struct, frozen=True):
    """The user is related to another one, or the relation has another title."""

    target: str
    title: str
    related: int


class UserUnrelated(msgspec.Struct, frozen=True):
    """The user is no longer related to another one."""

    target: str
    unrelated: int


class UserRemovalStarted(msgspec.Struct, frozen=True):
    """The user left; what they own is being removed."""

    started: int


class UserRemoved(msgspec.Struct, frozen=True):
    """Nothing of the user is left."""

    removed: int


UserEvent = (
    UserRegistered
    | UserUpdated
    | PasswordChanged
    | SessionOpened
    | SessionUsed
    | SessionEnded
    | UserRelated
    | UserUnrelated
    | UserRemovalStarted
    | UserRemoved
)

USER_EVENTS: EventCodec[UserEvent] = EventCodec(
    {
        "user-registered@1": UserRegistered,
        "user-updated@1": UserUpdated,
        "password-changed@1": PasswordChanged,
        "session-opened@1": SessionOpened,
        "session-used@1": SessionUsed,
        "session-ended@1": SessionEnded,
        "user-related@1": UserRelated,
        "user-unrelated@1": UserUnrelated,
        "user-removal-started@1": UserRemovalStarted,
        "user-removed@1": UserRemoved,
    }
)
