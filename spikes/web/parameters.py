"""Query parameters: each route declares its own, and every unknown, repeated or out-of-range one is named."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from multidict import MultiMapping

from spikes.web.errors import Problem, shown


class Number(msgspec.Struct, frozen=True):
    """A whole number within bounds."""

    name: str
    low: int
    high: int
    default: int

    def read(self, text: str) -> int:
        """Return the value; raises ValueError with what would be right."""
        digits = text.isascii() and text.isdecimal() and len(text) <= 18
        if not (digits and self.low <= int(text) <= self.high):
            raise ValueError(f"{self.name} must be a whole number from {self.low} to {self.high}, not {shown(text)!r}")
        return int(text)

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high, "default": self.default}


class Opaque(msgspec.Struct, frozen=True):
    """A text that only the service itself can make; `text` says where it comes from."""

    name: str
    default: str | None = None
    text: str = "Taken from the `Link` of the page before."

    def read(self, text: str) -> str:
        """Return the text as it came."""
        return text

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        return {"type": "string", "description": self.text}


Parameter = Number | Opaque
Values = Mapping[str, int | str | None]


def defaults(declared: tuple[Parameter, ...]) -> Values:
    """Return the values of a request without a query."""
    return {parameter.name: parameter.default for parameter in declared}


def read_query(declared: tuple[Parameter, ...], query: MultiMapping[str]) -> Values:
    """Return the value of every declared parameter; raises one 400 that names all that is wrong."""
    values, known = dict(defaults(declared)), {parameter.name: parameter for parameter in declared}
    wrong = []
    for name in query:
        try:
            values[name] = _only(known, name, query.getall(name))
        except ValueError as problem:
            wrong.append(str(problem))
    if wrong:
        raise bad_query("; ".join(dict.fromkeys(wrong)))
    return values


def bad_query(message: str) -> Problem:
    """Return the 400 for a query parameter."""
    return Problem(400, "bad_query", message)


def _only(known: Mapping[str, Parameter], name: str, texts: list[str]) -> int | str:
    if name not in known:
        raise ValueError(f"unknown query parameter {shown(name)!r}")
    if len(texts) > 1:
        raise ValueError(f"{name} must be given once, not {len(texts)} times")
    return known[name].read(texts[0])
