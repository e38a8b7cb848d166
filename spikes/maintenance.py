"""Rows made anew from the events: `spikes rebuild`, and what a service does in the background after an upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
import structlog

from spikes.journal.errors import JournalError
from spikes.journal.port import PAGE, EntityRow, Journal, StoredEvent
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.codec import UndecodableEvent
from spikes.persistence.identity import PersistenceId
from spikes.persistence.rebuild import RowFold

log = structlog.get_logger(__name__)

Behavior = EventSourcedBehavior[Any, Any, Any]

SWEEP_EVERY = 5.0
"""Seconds between two looks for what a crash has left half done."""

BATCH = 256
"""How many entities are folded and written in one go."""


class RebuildReport(msgspec.Struct, frozen=True):
    """How many entities and events were folded, how many rows differed from what was stored, and what could not be."""

    entities: int = 0
    events: int = 0
    differed: int = 0
    problems: tuple[str, ...] = ()

    def plus(self, other: RebuildReport) -> RebuildReport:
        """Return both together."""
        return RebuildReport(
            self.entities + other.entities,
            self.events + other.events,
            self.differed + other.differed,
            self.problems + other.problems,
        )


async def rebuild(
    journal: Journal,
    behaviors: Sequence[Behavior],
    progress: Callable[[RebuildReport], None] = lambda report: None,
) -> RebuildReport:
    """Recompute every entity row from the events; on a healthy store none differs.

    Safe beside a running service: a row that is newer by then stays (rule R2); one that just follows its events, as
    rows on Cassandra do, may count as different. An entity whose events can't be read
    is reported and left alone. `progress` is called with the report so far.
    """
    folding = Folding(behaviors)
    report, after = RebuildReport(), ("", 0)
    while page := await journal.streams(after):
        for persistence_id, events in groupby(page, key=attrgetter("persistence_id")):
            folding.add(persistence_id, [each.event for each in events])
        after = page[-1].persistence_id, page[-1].event.sequence_nr
        report = report.plus(await folding.write(journal))
        progress(report)
    folding.end()
    report = report.plus(await folding.write(journal))
    progress(report)
    return report


class Folding:
    """Folds streams that come one after another, in pieces; keeps the rows of those that have ended until written."""

    def __init__(self, behaviors: Sequence[Behavior]) -> None:
        self._behaviors = {behavior.kind: behavior for behavior in behaviors}
        self._open: RowFold[Any] | None = None
        self._open_id = ""
        self._rows: list[EntityRow] = []
        self._problems: list[str] = []

    def add(self, persistence_id: str, events: Sequence[StoredEvent]) -> None:
        """Take the events that follow; those of a kind without a behaviour are passed over."""
        if persistence_id != self._open_id:
            self.end()
            behavior = self._behaviors.get(PersistenceId.parse(persistence_id).kind)
            self._open_id = persistence_id
            self._open = RowFold(behavior, persistence_id) if behavior else None
        if self._open is not None:
            self._fold(self._open, events)

    def end(self) -> None:
        """Take the stream that is open as complete."""
        if self._open is not None:
            row = _row(self._open, self._open_id)
            if isinstance(row, EntityRow):
                self._rows.append(row)
            else:
                self._problems.append(row)
        self._open = None

    async def write(self, journal: Journal) -> RebuildReport:
        """Write the rows of the streams that have ended."""
        rows, self._rows = self._rows, []
        problems, self._problems = self._problems, []
        differed = 0
        for start in range(0, len(rows), BATCH):
            differed += await journal.replace_rows(rows[start : start + BATCH])
        events = sum(row.sequence_nr for row in rows)
        return RebuildReport(len(rows) + len(problems), events, differed, tuple(problems))

    def _fold(self, fold: RowFold[Any], events: Sequence[StoredEvent]) -> None:
        try:
            fold.add(events)
        except (UndecodableEvent, ValueError) as problem:
            self._problems.append(f"{self._open_id}: {problem}")
            self._open = None


async def refold(journal: Journal, behaviors: Mapping[str, Behavior], ids: Sequence[str]) -> RebuildReport:
    """Fold these entities from their events and write their rows."""
    known = [(behaviors[kind], i) for i in ids if (kind := PersistenceId.parse(i).kind) in behaviors]
    folded = await asyncio.gather(*(_fold(journal, behavior, i) for behavior, i in known))
    rows = [row for row in folded if isinstance(row, EntityRow)]
    problems = tuple(problem for problem in folded if isinstance(problem, str))
    events = sum(row.sequence_nr for row in rows)
    return RebuildReport(len(known), events, await journal.replace_rows(rows), problems)


async def _fold(journal: Journal, behavior: Behavior, persistence_id: str) -> EntityRow | str:
    fold = RowFold(behavior, persistence_id)
    try:
        while True:
            events = await journal.events(persistence_id, fold.folded.sequence_nr)
            fold.add(events)
            if len(events) < PAGE:
                return _row(fold, persistence_id)
    except (UndecodableEvent, ValueError) as problem:
        return f"{persistence_id}: {problem}"


def _row(fold: RowFold[Any], persistence_id: str) -> EntityRow | str:
    """Return the row, or why there can be none: a bug in what is made of one state must not hold up all the others."""
    try:
        return fold.row()
    except Exception as problem:
        log.exception("row_not_made", persistence_id=persistence_id)
        return f"{persistence_id}: {problem!r}"


async def refold_old_rows(journal: Journal, behaviors: Sequence[Behavior]) -> int:
    """Make rows of older state versions anew (rule R3), while the service runs; return how many.

    Rows that can't be made stay and are logged once. A journal that fails ends the run; the next start goes on.
    """
    done = 0
    for behavior in behaviors:
        tried: list[str] = []
        stuck: set[str] = set()
        while ids := await journal.stale_rows(behavior.kind, behavior.state_version, 2 * BATCH + len(stuck)):
            stuck.update(set(tried).intersection(ids))  # ids come in order: what was not made comes again at once
            tried = [i for i in ids if i not in stuck][:BATCH]
            if not tried:
                break
            report = await refold(journal, {behavior.kind: behavior}, tried)
            for problem in report.problems:
                log.error("row_not_made", problem=problem)
            done += report.differed
    return done


async def sweep_in_background(journal: Journal, behaviors: Sequence[Behavior]) -> None:
    """Finish what crashes left half done (rule K6), as a task of the service, for as long as it runs."""
    by_kind = {behavior.kind: behavior for behavior in behaviors}

    async def row_of(persistence_id: str) -> EntityRow | None:
        behavior = by_kind.get(PersistenceId.parse(persistence_id).kind)
        row = None if behavior is None else await _fold(journal, behavior, persistence_id)
        return row if isinstance(row, EntityRow) else None

    while True:
        try:
            await journal.sweep(row_of)
        except JournalError as problem:
            log.warning("sweep_put_off", problem=str(problem))
        except Exception:
            log.exception("sweep_broke")
        await asyncio.sleep(SWEEP_EVERY)


async def refold_in_background(journal: Journal, behaviors: Sequence[Behavior]) -> None:
    """Run `refold_old_rows` as a task of the service, whose end nothing that goes wrong here may disturb."""
    try:
        done = await refold_old_rows(journal, behaviors)
    except JournalError as problem:
        log.warning("refold_put_off", problem=str(problem))
    except Exception:
        log.exception("refold_broke")
    else:
        if done:
            log.info("refolded_old_rows", rows=done)
