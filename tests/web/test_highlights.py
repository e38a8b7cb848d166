"""What is shown of the places where a search finds something."""

from __future__ import annotations

import time
import unicodedata

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from spikes.journal.words import words
from spikes.web.highlights import CONTEXT, CUT, END, MOST_PIECES, MOST_WORDS, START, Highlighter
from spikes.web.search_text import parse


def marked(query: str, text: str) -> str | None:
    whole = Highlighter(parse(query)).whole(text)
    return whole and whole.replace(START, "[").replace(END, "]")


@pytest.mark.parametrize(
    ("query", "text", "shown"),
    [
        ("pear", "Pear, pears, PEAR.", "[Pear], pears, [PEAR]."),
        ("pea*", "Pear, pears, peach-tree", "[Pear], [pears], [peach]-tree"),
        ("zurich", "Zürich ZU\u0308RICH", "[Zürich] [ZÜRICH]"),
        ('"a pear"', "A, pear! a big pear", "[A, pear]! a big pear"),
        ("pear apple", "apple pear", "[apple] [pear]"),
        ("pear pear*", "pears", "[pears]"),
        ("pear", "compare", None),
        ("1990", "in 1990s, 1990", "in 1990s, [1990]"),
        ("weiß", "Weiß WEISS", "[Weiß] WEISS"),
        ("pear", "\2pear\3", " [pear] "),
    ],
)
def test_marks_what_was_found(query: str, text: str, shown: str | None) -> None:
    assert marked(query, text) == shown


def test_shows_pieces_of_a_long_text() -> None:
    filler = "and so on " * 30
    pieces = Highlighter(parse("pear")).pieces(f"pear {filler}one pear two {filler}" + f"pear {filler}" * 5)
    assert len(pieces) == MOST_PIECES
    assert pieces[0].startswith(f"{START}pear{END} and so on")
    assert pieces[1].startswith(CUT)
    assert pieces[1].endswith(CUT)
    assert f"one {START}pear{END} two" in pieces[1]
    assert all(len(piece) <= 2 * CONTEXT + 10 for piece in pieces)


def test_shows_a_text_without_spaces() -> None:
    (piece,) = Highlighter(parse("pear")).pieces("x," * 100 + "pear" + ",y" * 100)
    assert f"{START}pear{END}" in piece
    assert len(piece) < 3 * CONTEXT


WORDS = st.sampled_from(["pear", "Äpfel", "ﬀ", "İ", "ß", "x\u0301", "Ω", "日本", "١٢", "-", " ", "\n"])


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(WORDS, min_size=1, max_size=8), at=st.integers(0, 40))
def test_every_word_of_a_text_is_found_in_it(parts: list[str], at: int) -> None:
    text = " ".join(parts)
    there = words(text)
    assume(there)
    whole = Highlighter(parse(there[at % len(there)])).whole(text)
    assert whole is not None
    assert whole.replace(START, "").replace(END, "") == unicodedata.normalize("NFC", text)


def test_marks_so_many_words_of_a_search_only() -> None:
    letters = "abcdefghi"[:MOST_WORDS]
    assert marked(" ".join(f"{letters}x"), " ".join(f"{letters}x")) == " ".join(f"[{each}]" for each in letters) + " x"
    assert marked(f'"{" ".join(letters)} x*"', " ".join(f"{letters}x")) == f"[{' '.join(letters)}] x"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('"a a a a a x"', ("a" + "\u0300" * 60) * 500),
        ('"a x"', "a" + "\u0300" * 30_000),
        (f'"{"a " * 240}x"', "a " * 30_000),
        (" ".join(f'"{"a " * 14}x{number}"' for number in range(9)), "a " * 30_000),
        (" ".join(f"word{number}" for number in range(60)), "Wörd " * 12_000),
    ],
)
def test_a_text_that_is_hard_to_search_takes_no_time(query: str, text: str) -> None:
    began = time.process_time()
    Highlighter(parse(query)).pieces(text)
    assert time.process_time() - began < 1
