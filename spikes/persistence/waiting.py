"""The commands that wait at one entity, in order, and not without bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from spikes.persistence.protocol import Envelope


class WaitingCommands:
    """First in, first out. Those that a handler stashed stand apart until they are taken back to the front."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._next: deque[Envelope] = deque()
        self._stashed: deque[Envelope] = deque()

    def __len__(self) -> int:
        return len(self._next) + len(self._stashed)

    @property
    def has_stashed(self) -> bool:
        """Tell whether a handler has put a command aside."""
        return bool(self._stashed)

    def add(self, envelope: Envelope) -> None:
        """Let a command wait at the end."""
        self._next.append(envelope)

    def next(self) -> Envelope | None:
        """Take the command whose turn it is."""
        return self._next.popleft() if self._next else None

    def stash(self, envelope: Envelope) -> None:
        """Put a command aside."""
        self._stashed.append(envelope)

    def unstash_all(self) -> None:
        """Let the stashed commands come next, in the order they came, before all others."""
        self._next.extendleft(reversed(self._stashed))
        self._stashed.clear()

    def take_stashed(self) -> Iterator[Envelope]:
        """Take each stashed command, the oldest first."""
        while self._stashed:
            yield self._stashed.popleft()

    def take_late(self, at: float) -> Iterator[Envelope]:
        """Take the oldest stashed commands, as long as their time is over (rule C2)."""
        while self._stashed and is_late(self._stashed[0], at):
            yield self._stashed.popleft()


def is_late(envelope: Envelope, at: float) -> bool:
    """Tell whether the time of a command is over (rule C2)."""
    return envelope.deadline is not None and at >= envelope.deadline
