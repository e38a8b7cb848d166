"""Effects: what a handler can say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spikes.persistence.effect import Effect, ThenReply, ThenRun, ThenStop, ThenUnstashAll
from spikes.persistence.reply import StatusReply, Success
from tests.persistence.samples import Added

PERSIST = Effect[Any].persist(Added(1), Added(2))


def test_persist_holds_all_its_events() -> None:
    assert PERSIST.events == (Added(1), Added(2))


def test_persist_needs_an_event() -> None:
    with pytest.raises(ValueError, match=r"none\(\) or reply\(\)"):
        Effect[Any].persist()


def test_side_effects_keep_the_order_they_were_chained_in() -> None:
    effect = PERSIST.then_stop().then_run(print).then_unstash_all().then_reply(StatusReply.success)
    assert [type(each) for each in effect.then] == [ThenStop, ThenRun, ThenUnstashAll, ThenReply]


@pytest.mark.parametrize("effect", [PERSIST, Effect[Any].none(), Effect[Any].stop(), PERSIST.then_run(print)])
def test_an_effect_without_reply_does_not_answer(effect: Effect[Any]) -> None:
    assert not effect.answers


@pytest.mark.parametrize(
    "effect",
    [
        PERSIST.then_reply(StatusReply.success),
        PERSIST.then_no_reply(),
        Effect[Any].reply(Success(1)),
        Effect[Any].stash(),
        Effect[Any].unhandled(),
        Effect[Any].stop().then_no_reply(),
    ],
)
def test_an_effect_with_a_reply_or_a_later_decision_answers(effect: Effect[Any]) -> None:
    assert effect.answers


@pytest.mark.parametrize("again", [Effect.then_no_reply, lambda effect: effect.then_reply(StatusReply.success)])
def test_an_effect_answers_only_once(again: Callable[[Effect[Any]], Effect[Any]]) -> None:
    with pytest.raises(ValueError, match="answered once"):
        again(Effect[Any].reply(Success(1)))


def test_nothing_can_be_chained_to_a_stashed_command() -> None:
    with pytest.raises(ValueError, match="decided later"):
        Effect[Any].stash().then_stop()
