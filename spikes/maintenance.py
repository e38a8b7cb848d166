"""Rows made anew from the events: `spikes rebuild`, and what a service does in the background after an upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from spikes.journal.errors import JournalError
from spikes.journal.port import PAGE, EntityRow, Journal
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.codec import UndecodableEvent
from spikes.persistence.identity import PersistenceId
from spikes.persistence.rebuild import RowFold

log = structlog.get_logger(__name__)

Behavior = EventSourcedBehavior[Any, Any, Any]

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

    Safe beside a running service: a row that is newer by then stays (rule R2). An entity whose events can't be read
    is reported and left alone. `progress` is called with the report so far.
    """
    by_kind = {behavior.kind: behavior for behavior in behaviors}
    report, after = RebuildReport(), ""
    while ids := await journal.persistence_ids(after, BATCH):
        report = report.plus(await refold(journal, by_kind, ids))
        progress(report)
        after = ids[-1]
    return report


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
                return fold.row()
    except (UndecodableEvent, ValueError) as problem:
        return f"{persistence_id}: {problem}"


async def refold_old_rows(journal: Journal, behaviors: Sequence[Behavior]) -> int:
    """Make rows of older state versions anew (rule R3), while the service runs; return how many.

    Rows that can't be made stay and are logged once. A journal that fails ends the run; the next start goes on.
    """
    done = 0
    for behavior in behaviors:
        skipped: set[str] = set()
        while ids := await journal.stale_rows(behavior.kind, behavior.state_version, BATCH + len(skipped)):
            todo = [i for i in ids if i not in skipped]
            if not todo:
                break
            report = await refold(journal, {behavior.kind: behavior}, todo)
            for problem in report.problems:
                log.error("row_not_made", problem=problem)
            skipped.update(todo)
            done += report.differed
    return done


async def refold_in_background(journal: Journal, behaviors: Sequence[Behavior]) -> None:
    """Run `refold_old_rows` as a task of the service."""
    try:
        done = await refold_old_rows(journal, behaviors)
    except JournalError as problem:
        log.warning("refold_put_off", problem=str(problem))
    else:
        if done:
            log.info("refolded_old_rows", rows=done)
