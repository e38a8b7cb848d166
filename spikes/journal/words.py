"""How text is cut into words for search, alike in every plugin that has no tokenizer of its own.

A word is a run of letters and digits, without regard to case and diacritics (the rules of SQLite's `unicode61`).
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Return the words of `text` in order, in the form in which they are compared."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    plain = "".join(char for char in decomposed if unicodedata.category(char) != "Mn")
    return _WORD.findall(unicodedata.normalize("NFC", plain))


def has_words(texts: tuple[str, ...]) -> bool:
    """Tell whether there is anything to search for; a search term of mere punctuation asks for nothing."""
    return any(_WORD.search(text) for text in texts)
