"""Where in a text the terms of a search stand. Letters are alike as they are for the search: no case, no accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from spikes.journal.port import TextTerm

START, END = "\u0002", "\u0003"
"""Stand round each match; a text that has them itself is shown with spaces instead."""

CONTEXT = 60
"""How many characters are shown before the first match of a piece, and after the last."""

MOST_PIECES = 3
"""How many pieces of a text are shown."""

MOST_WORDS = 8
"""How many words of a search are marked, the first ones: each word more costs time at each word of a text."""

CUT = "…"

# There is one way only to read a text: marks belong to the letter before them, and what was read is never given back.
_MARKS = "[\u0300-\u036f]*+"
_BETWEEN = r"(?:[^\w\u0300-\u036f]|_)[\W_]*+"
_CONTROLS = str.maketrans({START: " ", END: " "})


class _Folded(dict[int, str]):
    """One letter for each letter, without case and accents, so that places in both texts are the same."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        plain = [each for each in unicodedata.normalize("NFD", letter.lower()) if unicodedata.category(each) != "Mn"]
        folded = plain[0] if len(plain) == 1 else letter
        self[code] = folded
        return folded


_folded = _Folded()


class Highlighter:
    """Finds the terms of one search."""

    def __init__(self, terms: Sequence[TextTerm]) -> None:
        patterns = map(_pattern, sorted(_first(terms), key=_length, reverse=True))
        self._pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(patterns)})")

    def whole(self, text: str) -> str | None:
        """Return the text with all matches marked, None if there is none."""
        text = _shown(text)
        places = list(self._places(text))
        return _marked(text, places, 0, len(text)) if places else None

    def pieces(self, text: str) -> list[str]:
        """Return what stands round the first matches, each match marked; cut ends are shown by `…`."""
        text = _shown(text)
        found: list[list[tuple[int, int]]] = []
        for place in self._places(text):
            if found and place[0] - found[-1][-1][1] <= CONTEXT:
                found[-1].append(place)
            elif len(found) == MOST_PIECES:
                break
            else:
                found.append([place])
            if len(found[-1]) > MOST_PIECES:
                found[-1].pop()
                break
        return [_piece(text, places) for places in found]

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        return (match.span() for match in self._pattern.finditer(text.translate(_folded)))


def _shown(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(_CONTROLS)


def _first(terms: Sequence[TextTerm]) -> Iterator[TextTerm]:
    """Yield the terms up to the last word that is marked; the one that this word is in may be cut."""
    left = MOST_WORDS
    for term in terms:
        kept = term.words[:left]
        if kept:
            yield term if kept == term.words else TextTerm(kept)
        left -= len(kept)


def _length(term: TextTerm) -> int:
    return sum(map(len, term.words))


def _pattern(term: TextTerm) -> str:
    """Return what matches the term in a folded text: words with anything but letters and digits between them."""
    words = _BETWEEN.join(_MARKS.join(map(re.escape, word)) + _MARKS for word in term.words)
    return words + (r"[^\W_]*+" if term.prefix else r"(?![^\W_])")


def _piece(text: str, places: Sequence[tuple[int, int]]) -> str:
    start, end = _start(text, places[0][0]), _end(text, places[-1][1])
    before, after = CUT if start > 0 else "", CUT if end < len(text) else ""
    return f"{before}{_marked(text, places, start, end)}{after}"


def _start(text: str, match_start: int) -> int:
    """Return where a piece begins: with a word, if there is one within the context."""
    if match_start <= CONTEXT:
        return 0
    space = text.find(" ", match_start - CONTEXT, match_start)
    return match_start - CONTEXT if space < 0 else space + 1


def _end(text: str, match_end: int) -> int:
    if len(text) - match_end <= CONTEXT:
        return len(text)
    space = text.rfind(" ", match_end, match_end + CONTEXT)
    return match_end + CONTEXT if space < 0 else space


def _marked(text: str, places: Sequence[tuple[int, int]], start: int, end: int) -> str:
    parts = []
    for match_start, match_end in places:
        parts += [text[start:match_start], START, text[match_start:match_end], END]
        start = match_end
    return "".join([*parts, text[start:end]])
