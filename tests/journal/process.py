"""Another process on the same file: `python -m tests.journal.process PATH ACTION`, where ACTION is

append ID COUNT   append COUNT events to ID, always after the last one, and say each number once it is stored
storm             append notes without end, and say each id once it is stored
opened            open and use the journal, and say which files Python itself opened meanwhile
nobody            open the journal as a user without rights
busy              hold the write lock until a line is read
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys

import apsw

from spikes.journal.errors import SequenceConflict
from spikes.journal.port import Claim, Journal
from spikes.journal.sqlite import open_sqlite
from tests.journal.samples import SCHEMAS, append, listing


def say(what: object) -> None:
    """Tell the parent at once."""
    print(what, flush=True)


async def append_after_all(journal: Journal, pid: str, count: int) -> None:
    """Race with others: whoever is refused takes the newest number."""
    stored, last = 0, 0
    while stored < count:
        try:
            last = (await journal.append(append(pid, last, attempt=f"{os.getpid()}-{stored}"))).sequence_nr
        except SequenceConflict as refused:
            last = refused.actual
        else:
            stored += 1
            say(last)


async def storm(journal: Journal) -> None:
    """Append with all that an append can have, many at once."""
    numbers = itertools.count()

    async def one() -> None:
        for number in numbers:
            pid = f"note|{number}"
            index = listing({"": (f"title {number}", "body")}, created=number, terms=(("tag", "x"),))
            with contextlib.suppress(SequenceConflict):
                await journal.append(append(pid, index=index, take=(Claim.of("slug", pid),)))
            say(pid)

    await asyncio.gather(*(one() for _ in range(16)))


async def opened(path: str) -> None:
    """Look at what Python opens while the journal is opened twice and used."""
    seen: list[str] = []
    sys.addaudithook(lambda name, arguments: seen.append(str(arguments[0])) if name == "open" else None)
    first = await open_sqlite(path, SCHEMAS)
    await first.append(append())
    second = await open_sqlite(path, SCHEMAS)
    await second.verify()
    await second.close()
    await first.close()
    say([name for name in seen if name in (path, f"{path}-wal", f"{path}-shm")])


def busy(path: str) -> None:
    """Be the program that holds the file."""
    db = apsw.Connection(path)
    db.execute("BEGIN IMMEDIATE")
    say("held")
    sys.stdin.readline()


def become_nobody() -> None:
    """Give up root's right to write anywhere."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


async def main(path: str, action: str, *arguments: str) -> None:
    """Do what is asked."""
    if action == "busy":
        busy(path)
    elif action == "nobody":
        become_nobody()
        await (await open_sqlite(path, SCHEMAS)).close()
    elif action == "opened":
        await opened(path)
    else:
        journal = await open_sqlite(path, SCHEMAS)
        say("open")
        if action == "storm":
            await storm(journal)
        else:
            await append_after_all(journal, arguments[0], int(arguments[1]))
        await journal.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
