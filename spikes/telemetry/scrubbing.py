"""Taking what people wrote, and their e-mail addresses, out of what is told to operators."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

_WORD = r"[^\s@<>\"'()\[\],;:=]"

_addresses = re.compile(rf"{_WORD}{{1,64}}@(?!\d+(?![\w.-])){_WORD}{{1,255}}")
"""What may be an address; `note-created@1` is a type of event."""


def scrubbed(text: str) -> str:
    """Return `text` with every e-mail address hidden."""
    return _addresses.sub(HIDDEN, text) if "@" in text else text
