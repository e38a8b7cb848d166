"""Users' texts on the console: masked until revealed, and secrets always.

What may be shown is named; every other text is masked, whatever a future event or a damaged one may bring.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

OPEN = frozenset(
    {
        *("id", "ids", "kept_session_id", "owner", "parent", "tags", "target", "user", "writer"),
        *("access", "color", "status", "type"),
    }
)
"""The fields whose texts are ids or words of ours. One that doesn't look like that is masked even so."""

SECRETS = frozenset({"password_hash", "token_hash"})
"""The fields that nobody gets to see here, whatever they reveal."""

SECRET = "\u2022\u2022\u2022 secret"
DEEPEST = 64
"""How deep lists and objects may stand in each other; below that a place-holder stands for them."""

_PLAIN = re.compile(r"[A-Za-z0-9_.@:-]{1,40}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}", re.ASCII)


def masked(value: Any, revealed: bool = False) -> Any:
    """Return plain data (what JSON has) with users' texts masked, or only the secrets if they are `revealed`."""
    return _masked(value, "", revealed, DEEPEST)


def mask(text: str) -> str:
    """Return what stands for a text."""
    return f"\u2022\u2022\u2022 {len(text):,} character{'' if len(text) == 1 else 's'}"


def plain(value: Any) -> Any:
    """Return a state or an event as plain data; raises nothing: what can't be made so is shown by its type."""
    try:
        return msgspec.to_builtins(value)
    except Exception:  # noqa: BLE001 - a value with code of its own that fails is named
        return {"type": type(value).__name__, "problem": "it can't be shown"}


def pretty(value: Any) -> str:
    """Return plain data as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()


def _masked(value: Any, name: str, revealed: bool, depth: int) -> Any:
    if name in SECRETS and value is not None:
        return SECRET
    match value:
        case str():
            return value if revealed or _is_open(name, value) else mask(value)
        case dict() | list() | tuple() if not depth:
            return "\u2026"
        case dict():
            return {_key(key, revealed): _masked(item, str(key), revealed, depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [_masked(item, name, revealed, depth - 1) for item in value]
        case _:
            return value


def _is_open(name: str, value: str) -> bool:
    return name in OPEN and _PLAIN.fullmatch(value) is not None


def _key(key: Any, revealed: bool) -> str:
    """Names are our own, but those of a damaged event may be anything."""
    text = str(key)
    return text if revealed or _NAME.fullmatch(text) else mask(text)
