"""Tokens that were recognised a moment ago, so that a busy client doesn't cost a question to its user at each request.

An entry is used only while the user's entity is still at the version that answered (rule C6): a logout, a new password
or a removed account moves the version, in whatever process it happens, and the next request asks again. Where only a
round trip could tell whether another process has moved it, an entry is believed for `BELIEVED` seconds (rule K10).
While one request asks, others with the same token wait for what it learns, if that is good enough for them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from spikes.actors.port import AskTimeout, Views
from spikes.domain.principal import Principal

CAPACITY = 10_000
"""How many tokens are kept; the one that was recognised longest ago goes first."""

BELIEVED = 0.5
"""Seconds after which a user is asked again on a journal that can't tell at once what others have stored."""


class Recognised(msgspec.Struct, frozen=True):
    """Whose token it is, the version of the user that said so, and until when that holds (milliseconds).

    `asked` is when the user was asked, in seconds of a monotonic clock.
    """

    principal: Principal
    persistence_id: str
    sequence_nr: int
    until: int
    asked: float


class Question:
    """One that is being asked about a token."""

    __slots__ = ("over", "timed_out")

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.timed_out: AskTimeout | None = None


class RecognisedTokens:
    """Keyed by a digest of the header, so that no token is kept."""

    def __init__(self, views: Views, capacity: int = CAPACITY) -> None:
        self._views = views
        self._capacity = capacity
        self._entries: OrderedDict[bytes, Recognised] = OrderedDict()
        self._asking: dict[bytes, Question] = {}

    def find(self, header: str, now: int, monotonic: float) -> Principal | None:
        """Return whose token it is, if that is still so."""
        digest = _digest(header)
        entry = self._entries.get(digest)
        if entry is None:
            return None
        current = self._views.is_current(entry.persistence_id, entry.sequence_nr)
        if current is None:
            current = monotonic - entry.asked < BELIEVED
        if now < entry.until and current:
            return entry.principal
        del self._entries[digest]
        return None

    @contextmanager
    def asking(self, header: str) -> Iterator[None]:
        """Note that whose token this is, is being asked."""
        digest, question = _digest(header), Question()
        self._asking[digest] = question
        try:
            yield
        except AskTimeout as problem:
            question.timed_out = problem
            raise
        finally:
            question.over.set()
            if self._asking.get(digest) is question:
                del self._asking[digest]

    async def asked(self, header: str) -> bool:
        """Wait for the answer if somebody is asking; False if nobody is. Look with `find` whether it is of use.

        Raises AskTimeout if none came in time: who waited for it does not wait as long once more.
        """
        question = self._asking.get(_digest(header))
        if question is None:
            return False
        await question.over.wait()
        if question.timed_out is not None:
            raise AskTimeout(str(question.timed_out))
        return True

    def remember(self, header: str, recognised: Recognised) -> None:
        """Keep what the user's entity has answered."""
        self._entries[_digest(header)] = recognised
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)


def _digest(header: str) -> bytes:
    return hashlib.sha256(header.encode(errors="surrogateescape")).digest()
