"""What one process says of itself to the others, so that whichever of them answers can speak for all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import msgspec

from spikes.console.inside import Inside
from spikes.journal.errors import JournalError


class Check(msgspec.Struct, frozen=True):
    """One thing that a probe looks at. `problem` is empty if it is well."""

    name: str
    problem: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """One process. `started` is in seconds since the epoch; `checks` are those of readiness."""

    pid: int
    version: str
    started: float
    draining: bool
    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Whether it wants requests and can answer them."""
        return not any(check.problem for check in self.checks)


async def snapshot(inside: Inside, _: Mapping[str, str]) -> Snapshot:
    """Return how this process does; asks the journal."""
    state = inside.state
    checks = (
        Check("started", "" if state.recovered else "the journal is not open yet"),
        Check("serving", "the process is about to end" if state.draining else ""),
        Check("journal", await journal_problem(inside)),
    )
    return Snapshot(os.getpid(), state.version, inside.started, state.draining, checks)


async def journal_problem(inside: Inside) -> str:
    """Make a round trip to the journal; return what is wrong with it, "" if nothing is."""
    seconds = inside.settings.ask_timeout
    try:
        async with asyncio.timeout(seconds):
            await inside.journal.ping()
    except TimeoutError:
        return f"the journal does not answer within {seconds:g} s"
    except JournalError as problem:
        return f"the journal does not answer: {problem}"
    return ""
