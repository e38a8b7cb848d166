"""The one place where refusals and failures become HTTP.

400  a field, a parameter, the body or the credentials are wrong    409  it can't be, because of what exists
401  no token, or one that is not good                              412  the note is at another version
403  it may be seen, but not changed                                422  the idempotency key belongs to another request
404  it does not exist, or may not be seen                          429  that was too often
                                                                    503  not_stored, or unknown: it may have happened
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from spikes.actors.port import AskTimeout
from spikes.domain.refusals import (
    Conflict,
    Forbidden,
    IdTaken,
    InvalidField,
    NotAuthenticated,
    NotFound,
    WrongCredentials,
)
from spikes.domain.validation import FieldError, Invalid, NotJson
from spikes.journal.errors import EventTooLarge, JournalUnavailable, OutcomeUnknown
from spikes.persistence.reply import KeyReused, NotStored, OutcomeNotKnown, PreconditionFailed
from spikes.web.passwords import TooManyLogins
from spikes.web.reply import Headers, Reply, json_reply

RETRY_SOON: Headers = (("Retry-After", "1"),)
LONGEST_SHOWN = 100

MAX_BODY = 1024 * 1024
"""The longest body of a request, in bytes."""


class Refused(Exception):
    """An entity said no; `reason` is a refusal of the domain or a failure of the persistence core."""

    def __init__(self, reason: object) -> None:
        super().__init__(repr(reason))
        self.reason = reason


class ErrorResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong, for people (`message`) and programs (`code`); `id` names what stands in the way, if anything."""

    message: str
    code: str
    request_id: str
    id: str | None = None


class Problem(Exception):
    """An answer that says what is wrong; the edge sends it as it is. `id` names what stands in the way."""

    def __init__(self, status: int, code: str, message: str, headers: Headers = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.id = id

    def reply(self, request_id: str) -> Reply:
        """Return the answer; `request_id` leads to the log."""
        return json_reply(ErrorResponse(self.message, self.code, request_id, self.id), self.status, self.headers)


class BadFields(Problem):
    """Fields of the body are wrong: the answer is their list."""

    def __init__(self, fields: list[FieldError]) -> None:
        super().__init__(400, "invalid", ", ".join(field.field for field in fields))
        self.fields = fields

    def reply(self, request_id: str) -> Reply:
        """Return the list of the fields, each with what is wrong."""
        return json_reply(self.fields, self.status)


def shown(text: str) -> str:
    """Return what may be repeated of a text that came from outside."""
    cut = text[:LONGEST_SHOWN] + "…" * (len(text) > LONGEST_SHOWN)
    return cut.encode("utf-8", "backslashreplace").decode()


def not_authenticated(message: str = "a valid token is needed", given: bool = True) -> Problem:
    """Return the 401; `given` tells whether there was a token at all."""
    challenge = 'Bearer realm="spikes", error="invalid_token"' if given else 'Bearer realm="spikes"'
    return Problem(401, "not_authenticated", message, (("WWW-Authenticate", challenge),))


def not_stored(message: str) -> Problem:
    """Return the 503 that promises that nothing has happened."""
    return Problem(503, "not_stored", message, RETRY_SOON)


def unknown() -> Problem:
    """Return the 503 after which the client has to look, or to try again with its idempotency key."""
    return Problem(503, "unknown", "it is not known whether this was done; look, or repeat it", RETRY_SOON)


def forbidden(message: str) -> Problem:
    """Return the 403, for what may be seen but not changed."""
    return Problem(403, "forbidden", message)


def not_found(what: str) -> Problem:
    """Return the 404, for what may not be seen too."""
    return Problem(404, "not_found", f"{what} not found")


def too_large(limit: int = MAX_BODY) -> Problem:
    """Return the 413 for a body of more bytes than that."""
    return Problem(413, "too_large", f"a body may have at most {limit:,} bytes")


def internal() -> Problem:
    """Return the 500, which says nothing of the inside."""
    return Problem(500, "internal", "an error in the service; the log has it under the request id")


_PROBLEMS: dict[type, Callable[[Any], Problem]] = {
    NotFound: lambda refusal: not_found(refusal.what),
    Forbidden: lambda refusal: forbidden(refusal.message),
    Conflict: lambda refusal: Problem(409, "conflict", refusal.message, id=refusal.id),
    IdTaken: lambda refusal: Problem(412, "id_taken", f"the id {refusal.id} is taken", id=refusal.id),
    InvalidField: lambda refusal: BadFields([FieldError(refusal.field, refusal.error)]),
    WrongCredentials: lambda _: Problem(400, "wrong_credentials", "e-mail or password is wrong"),
    NotAuthenticated: lambda _: not_authenticated(),
    Invalid: lambda invalid: BadFields(invalid.fields),
    NotJson: lambda not_json: Problem(400, "not_json", shown(str(not_json))),
    PreconditionFailed: lambda _: Problem(412, "precondition_failed", "it is at another version than If-Match names"),
    KeyReused: lambda _: Problem(422, "key_reused", "the Idempotency-Key was used for another request"),
    NotStored: lambda _: not_stored("this can't be done at the moment; nothing was stored"),
    OutcomeNotKnown: lambda _: unknown(),
    AskTimeout: lambda _: unknown(),
    JournalUnavailable: lambda _: not_stored("the journal can't be used at the moment"),
    OutcomeUnknown: lambda _: unknown(),
    EventTooLarge: lambda _: Problem(413, "too_large", "this is more than can be stored at once"),
    web.HTTPRequestEntityTooLarge: lambda _: too_large(),
    web.RequestPayloadError: lambda _: Problem(400, "bad_body", "the body could not be read to its end"),
    ConnectionError: lambda _: Problem(400, "bad_body", "the connection ended within the body"),
    TooManyLogins: lambda _: not_stored("too many are logging in at the moment"),
}


def problem_of(reason: object) -> Problem | None:
    """Return the answer to a refusal, a failure or an exception; None for what nobody expected."""
    if isinstance(reason, Problem):
        return reason
    if isinstance(reason, Refused):
        return problem_of(reason.reason)
    for known in type(reason).__mro__:
        if known in _PROBLEMS:
            return _PROBLEMS[known](reason)
    return None
