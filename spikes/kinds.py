"""What a value that an operator gives may be, in words and as a parser: of a setting, or of an option in a URL.

A leaf: every room may import this, it imports none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """What values are `right`, in words; `parse` returns a text's value and raises ValueError if it is not right."""

    right: str
    parse: Callable[[str], Any]


def number(of: Callable[[str], Any], low: float, high: float, *notes: str) -> Kind:
    """Return the kind of numbers within bounds, these included; `of` is int or float, `notes` explain them."""

    def parse(text: str) -> Any:
        value = of(text)
        if not low <= value <= high:
            raise ValueError
        return value

    name = "a whole number" if of is int else "a number"
    return Kind(" ".join((f"{name} from {low} to {high}", *notes)), parse)


def choice(*choices: str) -> Kind:
    """Return the kind of one of some words, whatever its case."""
    return Kind(f"one of {', '.join(choices)}", lambda text: choices[choices.index(text.lower())])


def switch(right: str) -> Kind:
    """Return the kind of what is on or off."""

    def parse(text: str) -> bool:
        if text.lower() not in {"on", "1", "true", "off", "0", "false"}:
            raise ValueError
        return text.lower() in {"on", "1", "true"}

    return Kind(right, parse)


def matching(right: str, pattern: str) -> Kind:
    """Return the kind of texts that match a pattern as a whole."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return Kind(right, parse)


def comma_separated(right: str, item: Callable[[str], str]) -> Kind:
    """Return the kind of lists of items, of which there may be none."""

    def parse(text: str) -> tuple[str, ...]:
        return tuple(item(part.strip()) for part in text.split(",")) if text and text.lower() != "none" else ()

    return Kind(right, parse)


def address(text: str) -> str:
    """Return a host name or an IP address without brackets; raises ValueError."""
    name = text.removeprefix("[").removesuffix("]")
    if ":" in name:
        return str(ipaddress.IPv6Address(name))
    if not re.fullmatch(r"\w([\w.-]*\w)?", name, re.ASCII):
        raise ValueError
    return name
