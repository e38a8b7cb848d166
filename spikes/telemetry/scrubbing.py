"""Taking what people wrote, and their e-mail addresses, out of what is told to operators."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

_addresses = re.compile(r"[^\s@<>\"'()\[\],;:=]{1,64}@[^\s@<>\"'()\[\],;:=]{1,255}")


def scrubbed(text: str) -> str:
    """Return `text` with every e-mail address hidden."""
    return _addresses.sub(HIDDEN, text) if "@" in text else text
