"""`spikes export` and `spikes import`: a whole journal as JSON lines; `spikes copy`: one straight into another."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from spikes.bootstrap import BEHAVIORS, credentials_of, open_store
from spikes.cli.store import existing_journal, refuse_memory, working
from spikes.exits import Exit
from spikes.journal.port import Journal
from spikes.lines import NotImportable, exported
from spikes.moving import copied, imported
from spikes.settings import SettingError, Settings

STANDARD = "-"
"""The name of standard input and output."""


async def export(settings: Settings, file: str) -> int:
    """Write all events as JSON lines. Raises SettingError for a file that can't be written, or is there already."""
    async with existing_journal(settings) as journal:
        total = (await journal.statistics()).events
        with opened(file, "xb") as output, working("exporting", total) as bar:
            done = 0
            async for number, lines in exported(journal):
                output.writelines(lines)
                done += number
                bar.show(done, total)
            output.flush()
    print(f"{done} events exported", file=sys.stderr)
    return Exit.OK


async def import_(settings: Settings, file: str) -> int:
    """Store all events of JSON lines in a journal that is empty, or has some of them; `Exit.PROBLEMS` otherwise."""
    with opened(file, "rb") as lines:
        async with new_journal(settings) as journal:
            try:
                with working("importing") as bar:
                    moved = await imported(journal, BEHAVIORS, lines, bar.show)
            except NotImportable as problem:
                print(f"spikes: {problem}", file=sys.stderr)
                return Exit.PROBLEMS
    print(f"{moved.new} events imported, {moved.known} were there already", file=sys.stderr)
    return Exit.OK


async def copy(settings: Settings, source: str, target: str) -> int:
    """Store all events of one journal in another one that is empty, or has some of them; `Exit.PROBLEMS` otherwise."""
    async with (
        existing_journal(replace(settings, journal=source)) as old,
        new_journal(replace(settings, journal=target)) as new,
    ):
        try:
            with working("copying", (await old.statistics()).events) as bar:
                moved = await copied(old, new, BEHAVIORS, bar.show)
        except NotImportable as problem:
            print(f"spikes: {problem}", file=sys.stderr)
            return Exit.PROBLEMS
    print(f"{moved.new} events copied, {moved.known} were there already", file=sys.stderr)
    return Exit.OK


@asynccontextmanager
async def new_journal(settings: Settings) -> AsyncIterator[Journal]:
    """Open a journal to bring events into, and make it if need be; close it again. Raises JournalUnusable."""
    refuse_memory(settings.journal)
    journal = await open_store(settings.journal, credentials_of(settings), migrate=True)
    try:
        yield journal
    finally:
        await journal.close()


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
