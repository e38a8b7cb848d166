"""Slugs: what stands for a note in an address. `20261123-my-first-note`."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from functools import lru_cache

from spikes.domain.times import EPOCH

LONGEST = 80
"""The most characters of a slug without the suffix that sets two notes apart."""

SUFFIX = 4
"""How many of the id's characters make that suffix."""

_SPELLED_OUT = str.maketrans(
    {"ß": "ss", "ø": "oe", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "đ": "d", "ł": "l", "ħ": "h", "\u0131": "i"}
)
_WORD = re.compile(r"[a-z0-9]+")
_SLUG = re.compile(r"[0-9]{8}(?:-[a-z0-9]+)+")


def slug_of(created: int, title: str, id: str) -> str:  # noqa: A002 - the name in the API
    """Return the slug of a note: the UTC date of its creation, then the words of its title, or its id without any."""
    words = "-".join(_WORD.findall(fold(title))) or id.lower()
    return f"{_day(created // 86_400_000)}-{words}"[:LONGEST].rstrip("-")


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    """Return `20261123` for a day counted from 1970."""
    return (EPOCH + timedelta(days=number)).date().isoformat().replace("-", "")


def with_suffix(slug: str, id: str) -> str:  # noqa: A002 - the name in the API
    """Return the slug for a note whose own one is another owner's: with the last characters of its id."""
    return f"{slug}-{id[-SUFFIX:].lower()}"


def is_slug(text: str) -> bool:
    """Tell whether a text has the form of a slug."""
    return len(text) <= LONGEST + SUFFIX + 1 and _SLUG.fullmatch(text) is not None


def fold(text: str) -> str:
    """Return a text in lower case, its accents dropped and letters like ß spelled out."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.lower()).lower().translate(_SPELLED_OUT)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
