"""The talk between the core and its driver: what was said, and the one question that is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from spikes.journal.port import Loaded, StoredEvent
from spikes.persistence import protocol as p
from spikes.persistence.behavior import Folded
from spikes.persistence.reading import Reading, Unreadable

S = TypeVar("S")

Then = Callable[[Any], None]


class Exchange:
    """Collects outputs. At most one of them is a question; its result goes on where the question was asked."""

    __slots__ = ("_otherwise", "_out", "_then")

    def __init__(self) -> None:
        self._out: list[p.Output] = []
        self._then: Then | None = None
        self._otherwise: Then | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether a question is unanswered."""
        return self._then is not None

    def flush(self) -> list[p.Output]:
        """Return what was said since the last time."""
        out, self._out = self._out, []
        return out

    def say(self, output: p.Output) -> None:
        """Tell the driver something that has no result."""
        self._out.append(output)

    def ask(self, question: p.Output, then: Then, otherwise: Then) -> None:
        """Let the driver do something that takes time; its result goes to `then`, its failure to `otherwise`."""
        self._then, self._otherwise = then, otherwise
        self._out.append(question)

    def settle(self, given: p.Completed | p.Failed) -> bool:
        """Go on with the result; tell whether anybody had asked for one."""
        then, otherwise = self._then, self._otherwise
        self._then = self._otherwise = None
        if then is None or otherwise is None:
            return False
        if type(given) is p.Completed:
            then(given.result)
        elif isinstance(given, p.Failed):
            otherwise(given.error)
        return True

    def withdraw(self) -> None:
        """Take back the open question, and any that was not yet handed out; replies stay."""
        self._then = self._otherwise = None
        self._out = [output for output in self._out if isinstance(output, p.Reply | p.Run | p.Notify)]

    def read(
        self,
        request: p.Load | p.ReadEvents,
        reading: Reading[S],
        then: Callable[[Folded[S]], None],
        otherwise: Callable[[Exception], None],
    ) -> None:
        """Fold page after page; the fold goes to `then`, a JournalError or Unreadable to `otherwise`."""
        self.ask(request, lambda result: self.fold(result, reading, then, otherwise), otherwise)

    def fold(
        self,
        result: Loaded | tuple[StoredEvent, ...],
        reading: Reading[S],
        then: Callable[[Folded[S]], None],
        otherwise: Callable[[Exception], None],
    ) -> None:
        """Fold a page that is there, then go on as `read` does."""
        try:
            complete = reading.take(result)
        except Unreadable as problem:
            otherwise(problem)
            return
        if complete:
            then(reading.folded)
        else:
            self.read(reading.more(), reading, then, otherwise)
