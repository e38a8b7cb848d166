"""The persistence core: what one event sourced entity does, as a state machine without I/O.

A driver gives `step` one input at a time and carries out what comes back. One command is under way at a time (its way
is in `handling.py`), the others wait in order. Each gets its answer, whatever happens.
"""

from __future__ import annotations

from typing import TypeVar

from spikes.persistence import protocol as p
from spikes.persistence import reply as r
from spikes.persistence.behavior import EventSourcedBehavior, Folded, RecoveryCompleted
from spikes.persistence.handling import FIRST_WAIT, RETRIES, CommandHandling
from spikes.persistence.reading import NO_SNAPSHOT, Reading

__all__ = ["FIRST_WAIT", "NO_SNAPSHOT", "RETRIES", "STASH_CAPACITY", "PersistentEntity"]

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")

STASH_CAPACITY = 4096
"""How many commands may wait at one entity; one more is answered with `StashFull`."""


class PersistentEntity(CommandHandling[C, E, S]):
    """One entity. Call `start` once, then `step` for each input; `at` is the driver's monotonic clock in seconds."""

    __slots__ = ()

    def __init__(
        self,
        behavior: EventSourcedBehavior[C, E, S],
        persistence_id: str,
        writer_id: str,
        stash_capacity: int = STASH_CAPACITY,
    ) -> None:
        super().__init__(behavior, persistence_id, writer_id, stash_capacity)

    @property
    def is_idle(self) -> bool:
        """Tell whether no command is under way or waiting, and nothing asked for is unanswered."""
        return self._is_free and not self._waiting

    @property
    def is_empty(self) -> bool:
        """Tell whether the entity has no events."""
        return self.folded.sequence_nr == 0

    @property
    def broken(self) -> r.Failure | None:
        """Why it can take no commands, None as long as it can."""
        return self._broken

    @property
    def waiting(self) -> int:
        """How many commands are waiting or under way."""
        if self._attempt is None and not self._waiting:  # nearly always, and asked of very many at once
            return 0
        return len(self._waiting) + (self._attempt is not None)

    @property
    def queued(self) -> int:
        """How many commands wait for their turn."""
        return len(self._waiting)

    def start(self, presumed_new: bool = False) -> list[p.Output]:
        """Begin recovery.

        An entity whose id was drawn just now may be presumed to have no events, so nothing is read: the fence proves
        it with the first append, or refuses that, and then the events are read. So the first command must be one that
        creates the entity. Only that one presumes it; whatever comes next reads first, unless the append was stored.
        """
        if presumed_new:
            self._presumed_new = True
            return []
        reading = Reading(self.behavior, self.persistence_id)
        self._exchange.read(reading.load(), reading, self._recovered, self._not_recovered)
        return self._exchange.flush()

    def step(self, given: p.Input, at: float) -> list[p.Output]:
        """Take one input and return what is to be done now, in order."""
        self._at = at
        if isinstance(given, p.Receive):
            self._known_current = given.current is True
            self._take(given.envelope)
        elif not self._exchange.settle(given) and self._broken is None:
            raise RuntimeError(f"{self.persistence_id}: a result came that nobody asked for")
        return self._work()

    def leave(self, at: float) -> list[p.Output]:
        """Handle what waits, answer what is stashed, and end in `Stop`; for a driver that wants the memory back."""
        self._at, self._stopping = at, True
        return self._work()

    def abandon(self, problem: Exception) -> list[p.Output]:
        """Answer every command and end in `Stop`; for a driver to whom `step` raised, which is a bug in this room."""
        self._exchange.withdraw()
        self._break(r.HandlerFailed.because(problem))
        return self._work()

    def _recovered(self, folded: Folded[S]) -> None:
        self._hold(folded)
        self._exchange.say(p.Notify(RecoveryCompleted(folded.sequence_nr)))

    def _take(self, envelope: p.Envelope) -> None:
        capacity = self._waiting.capacity
        if self.waiting >= capacity:
            self._reply(envelope, r.Error(r.StashFull(f"{capacity} commands already wait here")))
        else:
            self._waiting.add(envelope)

    def _work(self) -> list[p.Output]:
        """Begin what can begin now; commands that need no I/O are over at once, so there may be many."""
        if self._waiting.has_stashed:
            for late in self._waiting.take_late(self._at):
                self._reply(late, r.Error(r.NotStored("the time of the command was over while it was stashed")))
        while self._is_free and (envelope := self._waiting.next()) is not None:
            self._begin(envelope)
        self._known_current = False
        if self._stopping and self._is_free:
            self._leave()
        return self._exchange.flush()

    @property
    def _is_free(self) -> bool:
        return self._attempt is None and not self._exchange.is_open

    def _leave(self) -> None:
        for stashed in self._waiting.take_stashed():
            self._reply(stashed, r.Error(r.NotStored("the entity stopped while the command was stashed")))
        self._stopping = False
        self._exchange.say(p.Stop())
