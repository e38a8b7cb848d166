"""`spikes migrate`, `verify`, `rebuild`, `events`: looking after a journal, beside a running service or without one."""

from __future__ import annotations

import base64
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from spikes import __version__
from spikes.bootstrap import BEHAVIORS, credentials_of, open_store
from spikes.domain.times import to_rfc3339
from spikes.exits import Exit
from spikes.journal.errors import JournalUnusable
from spikes.journal.port import PAGE, Journal, StoredEvent
from spikes.maintenance import rebuild
from spikes.persistence.identity import PersistenceId
from spikes.settings import SettingError, Settings


async def migrate(settings: Settings) -> int:
    """Make what the journal needs, or bring it up to this release. Raises JournalUnusable."""
    refuse_memory(settings.journal)
    journal = await open_store(settings.journal, credentials_of(settings), migrate=True)
    await journal.close()
    print(f"{settings.journal_shown} is ready for release {__version__}", file=sys.stderr)
    return Exit.OK


async def verify(settings: Settings) -> int:
    """Print what is damaged, one finding a line; `Exit.PROBLEMS` if anything is."""
    async with existing_journal(settings) as journal:
        with working("verifying"):
            found = await journal.verify()
    for finding in found:
        print(finding)
    print(f"{len(found)} problems found" if found else "no problems found", file=sys.stderr)
    return Exit.PROBLEMS if found else Exit.OK


async def rebuild_rows(settings: Settings) -> int:
    """Make all rows anew; print how many differed, and which entities' events can't be read (`Exit.PROBLEMS`)."""
    async with existing_journal(settings) as journal:
        total = (await journal.statistics()).events
        with working("rebuilding", total) as bar:
            report = await rebuild(journal, BEHAVIORS, lambda report: bar.show(report.events))
    for problem in report.problems:
        print(problem, file=sys.stderr)
    print(f"{report.entities} entities, {report.events} events, {report.differed} rows differed")
    return Exit.PROBLEMS if report.problems else Exit.OK


async def events(settings: Settings, persistence_id: str) -> int:
    """Print a stream as JSON lines; `Exit.PROBLEMS` if it has no events. Raises SettingError for an impossible id."""
    try:
        PersistenceId.parse(persistence_id)
    except ValueError as problem:
        raise SettingError(f"{problem}; it must be like 'note|0N2ZBXJ5C4V7K'") from None
    last = 0
    async with existing_journal(settings) as journal:
        while page := await journal.events(persistence_id, last, PAGE):
            sys.stdout.writelines(f"{as_json(event)}\n" for event in page)
            sys.stdout.flush()
            last = page[-1].sequence_nr
    if not last:
        print(f"spikes: {persistence_id} has no events", file=sys.stderr)
    return Exit.OK if last else Exit.PROBLEMS


def as_json(event: StoredEvent) -> str:
    """Return one event as one line; a payload that is not plain JSON is shown in base 64."""
    payload: Any = msgspec.Raw(event.payload)
    if event.encoding:
        payload = {"encoding": event.encoding, "base64": base64.b64encode(event.payload).decode()}
    line = {
        "sequence_nr": event.sequence_nr,
        "type": event.type,
        "time": to_rfc3339(event.metadata.time),
        "who": event.metadata.principal,
        "metadata": event.metadata,
        "payload": payload,
    }
    return msgspec.json.encode(line).decode()


@asynccontextmanager
async def existing_journal(settings: Settings) -> AsyncIterator[Journal]:
    """Open a journal that is there already, and close it again. Raises JournalUnusable."""
    refuse_missing(settings.journal)
    journal = await open_store(settings.journal, credentials_of(settings))
    try:
        yield journal
    finally:
        await journal.close()


def refuse_missing(journal: str) -> None:
    """Raise JournalUnusable where opening would make a new, empty journal: there is nothing to look after."""
    refuse_memory(journal)
    path = journal.removeprefix("sqlite:///")
    if path != journal and not Path(path).exists():
        raise JournalUnusable(f"there is no journal at {path}; name another by --journal, or make one by spikes serve")


def refuse_memory(journal: str) -> None:
    """Raise JournalUnusable for a journal that ends with this command."""
    if journal == "memory:":
        raise JournalUnusable(
            "memory: ends with its process; name a journal that is kept, like sqlite:///data/spikes.db"
        )


class Bar:
    """What shows the progress of a long command; this one shows nothing."""

    def show(self, done: int, total: int | None = None) -> None:
        """Show how many events are done; `total` is how many there are, where that was not known at the start."""


@contextmanager
def working(what: str, total: int | None = None) -> Iterator[Bar]:
    """Show on a terminal that, and with a `total` how far, something is going on."""
    if not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)

        class Shown(Bar):
            def show(self, done: int, total: int | None = None) -> None:
                progress.update(task, completed=done, total=total)

        yield Shown()
