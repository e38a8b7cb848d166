"""`spikes backup`: the file of events copied while a service uses it."""

from __future__ import annotations

import sys
from pathlib import Path

from spikes.cli.store import refuse_missing, working
from spikes.exits import Exit
from spikes.journal.errors import JournalUnusable
from spikes.settings import SettingError, Settings


def backup(settings: Settings, target: str) -> int:
    """Copy the journal to a new file; `Exit.PROBLEMS`, and no file, if it is damaged.

    Raises JournalUnusable for a journal that is no file, SettingError for a target that is there or can't be written.
    """
    refuse_missing(settings.journal)
    source = settings.journal.removeprefix("sqlite:///")
    if source == settings.journal:
        raise JournalUnusable(
            f"{settings.journal_shown} is no file; back it up by snapshots of Cassandra, or by spikes export"
        )
    from spikes.journal.sqlite_backup import back_up  # only here, so that Cassandra does without SQLite's driver

    try:
        with working("backing up", 0) as bar:
            done = back_up(source, Path(target), bar.show)
    except OSError as problem:
        raise SettingError(f"{target!r} can't be written: {problem.strerror or problem}") from None
    for finding in done.findings:
        print(finding)
    if done.findings:
        print(f"spikes: {source} is damaged, {target} was not made", file=sys.stderr)
        return Exit.PROBLEMS
    print(f"{done.events} events backed up to {target}, {done.bytes} bytes", file=sys.stderr)
    return Exit.OK
