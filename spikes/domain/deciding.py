"""The ends that a decision can come to, alike for all entities: an answer, a refusal, or events and then an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from spikes.domain.refusals import Refusal
from spikes.persistence.effect import Effect
from spikes.persistence.reply import StatusReply

E = TypeVar("E")


def answer(value: object) -> Effect[E]:
    """Answer without an event."""
    return Effect.reply(StatusReply.success(value))


def refuse(reason: Refusal) -> Effect[E]:
    """Refuse, without an event."""
    return Effect.reply(StatusReply.error(reason))


def persist(*events: E) -> Effect[E]:
    """Store events and answer with the state after them."""
    effect: Effect[E] = Effect.persist(*events)
    return effect.then_reply(StatusReply.success)


def persist_and_tell(*events: E, what: Callable[[Any], object]) -> Effect[E]:
    """Store events and answer with something of the state after them."""
    effect: Effect[E] = Effect.persist(*events)
    return effect.then_reply(lambda state: StatusReply.success(what(state)))


def persist_in_silence(*events: E) -> Effect[E]:
    """Store events and answer with None, to a sweeper who has no use for the state."""
    return persist_and_tell(*events, what=lambda _: None)
