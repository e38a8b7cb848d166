"""Password hashes by argon2id, made in few threads with a bounded queue: a flood of logins can't stop other traffic."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

R = TypeVar("R")

SALT_BYTES, HASH_BYTES = 16, 32


class PasswordCost(msgspec.Struct, frozen=True):
    """What one hash costs: the second recommendation of RFC 9106, for where memory is scarce."""

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


class TooManyLogins(Exception):
    """So many passwords wait to be hashed that this one would wait too long."""


class Passwords:
    """Hashes and verifies passwords off the loop.

    At most `places` run or wait; one more raises TooManyLogins at once. `close` waits for those that run.
    """

    def __init__(self, cost: PasswordCost | None = None, workers: int | None = None, places: int = 24) -> None:
        cost = cost or PasswordCost()
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes, HASH_BYTES, SALT_BYTES)
        self._nobodys = _hash_of_no_password(cost)
        self._executor = ThreadPoolExecutor(workers or _workers(), "password", initializer=_give_way)
        self._places = places
        self._taken = 0

    async def hash(self, password: str) -> str:
        """Return a salted hash in argon2's own notation."""
        return await self._run(self._hasher.hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the hash is of this password; without a hash (nobody) it takes as long, and is False."""
        return await self._run(self._verify, password_hash or self._nobodys, password)

    def close(self) -> None:
        """Refuse new work and forget what waits."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[..., R], *arguments: Any) -> R:
        if self._taken >= self._places:
            raise TooManyLogins
        self._taken += 1
        running = asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)
        running.add_done_callback(self._leave)
        return await asyncio.shield(running)  # who no longer waits still takes a place until the thread is free

    def _leave(self, _: Any) -> None:
        self._taken -= 1

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _workers() -> int:
    return max(1, (os.cpu_count() or 1) // 2)


def _hash_of_no_password(cost: PasswordCost) -> str:
    """Return a well-formed hash that nothing matches, at the present cost."""
    salt, digest = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"


def _give_way() -> None:
    """Let the event loop's thread go first: on Linux every thread has a niceness of its own, lanes inherit it."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
