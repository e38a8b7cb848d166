"""`spikes export` and `spikes import`: a whole journal as JSON lines, for backup and for moving to another one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spikes.bootstrap import BEHAVIORS, credentials_of, open_store
from spikes.cli.store import existing_journal, refuse_memory, working
from spikes.exits import Exit
from spikes.lines import NotImportable, exported
from spikes.moving import imported
from spikes.settings import SettingError, Settings

STANDARD = "-"
"""The name of standard input and output."""


async def export(settings: Settings, file: str) -> int:
    """Write all events as JSON lines. Raises SettingError for a file that can't be written, or is there already."""
    async with existing_journal(settings) as journal:
        total = (await journal.statistics()).events
        with opened(file, "xb") as output, working("exporting", total) as bar:
            done = -1  # for the first line, which is no event
            async for lines in exported(journal):
                output.writelines(lines)
                done += len(lines)
                bar.show(done)
            output.flush()
    print(f"{done} events exported", file=sys.stderr)
    return Exit.OK


async def import_(settings: Settings, file: str) -> int:
    """Store all events of JSON lines in a journal that is empty, or has some of them; `Exit.PROBLEMS` for any other."""
    refuse_memory(settings.journal)
    with opened(file, "rb") as lines:
        journal = await open_store(settings.journal, credentials_of(settings))
        try:
            with working("importing", None) as bar:
                known = await imported(journal, BEHAVIORS, lines, bar.show)
            total = (await journal.statistics()).events
        except NotImportable as problem:
            print(f"spikes: {problem}", file=sys.stderr)
            return Exit.PROBLEMS
        finally:
            await journal.close()
    print(f"{total - known} events imported, {known} were there already", file=sys.stderr)
    return Exit.OK


@contextmanager
def opened(file: str, mode: str) -> Iterator[IO[bytes]]:
    """Open a file, or a standard stream by the name `-`; raises SettingError if that is not possible."""
    if file == STANDARD:
        yield sys.stdin.buffer if "r" in mode else sys.stdout.buffer
        return
    try:
        stream = Path(file).open(mode)  # noqa: SIM115 - it is closed below
    except OSError as problem:
        raise SettingError(f"{file!r} can't be opened: {problem.strerror}") from None
    with stream:
        yield stream
