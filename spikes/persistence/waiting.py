"""The commands that wait at one entity, in order, and not without bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from spikes.persistence.protocol import Envelope


class WaitingCommands:
    """First in, first out. Those that a handler stashed stand apart until they are taken back to the front.

    An empty queue is None: most entities in memory are idle, and an empty deque takes 600 bytes.
    """

    __slots__ = ("_next", "_stashed", "capacity")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._next: deque[Envelope] | None = None
        self._stashed: deque[Envelope] | None = None

    def __len__(self) -> int:
        return len(self._next or ()) + len(self._stashed or ())

    @property
    def in_line(self) -> int:
        """How many commands wait for their turn, without those that were put aside."""
        return len(self._next or ())

    def __bool__(self) -> bool:
        return self._next is not None or self._stashed is not None

    @property
    def has_stashed(self) -> bool:
        """Tell whether a handler has put a command aside."""
        return self._stashed is not None

    def add(self, envelope: Envelope) -> None:
        """Let a command wait at the end."""
        self._next = _with(self._next, envelope)

    def next(self) -> Envelope | None:
        """Take the command whose turn it is."""
        if self._next is None:
            return None
        envelope = self._next.popleft()
        self._next = self._next or None
        return envelope

    def stash(self, envelope: Envelope) -> None:
        """Put a command aside."""
        self._stashed = _with(self._stashed, envelope)

    def unstash_all(self) -> None:
        """Let the stashed commands come next, in the order they came, before all others."""
        if self._stashed is not None:
            self._stashed.extend(self._next or ())
            self._next, self._stashed = self._stashed, None

    def take_stashed(self) -> Iterator[Envelope]:
        """Take each stashed command, the oldest first."""
        stashed, self._stashed = self._stashed or (), None
        yield from stashed

    def take_late(self, at: float) -> Iterator[Envelope]:
        """Take the oldest stashed commands, as long as their time is over (rule C2)."""
        while self._stashed is not None and is_late(self._stashed[0], at):
            yield self._stashed.popleft()
            self._stashed = self._stashed or None


def _with(queue: deque[Envelope] | None, envelope: Envelope) -> deque[Envelope]:
    if queue is None:
        return deque((envelope,))
    queue.append(envelope)
    return queue


def is_late(envelope: Envelope, at: float) -> bool:
    """Tell whether the time of a command is over (rule C2)."""
    return envelope.deadline is not None and at >= envelope.deadline
