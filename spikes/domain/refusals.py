"""Why a command was refused. Each is the `reason` of an `Error`; the web room makes the HTTP status of it.

WrongCredentials    the e-mail is unknown or the password is not the right one (400)
InvalidField        a field is wrong in a way that only the entity could tell (400, listed like any other bad field)
NotAuthenticated    the token is unknown, expired, or its user is gone (401)
Forbidden           the caller may see it but not change it (403)
NotFound            it does not exist, or the caller may not see it (404)
Conflict            someone else has it already (409)
IdTaken             the id that a create brought belongs to another entity (draw another, or 412)
"""

from __future__ import annotations

import msgspec


class NotFound(msgspec.Struct, frozen=True):
    """There is no such thing for the caller; `what` is its name in the API: "user", "note", "session"."""

    what: str


class Forbidden(msgspec.Struct, frozen=True):
    """The caller may see it, but this is for its owner to do."""

    message: str


class Conflict(msgspec.Struct, frozen=True):
    """It can't be, because of what exists; `id` is the id of that, where the caller may know it."""

    message: str
    id: str | None = None


class InvalidField(msgspec.Struct, frozen=True):
    """A field that only the entity could judge is wrong: the same two texts as in `validation.FieldError`."""

    field: str
    error: str


class WrongCredentials(msgspec.Struct, frozen=True):
    """The same answer whether the user does not exist or the password is wrong."""


class NotAuthenticated(msgspec.Struct, frozen=True):
    """No live session has this token."""


class IdTaken(msgspec.Struct, frozen=True):
    """An entity with this id exists, or existed."""

    id: str


Refusal = NotFound | Forbidden | Conflict | InvalidField | WrongCredentials | NotAuthenticated | IdTaken
