"""Looks every few seconds whether this process does well, and remembers since when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import msgspec
from aiohttp import web

from spikes.journal.errors import JournalError
from spikes.journal.port import Journal
from spikes.telemetry import Telemetry, here
from spikes.telemetry.history import Sample

INTERVAL = 5.0
"""Seconds between two looks."""

LOOKED_BACK = 60.0
"""Seconds whose samples are judged."""

LAG, APPEND, FAILED, WAITING = 0.25, 0.5, 0.01, 1000
"""What is too much: seconds of loop lag, seconds of an append (p95), the share of 5xx answers, messages that wait."""

FRESH = 600.0
"""For how many seconds an event that can't be read, or a message that an actor failed on, is spoken of."""

SERIOUS = {"undecodable_event": "an event can't be decoded", "poison_message": "an actor failed on a message"}


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong now. `down` says that the process can't serve for it."""

    name: str
    text: str
    down: bool = False


class Reason(msgspec.Struct, frozen=True):
    """A finding, and since when it is so, in seconds since the epoch."""

    name: str
    text: str
    down: bool
    since: float


class Watch:
    """What is wrong with this process at the moment."""

    def __init__(
        self, journal: Journal, patience: float, telemetry: Telemetry = here, now: Callable[[], float] = time.time
    ) -> None:
        """`patience` is how many seconds the journal has to answer."""
        self._journal = journal
        self._patience = patience
        self._telemetry = telemetry
        self._now = now
        self._reasons: dict[str, Reason] = {}

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What was found at the last look."""
        return tuple(self._reasons.values())

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        """Look again and again for as long as an application runs."""
        await self.look()
        task = asyncio.create_task(self._look_on())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        problem = await journal_problem(self._journal, self._patience)
        found = [Finding("journal", problem, down=True)] if problem else []
        samples = tuple(self._telemetry.history.samples)
        found += [*judged(samples, self._now() - LOOKED_BACK), *self._serious()]
        self._reasons = {each.name: self._since(each) for each in found}

    def _since(self, found: Finding) -> Reason:
        known = self._reasons.get(found.name)
        return Reason(found.name, found.text, found.down, known.since if known else self._now())

    def _serious(self) -> Iterator[Finding]:
        oldest = (self._now() - FRESH) * 1000
        for kind, text in SERIOUS.items():
            groups = [each for each in self._telemetry.errors.groups() if each.kind == kind and each.last >= oldest]
            if groups:
                yield Finding(kind, f"{text}, {sum(each.count for each in groups)} times; see the error inbox")


def judged(samples: Sequence[Sample], oldest: float) -> Iterator[Finding]:
    """Yield what is too much in the samples since a time."""
    recent = [sample for sample in samples if sample.at >= oldest]
    requests = sum(sample.requests_per_second for sample in recent)
    failed = sum(sample.errors_per_second for sample in recent)
    if failed > FAILED * requests:
        yield Finding("errors", f"{failed / requests:.1%} of the requests of the last minute failed with 5xx")
    lag = max((sample.loop_lag_seconds or 0.0 for sample in recent), default=0.0)
    if lag > LAG:
        yield Finding("loop", f"the event loop was up to {lag * 1000:.0f} ms late in the last minute")
    append = max((sample.append_seconds or 0.0 for sample in recent), default=0.0)
    if append > APPEND:
        yield Finding("append", f"appends took up to {append * 1000:.0f} ms (p95) in the last minute")
    if recent and recent[-1].mailbox_messages > WAITING:
        yield Finding("mailbox", f"{recent[-1].mailbox_messages:,.0f} messages wait for actors")


async def journal_problem(journal: Journal, seconds: float) -> str:
    """Make a round trip to the journal; return what is wrong with it, "" if nothing is."""
    try:
        async with asyncio.timeout(seconds):
            await journal.ping()
    except TimeoutError:
        return f"the journal does not answer within {seconds:g} s"
    except JournalError as problem:
        return f"the journal does not answer: {problem}"
    return ""
