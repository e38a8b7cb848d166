"""Whether what clients saw of a note can be told as one thing after another: linearizability.

A note is a register with versions. The search is that of J. Wing and C. Gong, "Testing and verifying concurrent
objects" (1993), with G. Lowe's memory of what was tried ("Testing for linearizability", 2017). Histories of different
notes are judged apart: a whole is linearizable if its parts are (Herlihy and Wing 1990, P-compositionality in Lowe).
Operations whose outcome nobody told may have happened at any time after they were called, or never.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

NEVER = math.inf
"""When an operation was answered whose outcome was never told."""


class Register(NamedTuple):
    """What a note is at a moment."""

    version: int
    text: str


class Write(msgspec.Struct, frozen=True):
    """A change, which makes the next version; `expected` is the version of its If-Match, `version` the answered one."""

    called: float
    returned: float
    text: str
    version: int | None = None
    expected: int | None = None

    def on(self, register: Register) -> Register | None:
        """Return what the register becomes, None if this can't have happened here."""
        after = register.version + 1
        if self.version not in (None, after) or self.expected not in (None, register.version):
            return None
        return Register(after, self.text)

    @property
    def latest(self) -> float:
        """The newest version that the register can have had before."""
        return NEVER if self.version is None else self.version - 1


class Refusal(msgspec.Struct, frozen=True):
    """A change that was answered with 412: the note was at another version than `expected`."""

    called: float
    returned: float
    expected: int

    def on(self, register: Register) -> Register | None:
        return None if register.version == self.expected else register

    @property
    def latest(self) -> float:
        return NEVER


class Read(msgspec.Struct, frozen=True):
    """A note as somebody was shown it."""

    called: float
    returned: float
    version: int
    text: str

    def on(self, register: Register) -> Register | None:
        return register if register == (self.version, self.text) else None

    @property
    def latest(self) -> float:
        return self.version


Operation = Write | Refusal | Read


def contradiction(first: Register, operations: Sequence[Operation]) -> str | None:
    """Return what can't be told as one thing after another from `first` on, None if all can."""
    search = _Search(sorted(operations, key=lambda each: each.called))
    tried = {(0, first)}
    path = [(0, first)]
    best, at = 0, first
    while path:
        done, register = path.pop()
        if search.is_over(done):
            return None
        if done.bit_count() >= best.bit_count():
            best, at = done, register
        steps = [step for step in search.steps(done, register) if step not in tried]
        tried.update(steps)
        path += reversed(steps)
    return f"after {best.bit_count()} operations the note is {at}, and none of these fits: {search.due(best)}"


class _Search:
    """Which operations may come next, of those in the order of their calls; `done` has a bit for each that came."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._told = sum(1 << n for n, each in enumerate(operations) if each.returned != NEVER)
        self._shown = {each.text for each in operations if isinstance(each, Read)}

    def is_over(self, done: int) -> bool:
        """Tell whether everything that was answered has come."""
        return done & self._told == self._told

    def due(self, done: int) -> list[Operation]:
        """Return the operations that may come next: none that was called after another had been answered."""
        pending = [each for n, each in enumerate(self._operations) if not done >> n & 1]
        first = min(each.returned for each in pending)
        return [each for each in pending if each.called <= first]

    def steps(self, done: int, register: Register) -> Iterator[tuple[int, Register]]:
        """Yield what may be after one more operation."""
        pending = [(n, each) for n, each in enumerate(self._operations) if not done >> n & 1]
        if register.version > min(each.latest for _, each in pending):
            return  # versions only grow
        first = min(each.returned for _, each in pending)
        unseen = False
        for n, each in pending:
            if each.called > first:
                return
            if self._is_unseen(each):
                if unseen:
                    continue  # the one called before it would do as well
                unseen = True
            after = each.on(register)
            if after is not None:
                yield done | 1 << n, after

    def _is_unseen(self, each: Operation) -> bool:
        """Tell whether nothing distinguishes an operation from others like it but when it was called."""
        is_open = isinstance(each, Write) and each.returned == NEVER and each.expected is None
        return is_open and each.text not in self._shown  # type: ignore[union-attr]
