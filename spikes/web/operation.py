"""What the documentation says of a route: all that its types, its parameters and its path don't say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import field

from spikes.domain.validation import Request

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
ENTITY_TAGS = r'^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$'


class Header(msgspec.Struct, frozen=True):
    """A header of requests or answers; `schema` is JSON Schema. An answer's `always` one is never left out."""

    name: str
    text: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    always: bool = False


class Link(msgspec.Struct, frozen=True):
    """How an answer leads to another operation: its parameters and body as OpenAPI's runtime expressions."""

    operation: str
    parameters: Mapping[str, str] = {}
    body: Any = None


class Answer(msgspec.Struct, frozen=True):
    """A success. `type` is what the body is made of, None without one."""

    status: int
    type: Any
    text: str
    headers: tuple[Header, ...] = ()
    media: str = JSON
    links: tuple[Link, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One route as a reader of the documentation needs it.

    `id` is unique and becomes a function's name in generated clients. `request` is the type that the handler decodes
    the body with, sent as `media`; `body` describes one that is no such type, by media type. `errors` says when a
    status comes that doesn't follow from the rest: 400, 401, 404 of a path with an id, and those of `headers` do.
    `example` is a body that works; a test sends it. Where it is the same `for_all`, a token changes nothing.
    """

    id: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    text: str = ""
    request: type[Request] | None = None
    media: str = JSON
    body: Mapping[str, Mapping[str, Any]] = {}
    may_be_empty: bool = False
    for_all: bool = False
    headers: tuple[Header, ...] = ()
    errors: Mapping[int, str] = {}
    example: Any = None


IF_MATCH = Header(
    "If-Match",
    "Change it only if it is at this version: the `ETag` that came with it. Otherwise 412.",
    {"type": "string", "pattern": ENTITY_TAGS},
)
IF_NONE_MATCH = Header(
    "If-None-Match",
    "The `ETag` that is known already: if it is still right, the answer is a 304 without a body.",
    {"type": "string", "pattern": ENTITY_TAGS},
)
IF_NEW = Header(
    "If-None-Match",
    "`*`: write the note under this id, if that is not taken. Otherwise 412.",
    {"const": "*"},
)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "A name of your own for this request, for example a UUID. Sent again within 24 hours, the same request with the "
    "same key is not done again but answered as the first time, with `Idempotency-Replayed: true`.",
    {"type": "string", "pattern": "^[!-~]{1,128}$"},
)

ETAG = Header("ETag", "The version, for `If-Match` and `If-None-Match`.", {"type": "string"}, always=True)
LOCATION = Header("Location", "The path of what was made.", {"type": "string", "format": "uri-reference"}, always=True)
NEXT = Header("Link", 'Where the list goes on: `<path>; rel="next"`. Missing on the last page.')
REPLAYED = Header("Idempotency-Replayed", "There if this answer was given before.", {"const": "true"})
