"""A process that ends, or stops, at a step of an append: `python -m tests.journal.crashing URL STEP SIGNAL`.

It prints what became of the append, if it gets that far.
"""

from __future__ import annotations

import asyncio
import os
import sys

from msgspec.structs import replace

from spikes.journal.cassandra import CassandraJournal, open_cassandra
from spikes.journal.cassandra_target import target_of
from spikes.journal.errors import JournalError
from spikes.journal.port import Append
from tests.journal.rivals import HOMES, OTHER, telling
from tests.journal.samples import KEY, SLUG


def moved() -> Append:
    """Return the append that is cut off: the note goes from ann to bob, and from one slug to the other."""
    bare = telling(after=1, owner="bob", attempt="cut off", take=(OTHER,), release=(SLUG,), command=KEY)
    return replace(bare, before=telling(owner="ann").row.index)


async def main(url: str, step: str, number: int) -> None:
    journal = await open_cassandra(target_of(url), HOMES)
    await journal.append(telling(owner="ann", take=(SLUG,)))
    await journal.settled()
    _signal_at(journal, step, number)
    try:
        told = type(await journal.append(moved())).__name__
        await journal.settled()
    except JournalError as problem:
        told = type(problem).__name__
    print(told, flush=True)
    await journal.close()


def _signal_at(journal: CassandraJournal, step: str, number: int) -> None:
    """Let the process get a signal the first time that a step is done."""
    left = [step]

    def passed(at: str) -> None:
        if at in left:
            left.remove(at)
            os.kill(os.getpid(), number)

    journal.appender._crash_point = passed


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
