"""What one process says of itself, and what that makes of all: checks for the probes, the verdict for people."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from spikes.console.inside import Inside
from spikes.console.peers import Answers
from spikes.console.watch import Reason, journal_problem


class Check(msgspec.Struct, frozen=True):
    """One thing that a probe looks at. `problem` is empty if it is well."""

    name: str
    problem: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """One process; `started` is in seconds since the epoch."""

    pid: int
    version: str
    started: float
    draining: bool
    reasons: tuple[Reason, ...]


class Verdict(msgspec.Struct, frozen=True):
    """How the service does; `uptime` is that of the oldest process, in seconds, `since` when the first reason came."""

    level: Literal["OK", "DEGRADED", "DOWN"]
    reasons: tuple[Reason, ...]
    since: float | None
    version: str
    uptime: float
    journal: str
    workers: int
    draining: int


async def checks(inside: Inside, _: Mapping[str, str]) -> tuple[Check, ...]:
    """Return the checks of readiness; asks the journal."""
    state = inside.state
    return (
        Check("started", "" if state.recovered else "the journal is not open yet"),
        Check("serving", "the process is about to end" if state.draining else ""),
        Check("journal", await journal_problem(inside.journal, inside.settings.ask_timeout)),
    )


async def snapshot(inside: Inside, _: Mapping[str, str]) -> Snapshot:
    """Return how this process does, as it was seen last."""
    state = inside.state
    return Snapshot(os.getpid(), state.version, inside.started, state.draining, inside.watch.reasons)


def verdict_of(answers: Answers, inside: Inside) -> Verdict:
    """Return the verdict from what each process says of itself."""
    found = [msgspec.convert(answer, Snapshot) for answer in answers.values()]
    serving = [each for each in found if not each.draining]
    down = all(any(reason.down for reason in each.reasons) for each in serving)
    reasons = tuple(_merged(each.reasons for each in found)) + tuple(_silent(answers)) + tuple(_ending(found, serving))
    return Verdict(
        level="DOWN" if down else "DEGRADED" if reasons else "OK",
        reasons=reasons,
        since=min((reason.since for reason in reasons), default=None),
        version=inside.state.version,
        uptime=time.time() - min(each.started for each in found),
        journal=inside.settings.journal_shown,
        workers=len(found),
        draining=len(found) - len(serving),
    )


def _merged(each: Iterable[tuple[Reason, ...]]) -> list[Reason]:
    """Return each reason once, as the process tells it that has had it longest."""
    oldest: dict[str, Reason] = {}
    for reasons in each:
        for reason in reasons:
            known = oldest.get(reason.name)
            if known is None or reason.since < known.since:
                oldest[reason.name] = reason
    return list(oldest.values())


def _silent(answers: Answers) -> list[Reason]:
    return [
        Reason(f"worker {pid}", f"worker {pid} does not answer", False, since) for pid, since in answers.silent.items()
    ]


def _ending(found: list[Snapshot], serving: list[Snapshot]) -> list[Reason]:
    """Return that all processes end; that one does while others serve is no more than a replacement."""
    return [] if serving else [Reason("draining", "the service is about to end", True, time.time())]
