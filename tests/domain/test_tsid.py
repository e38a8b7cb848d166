"""Time-sorted ids."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.tsid import ALPHABET, EPOCH_2020, TIME_BITS, TsidFactory, is_tsid, parse_tsid, tsid_time

LAST = EPOCH_2020 + (1 << TIME_BITS) - 1

times = st.integers(EPOCH_2020, LAST - 1000)


def factory(*clock: int, seed: int = 1) -> TsidFactory:
    ticks: Iterator[int] = iter(clock)
    return TsidFactory(lambda: next(ticks), Random(seed).getrandbits)


@given(times)
def test_an_id_tells_when_it_was_made(time: int) -> None:
    assert tsid_time(factory(time).next()) == time


@given(st.lists(times, min_size=2), st.integers(0))
def test_ids_grow_whatever_the_clock_does(clock: list[int], seed: int) -> None:
    ids = factory(*clock, seed=seed)
    made = [ids.next() for _ in clock]
    assert all(one < other for one, other in pairwise(made))


@given(st.lists(times, unique=True, min_size=2))
def test_text_sorts_as_time_does(clock: list[int]) -> None:
    made = {time: factory(time, seed=time).next() for time in clock}
    assert sorted(made.values()) == [made[time] for time in sorted(clock)]


@given(times, st.integers(0))
def test_an_id_is_read_in_either_case(time: int, seed: int) -> None:
    made = factory(time, seed=seed).next()
    assert parse_tsid(made.lower()) == parse_tsid(made) == made


@given(st.text(ALPHABET + ALPHABET.lower() + "ILOU-é0", min_size=12, max_size=14))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    fits = (
        len(text) == 13
        and set(text.upper()) <= set(ALPHABET)
        and text.isascii()
        and text[0].upper() in "0123456789ABCDEF"
    )
    assert is_tsid(text) == fits


def test_first_and_last_id_are_known() -> None:
    assert TsidFactory(lambda: EPOCH_2020, lambda bits: 0).next() == "0000000000000"
    assert TsidFactory(lambda: LAST, lambda bits: (1 << bits) - 1).next() == "FZZZZZZZZZZZZ"


def test_a_burst_in_one_millisecond_never_repeats() -> None:
    ids = TsidFactory(lambda: EPOCH_2020, lambda bits: (1 << bits) - 1)
    made = [ids.next() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert tsid_time(made[-1]) == EPOCH_2020 + 1


@pytest.mark.parametrize("time", [EPOCH_2020 - 1, LAST + 1, 0])
def test_a_time_out_of_range_is_refused(time: int) -> None:
    with pytest.raises(ValueError, match="2020 to 2159"):
        factory(time).next()


@pytest.mark.parametrize(
    "text",
    ["", "0" * 12, "0" * 14, "G000000000000", "000000000000U", "00000 0000000", "000000000000\n", "\u0661" * 13],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a TSID"):
        parse_tsid(text)
