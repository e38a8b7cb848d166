"""Time-sorted ids (TSID): 42 bits of milliseconds since 2020 and 22 random bits, as 13 characters of Crockford base 32.

The text sorts as the number does, so ids sort by creation.
"""

from __future__ import annotations

import re
from collections.abc import Callable

EPOCH_2020 = 1_577_836_800_000
"""2020-01-01T00:00:00Z in milliseconds since 1970."""

RANDOM_BITS = 22
TIME_BITS = 42
LENGTH = 13
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

TSID_PATTERN = "[0-9A-Fa-f][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{12}"
"""What an id looks like, in either case."""

_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_FORM = re.compile(TSID_PATTERN)


class TsidFactory:
    """Makes ids that only ever grow, whatever the clock does; one per process.

    `clock` gives milliseconds since 1970, `randbits(n)` n random bits. Both come in, so that a run can be repeated.
    """

    def __init__(self, clock: Callable[[], int], randbits: Callable[[int], int]) -> None:
        self._clock = clock
        self._randbits = randbits
        self._last = -1

    def next(self) -> str:
        """Return an id greater than any before; raises ValueError for a clock before 2020 or after 2159."""
        time = self._clock() - EPOCH_2020
        if not 0 <= time < 1 << TIME_BITS:
            raise ValueError(f"an id needs a time from 2020 to 2159, not {time + EPOCH_2020} ms since 1970")
        drawn = time << RANDOM_BITS | self._randbits(RANDOM_BITS)
        self._last = max(drawn, self._last + 1)
        return _encode(self._last)


def is_tsid(text: str) -> bool:
    """Tell whether this is an id, in either case."""
    return _FORM.fullmatch(text) is not None


def parse_tsid(text: str) -> str:
    """Return the id in upper case, the only form that is stored; raises ValueError for anything else."""
    if not is_tsid(text):
        raise ValueError(f"not a TSID: {text!r}")
    return text.upper()


def tsid_time(tsid: str) -> int:
    """Return when an id was made, in milliseconds since 1970; raises ValueError."""
    number = 0
    for character in parse_tsid(tsid):
        number = number << 5 | _VALUES[character]
    return (number >> RANDOM_BITS) + EPOCH_2020


def _encode(number: int) -> str:
    """Write the number, most of it two characters at a time."""
    pairs = [_PAIRS[number >> shift & 1023] for shift in range(10 * (LENGTH // 2 - 1), -1, -10)]
    return ALPHABET[number >> 10 * (LENGTH // 2)] + "".join(pairs)
