"""What a handler gives back: status, body and its own headers. Only the edge makes an HTTP response of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Any

import msgspec

Headers = tuple[tuple[str, str], ...]

_encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, frozen=True):
    """An answer on its way out. A body is JSON unless the headers say otherwise.

    With a `stream`, the body is what that yields, piece by piece; the edge closes it whatever happens.
    """

    status: int
    body: bytes = b""
    headers: Headers = ()
    stream: AsyncGenerator[bytes, None] | None = None


NO_CONTENT = Reply(204)


def json_reply(value: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """Return the reply that shows a value."""
    return Reply(status, _encode(value), headers)


def list_reply(items: Iterable[bytes], headers: Headers = ()) -> Reply:
    """Return the reply that lists what is JSON already."""
    return Reply(200, b"[" + b",".join(items) + b"]", headers)
