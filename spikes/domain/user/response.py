"""What the outside sees of users and their sessions."""

from __future__ import annotations

import msgspec

from spikes.domain import relation
from spikes.domain.shapes import Date, Id, Time
from spikes.domain.times import to_rfc3339
from spikes.domain.user.entity import Removing, Session, User, UserState
from spikes.journal.port import Home, IndexPart, RowSchema

USER_ROWS = RowSchema(
    kind="user",
    state_version=2,
    columns={
        "created": "integer",
        "name": "text",
        "sessions": "integer",
        "session_expires": "integer",
        "removing": "integer",
    },
    indexes=(("removing", "created"), ("session_expires",)),
    homes=(Home(span=30 * 24 * 60 * 60 * 1000), Home("removing", 1)),
    ranges=("session_expires",),
    feed="",
)
"""What users are listed by: newest first; those with a session that expires soon; those under removal (1, else 0).

The terms `relation` hold the ids of the users that one is related to.
"""


class UserItem(msgspec.Struct, frozen=True, rename="camel"):
    """A public profile as the entity row keeps it."""

    id: Id
    name: str
    joined: Time
    bio: str | None


class UserResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A profile; `email` and `born` are null but for oneself, `notes` counts what the reader may count."""

    id: Id
    name: str
    email: str | None
    joined: Time
    born: Date | None
    bio: str | None
    notes: int


class SessionResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A session of the caller's own; `current` marks the one that the request came with."""

    id: Id
    created: Time
    last_used: Time
    expires: Time
    current: bool
    user_agent: str | None


_item_decoder = msgspec.json.Decoder(UserItem)


def user_response(user: User, notes: int, own: bool) -> UserResponse:
    """Return a user's profile, with what is private only if it is the reader's own."""
    return UserResponse(
        id=user.id,
        name=user.name,
        email=user.email if own else None,
        joined=to_rfc3339(user.joined),
        born=user.born if own else None,
        bio=user.bio,
        notes=notes,
    )


def user_item(user: User) -> bytes:
    """Return the list item of a user: JSON without anything private, and without the count of notes."""
    return msgspec.json.encode(UserItem(user.id, user.name, to_rfc3339(user.joined), user.bio))


def listed_user(item: bytes, notes: int) -> UserResponse:
    """Return the public profile that a list item holds, with the number of public notes."""
    user = _item_decoder.decode(item)
    return UserResponse(user.id, user.name, None, user.joined, None, user.bio, notes)


def row(state: UserState, sequence_nr: int) -> IndexPart | None:
    """Return what lists, the session reaper and the sweeper read; a change raises the state version (rule R1)."""
    match state:
        case User():
            expires = min((session.expires for session in state.sessions), default=None)
            listed = _columns(state.joined, user_item(state), state.name, len(state.sessions), expires)
            return msgspec.structs.replace(listed, terms=relation.terms(state.relations))
        case Removing():
            return _columns(state.joined, b"{}", removing=1)
        case _:
            return None


def _columns(
    joined: int,
    item: bytes,
    name: str | None = None,
    sessions: int = 0,
    expires: int | None = None,
    removing: int = 0,
) -> IndexPart:
    columns = {
        "created": joined,
        "name": name,
        "sessions": sessions,
        "session_expires": expires,
        "removing": removing,
    }
    return IndexPart(columns, item)


def session_response(session: Session, current: bool) -> SessionResponse:
    """Return a session without its token hash."""
    return SessionResponse(
        id=session.id,
        created=to_rfc3339(session.created),
        last_used=to_rfc3339(session.last_used),
        expires=to_rfc3339(session.expires),
        current=current,
        user_agent=session.user_agent,
    )
