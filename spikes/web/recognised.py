"""Tokens that were recognised a moment ago, so that a busy client doesn't cost a question to its user at each request.

An entry is used only while the user's entity is still at the version that answered (rule C6): a logout, a new password
or a removed account moves the version, in whatever process it happens, and the next request asks again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import msgspec

from spikes.actors.port import Views
from spikes.domain.principal import Principal

CAPACITY = 10_000
"""How many tokens are kept; the one that was recognised longest ago goes first."""


class Recognised(msgspec.Struct, frozen=True):
    """Whose token it is, the version of the user that said so, and until when that holds (milliseconds)."""

    principal: Principal
    persistence_id: str
    sequence_nr: int
    until: int


class RecognisedTokens:
    """Keyed by a digest of the header, so that no token is kept."""

    def __init__(self, views: Views, capacity: int = CAPACITY) -> None:
        self._views = views
        self._capacity = capacity
        self._entries: OrderedDict[bytes, Recognised] = OrderedDict()

    def find(self, header: str, now: int) -> Principal | None:
        """Return whose token it is, if that is still surely so."""
        digest = _digest(header)
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if now < entry.until and self._views.is_current(entry.persistence_id, entry.sequence_nr):
            return entry.principal
        del self._entries[digest]
        return None

    def remember(self, header: str, recognised: Recognised) -> None:
        """Keep what the user's entity has answered."""
        self._entries[_digest(header)] = recognised
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)


def _digest(header: str) -> bytes:
    return hashlib.sha256(header.encode(errors="surrogateescape")).digest()
