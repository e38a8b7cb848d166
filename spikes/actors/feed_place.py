"""Where a listener stands in the feed: the opaque id of an event, which is a position in one journal."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

SUM_BYTES = 6
LONGEST = 16
"""The longest id ever made, in bytes before it is made text; positions have up to eight."""


def write_place(journal: str, position: int) -> str:
    """Return the id of a position. The sum guards against mistakes, another journal's ids above all."""
    content = position.to_bytes((position.bit_length() + 7) // 8 or 1, "big")
    return urlsafe_b64encode(_sum(journal, content) + content).rstrip(b"=").decode()


def read_place(journal: str, text: str) -> int | None:
    """Return the position that `write_place` wrote for this journal, None for any other text."""
    if len(text) > 2 * LONGEST:
        return None
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))[SUM_BYTES:]
    except ValueError:
        return None
    position = int.from_bytes(content, "big")
    return position if write_place(journal, position) == text else None


def _sum(journal: str, content: bytes) -> bytes:
    return hashlib.blake2s(content, digest_size=SUM_BYTES, key=journal.encode()[:32], person=b"feed").digest()
