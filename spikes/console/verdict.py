"""The verdict on the whole service: OK, DEGRADED or DOWN, why, and since when."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from spikes.console.inside import Inside


class Reason(msgspec.Struct, frozen=True):
    """One thing that is wrong, and since when in seconds since the epoch, as far as that is known."""

    text: str
    since: float | None = None


class Verdict(msgspec.Struct, frozen=True):
    """How the service does; `uptime` is that of the oldest process, in seconds."""

    level: Literal["OK", "DEGRADED", "DOWN"]
    reasons: tuple[Reason, ...]
    version: str
    uptime: float
    journal: str
    workers: int
    draining: int


def verdict_of(snapshots: Mapping[str, Any], inside: Inside) -> Verdict:
    """Return the verdict from what each process says of itself."""
    found = list(snapshots.values())
    problems = {
        f"{check['name']}: {check['problem']}": None for each in found for check in each["checks"] if check["problem"]
    }
    down = all(any(check["problem"] for check in each["checks"]) for each in found)
    return Verdict(
        level="DOWN" if down else "DEGRADED" if problems else "OK",
        reasons=tuple(map(Reason, problems)),
        version=inside.state.version,
        uptime=time.time() - min(each["started"] for each in found),
        journal=inside.settings.journal_shown,
        workers=len(found),
        draining=sum(each["draining"] for each in found),
    )
