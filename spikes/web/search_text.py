"""What people type to search: words, beginnings of words (`word*`) and phrases in quotes. All of them have to be found.

Nothing else has a meaning, and nothing is an error but a text without words and a beginning that is too short.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from spikes.journal.port import TextTerm
from spikes.journal.words import words

LONGEST = 500
"""The longest text to search for, in characters."""

SHORTEST_PREFIX = 3
"""The fewest characters before a `*`: fewer are the beginning of nearly everything."""

_PIECES = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')


def parse(text: str, phrases: bool = True) -> tuple[TextTerm, ...]:
    """Return what to search for, each once, in the order given; raises ValueError with what would be right.

    Words that are written together (`a-pear`) are one phrase; without `phrases` they are words by themselves.
    """
    if len(text) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters, not {len(text)}")
    pieces = _PIECES.finditer(unicodedata.normalize("NFC", text))
    terms = [term for piece in pieces for term in _terms(piece, phrases)]
    if not terms:
        raise ValueError("must have a word to search for")
    return tuple(dict.fromkeys(terms))


def _terms(piece: re.Match[str], phrases: bool) -> Iterator[TextTerm]:
    phrase, star, plain = piece.groups()
    prefix = star == "*" if plain is None else plain.endswith("*")
    found = words(phrase if plain is None else plain)
    if prefix and len("".join(found[-1:])) < SHORTEST_PREFIX:
        raise ValueError(f"must have at least {SHORTEST_PREFIX} letters or digits before a *")
    if plain is not None and not phrases:
        yield from (TextTerm((word,)) for word in found[:-1])
        found = found[-1:]
    if found:
        yield TextTerm(tuple(found), prefix)
