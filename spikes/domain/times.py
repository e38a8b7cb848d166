"""Times as milliseconds since the epoch, and as RFC 3339 text with a `Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MILLISECOND = timedelta(milliseconds=1)

EARLIEST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MILLISECOND
"""The first moment of the year 1."""

LATEST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MILLISECOND
"""The last millisecond of the year 9999."""

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?"
)


def to_rfc3339(moment: int) -> str:
    """Return `2026-11-23T10:00:00.000Z` for a time in milliseconds; raises OverflowError beyond the year 9999."""
    return f"{_to_the_second(moment // 1000)}.{moment % 1000:03}Z"


@lru_cache(maxsize=4096)
def _to_the_second(second: int) -> str:
    """Most times that are shown were shown before, or are a few milliseconds from one that was."""
    return (EPOCH + timedelta(seconds=second)).isoformat()[:19]


def from_rfc3339(text: str) -> int:
    """Return the milliseconds of an RFC 3339 time; what is finer is dropped. Raises ValueError.

    Without a zone it is UTC. Seconds may be left out; a leap second is refused, since there is no number for it.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    zone = _zone(sign, hours, minutes)
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=zone)
    result = (moment - EPOCH) // MILLISECOND + int((fraction or "").ljust(3, "0")[:3])
    if not EARLIEST <= result <= LATEST:
        raise ValueError(f"beyond the years 1 to 9999 in UTC: {text!r}")
    return result


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None or hours is None or minutes is None:
        return UTC
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(f"not an offset from UTC: {sign}{hours}:{minutes}")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(offset if sign == "+" else -offset)
