"""How long a journal takes, whichever it is: its calls are passed on and timed, so that no plugin has to do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, cast

from spikes import telemetry
from spikes.journal.errors import ClaimTaken, DuplicateCommand, SequenceConflict
from spikes.journal.port import Append, Appended, Journal
from spikes.telemetry import metrics, tracing
from spikes.telemetry.requests import EventSeen

READS = (
    *("check_current", "load", "events", "holder", "command", "query", "count", "total", "stream", "head", "listed"),
    *("term_counts", "streams", "persistence_ids", "stale_rows", "statistics"),
)
"""The calls that count as reads; each is a value of the label `operation`."""


def measured(journal: Journal, plugin: str) -> Journal:
    """Return the journal with its reads and appends timed under the name of its plugin."""
    return cast(Journal, Measured(journal, plugin))


class Measured:
    """Passes everything on. `is_current`, which each command asks, is the journal's own."""

    def __init__(self, journal: Journal, plugin: str) -> None:
        self._journal = journal
        self._plugin = plugin
        self._append = journal.append
        self._append_seconds = metrics.APPEND_SECONDS.child(plugin)
        self.is_current = journal.is_current
        for name in READS:
            setattr(self, name, _timed(getattr(journal, name), metrics.READ_SECONDS.child(plugin, name).observe))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def append(self, append: Append) -> Appended:
        """See `Journal.append`. What was stored for a request can be found by its id."""
        if not append.events:  # the journal says what is wrong with that
            return await self._append(append)
        metadata, failed = append.events[0].metadata, True
        step = tracing.now and tracing.now.append(
            append.persistence_id, self._plugin, len(append.events), metadata.traceparent
        )
        started = perf_counter()
        try:
            appended = await self._append(append)
            failed = False
        except (SequenceConflict, ClaimTaken, DuplicateCommand):
            failed = False
            raise
        finally:
            self._append_seconds.observe(perf_counter() - started)
            if step:
                step.end(failed=failed)
        if metadata.request_id is not None:
            note, place = telemetry.here.requests.note, append.persistence_id
            for event in append.events:
                note(EventSeen(metadata.request_id, metadata.time, place, event.sequence_nr, event.type))
        return appended


def _timed(call: Callable[..., Awaitable[Any]], observe: Callable[[float], None]) -> Callable[..., Awaitable[Any]]:
    async def timed(*arguments: Any, **named: Any) -> Any:
        started = perf_counter()
        try:
            return await call(*arguments, **named)
        finally:
            observe(perf_counter() - started)

    return timed
