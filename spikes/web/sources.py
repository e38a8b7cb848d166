"""Where time and chance come from: one small struct, so that a test can decide both."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable

import msgspec

from spikes.domain.tsid import TsidFactory


class Sources(msgspec.Struct, frozen=True):
    """`now` is milliseconds since the epoch, `monotonic` seconds, `random` that many unpredictable bytes."""

    now: Callable[[], int]
    monotonic: Callable[[], float]
    random: Callable[[int], bytes]
    ids: TsidFactory

    @classmethod
    def of_this_machine(cls) -> Sources:
        """Return the real clock and the operating system's randomness."""
        return cls(_now, time.monotonic, secrets.token_bytes, TsidFactory(_now, random.Random().getrandbits))


def _now() -> int:
    return time.time_ns() // 1_000_000
