"""What a command handler decides: events to persist, and what follows once they are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from spikes.persistence.reply import Error, Success

E = TypeVar("E")

Kind = Literal["persist", "none", "unhandled", "stash"]
Replied = Success[Any] | Error


class ThenReply(msgspec.Struct, frozen=True):
    """Answer the callback address with what `make` gives for the new state."""

    make: Callable[[Any], Replied]


class ThenRun(msgspec.Struct, frozen=True):
    """Run something with the new state: after the write, at most once, never on recovery."""

    run: Callable[[Any], None]


class ThenStop(msgspec.Struct, frozen=True):
    """Let the entity leave memory."""


class ThenUnstashAll(msgspec.Struct, frozen=True):
    """Handle the stashed commands next, in the order they came."""


class ThenNoReply(msgspec.Struct, frozen=True):
    """Say outright that this command is not answered."""


ANSWERS = (ThenReply, ThenNoReply)

SideEffect = ThenReply | ThenRun | ThenStop | ThenUnstashAll | ThenNoReply


class Effect(msgspec.Struct, Generic[E], frozen=True):
    """The decision of a command handler (Akka's Effect).

    Built by the class methods, extended by the `then_` methods. Side effects happen in the order they were chained,
    after all events are stored. Every effect must hold exactly one reply or `then_no_reply`; only `stash` has none,
    and `unhandled` brings its own. Raises ValueError for a second one.
    """

    kind: Kind
    events: tuple[E, ...] = ()
    then: tuple[SideEffect, ...] = ()

    @classmethod
    def persist(cls, *events: E) -> Effect[E]:
        """Store these events, all or none. Raises ValueError without any: that is `none()`."""
        if not events:
            raise ValueError("persist() needs an event; a decision without one is none() or reply()")
        return cls("persist", events)

    @classmethod
    def none(cls) -> Effect[E]:
        """Store nothing."""
        return cls("none")

    @classmethod
    def reply(cls, status: Replied) -> Effect[E]:
        """Store nothing and answer."""
        return cls("none", (), (ThenReply(lambda _: status),))

    @classmethod
    def unhandled(cls) -> Effect[E]:
        """Say that this command makes no sense in this state; it is answered with `Unhandled`."""
        return cls("unhandled")

    @classmethod
    def stash(cls) -> Effect[E]:
        """Put the command aside until `then_unstash_all`."""
        return cls("stash")

    @classmethod
    def stop(cls) -> Effect[E]:
        """Store nothing and let the entity leave memory."""
        return cls("none", (), (ThenStop(),))

    def then_reply(self, make: Callable[[Any], Replied]) -> Effect[E]:
        """Answer with what `make` gives for the state after the events."""
        return self._and_answer(ThenReply(make))

    def then_run(self, run: Callable[[Any], None]) -> Effect[E]:
        """Run `run` with the state after the events."""
        return self._and(ThenRun(run))

    def then_stop(self) -> Effect[E]:
        """Let the entity leave memory afterwards."""
        return self._and(ThenStop())

    def then_unstash_all(self) -> Effect[E]:
        """Handle the stashed commands next."""
        return self._and(ThenUnstashAll())

    def then_no_reply(self) -> Effect[E]:
        """Leave the command without an answer, on purpose."""
        return self._and_answer(ThenNoReply())

    @property
    def replies(self) -> bool:
        """Tell whether it holds a reply or an explicit no-reply."""
        for side_effect in self.then:  # noqa: SIM110 - a generator costs five times as much, at every command
            if isinstance(side_effect, ANSWERS):
                return True
        return False

    @property
    def answers(self) -> bool:
        """Tell whether this path ends in a reply, an explicit no-reply, or a later decision."""
        return self.kind in ("stash", "unhandled") or self.replies

    def _and(self, side_effect: SideEffect) -> Effect[E]:
        if self.kind == "stash":
            raise ValueError("a stashed command is decided later; nothing can be chained to stash()")
        return Effect(self.kind, self.events, (*self.then, side_effect))

    def _and_answer(self, answer: ThenReply | ThenNoReply) -> Effect[E]:
        if self.replies:
            raise ValueError("a command is answered once; this effect already has its reply")
        return self._and(answer)
