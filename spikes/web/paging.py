"""Pages of lists: an opaque cursor, and the `Link` header that carries it to the next page."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlencode

import msgspec

from spikes.journal.port import Cursor
from spikes.web.parameters import Number, Opaque, bad_query
from spikes.web.reply import Headers

LIMIT = Number("limit", 1, 200, 50)
CURSOR = Opaque("cursor")
START = Number("start", 0, 2**53, 0)
COUNT = Number("count", 1, 200, 10)

SUM_BYTES = 6
_decode = msgspec.msgpack.Decoder(tuple[str | int | None, str]).decode


def write_cursor(listing: str, cursor: Cursor) -> str:
    """Return a cursor as text that only fits this list. The sum guards against mistakes: a cursor grants nothing."""
    content = msgspec.msgpack.encode((cursor.value, cursor.persistence_id))
    return urlsafe_b64encode(_sum(listing, content) + content).rstrip(b"=").decode()


def read_cursor(listing: str, text: str | None) -> Cursor | None:
    """Return the cursor that `write_cursor` wrote for this list; raises a 400 for any other text."""
    if text is None:
        return None
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = Cursor(*_decode(content[SUM_BYTES:]))
    except (ValueError, msgspec.MsgspecError):
        cursor = None
    if cursor is None or write_cursor(listing, cursor) != text:
        raise bad_query("cursor must be one that came with this list")
    return cursor


def next_page(path: str, **parameters: str | int | tuple[str, ...]) -> Headers:
    """Return the header that leads to the next page."""
    return (("Link", f'<{path}?{urlencode(parameters, doseq=True)}>; rel="next"'),)


def _sum(listing: str, content: bytes) -> bytes:
    key = hashlib.blake2s(listing.encode()).digest()
    return hashlib.blake2s(content, digest_size=SUM_BYTES, key=key).digest()
