"""Idempotency keys: what was asked twice under one key is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from spikes.journal.port import CommandKey
from spikes.web.errors import RETRY_SOON, Problem

HEADER = "Idempotency-Key"
LONGEST_KEY = 128
REPLAYED = ("Idempotency-Replayed", "true")

_encode = msgspec.json.Encoder().encode


def command_key(key: str | None, scope: tuple[str, str, str], asked: object) -> CommandKey | None:
    """Return the command id of a client's key within its scope (principal, method, route), and what was asked with it.

    `asked` holds no secrets: its hash is stored. Raises a 400 for a key that is not 1 to 128 ASCII characters.
    """
    if key is None:
        return None
    if not (key.isascii() and 1 <= len(key) <= LONGEST_KEY):
        raise Problem(400, "bad_header", f"{HEADER} must be 1 to {LONGEST_KEY} ASCII characters")
    command_id = hashlib.sha256("\0".join((*scope, key)).encode("utf-8", "surrogatepass")).hexdigest()
    return CommandKey(command_id, hashlib.sha256(_encode(asked)).digest())


class InFlight:
    """The keys of commands that this process is carrying out; the journal judges between processes."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    @contextmanager
    def only(self, key: CommandKey | None) -> Iterator[CommandKey | None]:
        """Hold a key for as long as its command runs; raises a 409 if it is held already."""
        if key is None:
            yield None
            return
        if key.id in self._ids:
            raise Problem(409, "in_progress", f"the first request with this {HEADER} still runs", RETRY_SOON)
        self._ids.add(key.id)
        try:
            yield key
        finally:
            self._ids.discard(key.id)
