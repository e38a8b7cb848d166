"""The judge of histories: it agrees with trying every order, and rejects each way to break the promise."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replicas.linearizable import NEVER, Operation, Read, Refusal, Register, Write, contradiction

FIRST = Register(1, "first")


def one_by_one(*operations: Operation) -> list[Operation]:
    """Give each operation a time of its own, in this order; what was never answered stays so."""
    return [
        msgspec.structs.replace(each, called=n, returned=NEVER if each.returned == NEVER else n + 0.5)
        for n, each in enumerate(operations)
    ]


def write(text: str, version: int | None = None, expected: int | None = None) -> Write:
    return Write(0, NEVER if version is None else 0, text, version, expected)


def read(version: int, text: str) -> Read:
    return Read(0, 0, version, text)


def fits(*operations: Operation) -> bool:
    return contradiction(FIRST, one_by_one(*operations)) is None


def test_reads_of_what_was_written_fit() -> None:
    assert fits(read(1, "first"), write("a", 2), read(2, "a"), write("b", 3, expected=2), read(3, "b"))


@pytest.mark.parametrize("happened", [True, False])
def test_unknown_write_may_have_happened_or_not(happened: bool) -> None:
    assert fits(write("a"), read(2, "a") if happened else read(1, "first"))


def test_unknown_write_may_happen_long_after() -> None:
    assert fits(write("late"), read(1, "first"), write("b", 2), read(2, "b"), read(3, "late"))


def test_stale_read_is_rejected() -> None:
    assert not fits(write("a", 2), read(1, "first"))


def test_read_that_goes_back_is_rejected() -> None:
    assert not fits(write("a"), read(2, "a"), read(1, "first"))


def test_lost_update_is_rejected() -> None:
    assert not fits(write("a", 2), write("b", 2), read(2, "b"))


def test_write_that_nobody_can_read_is_rejected() -> None:
    assert not fits(write("a", 2), read(2, "b"))


def test_doubled_write_is_rejected() -> None:
    assert not fits(write("a", 2), read(3, "a"))


def test_unknown_write_done_twice_is_rejected() -> None:
    assert not fits(write("a"), read(2, "a"), write("b", 3), read(4, "a"))


def test_write_before_it_was_sent_is_rejected() -> None:
    assert not fits(read(2, "a"), write("a"))


def test_conditional_write_on_another_version_is_rejected() -> None:
    assert not fits(write("a", 2), write("b", 3, expected=1))


def test_refusal_of_the_right_version_is_rejected() -> None:
    assert not fits(Refusal(0, 0, expected=1))
    assert fits(write("a", 2), Refusal(0, 0, expected=1))


def test_many_unknown_writes_are_judged_soon() -> None:
    unknown = [write(f"u{n}") for n in range(40)]
    assert fits(*unknown, write("a", 21), read(21, "a"))
    assert not fits(*unknown, write("a", 43))


def by_trying_all(operations: Sequence[Operation]) -> bool:
    """Say the same in the plainest way there is."""
    told = [each for each in operations if each.returned != NEVER]
    untold = [each for each in operations if each.returned == NEVER]
    subsets = (some for size in range(len(untold) + 1) for some in itertools.combinations(untold, size))
    return any(_is_order(order) for some in subsets for order in itertools.permutations([*told, *some]))


def _is_order(order: Sequence[Operation]) -> bool:
    register: Register | None = FIRST
    for n, each in enumerate(order):
        register = register and each.on(register)
        if register is None or any(later.returned < each.called for later in order[n + 1 :]):
            return False
    return True


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    called = draw(st.integers(0, 9))
    returned = called + draw(st.integers(1, 6))
    version, text = draw(st.integers(1, 4)), draw(st.sampled_from("abc"))
    expected = draw(st.none() | st.integers(1, 3))
    made: list[Operation] = [
        Write(called, NEVER, text, None, expected),
        Write(called, returned, text, version, expected),
        Refusal(called, returned, version),
        Read(called, returned, version, text),
    ]
    return draw(st.sampled_from(made))


@settings(deadline=None)
@given(st.lists(operations(), max_size=5))
def test_judge_agrees_with_trying_every_order(history: list[Operation]) -> None:
    assert (contradiction(FIRST, history) is None) == by_trying_all(history)


def history_of(seed: int, length: int = 60, clients: int = 4) -> list[Operation]:
    """Make up a true history: each operation happens at a moment between its call and its answer, if that comes."""
    choose = random.Random(seed)
    moments = sorted(choose.random() * 100 for _ in range(length))
    register = FIRST
    history: list[Operation] = []
    for n, moment in enumerate(moments):
        called, returned = moment - choose.random() * clients, moment + choose.random() * clients
        match choose.randrange(4) if n else 0:
            case 0:
                register = Register(register.version + 1, f"w{n}")
                history.append(Write(called, returned, register.text, register.version))
            case 1:
                register = Register(register.version + 1, f"w{n}")
                history.append(Write(called, NEVER, register.text))
            case 2:
                history.append(Write(called, NEVER, f"never {n}"))
            case _:
                history.append(Read(called, returned, *register))
    return history


@settings(deadline=None)
@given(st.integers())
def test_true_history_fits(seed: int) -> None:
    assert contradiction(FIRST, history_of(seed)) is None


@settings(deadline=None)
@given(st.integers(), st.data())
def test_history_with_a_stale_read_is_rejected(seed: int, data: st.DataObject) -> None:
    history = history_of(seed)
    told = [each for each in history if isinstance(each, Write) and each.version is not None]
    newer = data.draw(st.sampled_from(told))
    assert newer.version is not None
    stale = Read(newer.returned + 1, newer.returned + 2, newer.version - 1, "whatever it was")
    assert contradiction(FIRST, [*history, stale]) is not None


@settings(deadline=None)
@given(st.integers(), st.data())
def test_history_with_a_version_given_twice_is_rejected(seed: int, data: st.DataObject) -> None:
    history = history_of(seed)
    told = [each for each in history if isinstance(each, Write) and each.version is not None]
    won = data.draw(st.sampled_from(told))
    assert contradiction(FIRST, [*history, msgspec.structs.replace(won, text="lost")]) is not None


@settings(deadline=None)
@given(st.integers(), st.data())
def test_history_with_a_write_done_twice_is_rejected(seed: int, data: st.DataObject) -> None:
    told = [each for each in history_of(seed) if isinstance(each, Write) and each.returned != NEVER]
    doubled = data.draw(st.integers(0, len(told) - 1))
    once = [msgspec.structs.replace(each, version=n + 2) for n, each in enumerate(told)]
    twice = [msgspec.structs.replace(each, version=n + 2 + (n > doubled)) for n, each in enumerate(told)]
    assert contradiction(FIRST, [*once, Read(200, 201, len(told) + 1, told[-1].text)]) is None
    assert contradiction(FIRST, [*twice, Read(200, 201, len(told) + 2, told[-1].text)]) is not None
