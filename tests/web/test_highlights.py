"""What is shown of the places where a search finds something."""

from __future__ import annotations

import time
import unicodedata

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from spikes.journal.words import words
from spikes.web.highlights import CONTEXT, CUT, END, MOST_PIECES, START, Highlighter
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


def test_a_page_of_the_longest_texts_takes_no_time() -> None:
    highlighter = Highlighter(parse(" ".join(f"word{number}" for number in range(60))))
    began = time.process_time()
    for _ in range(10):
        highlighter.pieces("Wörd " * 12_000)
    assert time.process_time() - began < 10
