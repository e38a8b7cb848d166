"""What the exit codes of the command line mean."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes; `--help` and the operations page list them."""

    OK = 0
    PROBLEMS = 1
    USAGE = 2
    JOURNAL = 3
    ADDRESS = 4
    UNFINISHED = 5

    @property
    def meaning(self) -> str:
        """Return the code in words."""
        return MEANINGS[self]


MEANINGS = {
    Exit.OK: "done",
    Exit.PROBLEMS: "done, and problems were found; or what was named does not exist or was refused",
    Exit.USAGE: "the command line or a setting is wrong",
    Exit.JOURNAL: "the journal can't be used",
    Exit.ADDRESS: "the address can't be listened on",
    Exit.UNFINISHED: "ended before all that was in flight was finished",
}
