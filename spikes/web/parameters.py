"""Query parameters: each route declares its own, and every unknown, repeated or out-of-range one is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
from multidict import MultiMapping

from spikes.web.errors import Problem, shown


class Number(msgspec.Struct, frozen=True):
    """A whole number within bounds."""

    name: str
    low: int
    high: int
    default: int
    several: int = 1

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
    several: int = 1

    def read(self, text: str) -> str:
        """Return the text as it came."""
        return text

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        return {"type": "string", "description": self.text}


Value = int | str | tuple[str, ...] | None
Values = Mapping[str, Value]


class Parameter(Protocol):
    """One parameter of a query. With `several` it may be given that often, and has all values."""

    @property
    def name(self) -> str: ...
    @property
    def default(self) -> Value: ...
    @property
    def several(self) -> int: ...

    def read(self, text: str) -> int | str:
        """Return the value; raises ValueError with the name and what would be right."""
        ...

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        ...


def defaults(declared: tuple[Parameter, ...]) -> Values:
    """Return the values of a request without a query."""
    return {parameter.name: parameter.default for parameter in declared}


def read_query(declared: tuple[Parameter, ...], query: MultiMapping[str]) -> Values:
    """Return the value of every declared parameter; raises one 400 that names all that is wrong."""
    values, known = dict(defaults(declared)), {parameter.name: parameter for parameter in declared}
    wrong = []
    for name in query:
        try:
            values[name] = _value(known, name, query.getall(name))
        except ValueError as problem:
            wrong.append(str(problem))
    if wrong:
        raise bad_query("; ".join(dict.fromkeys(wrong)))
    return values


def bad_query(message: str) -> Problem:
    """Return the 400 for a query parameter."""
    return Problem(400, "bad_query", message)


def _value(known: Mapping[str, Parameter], name: str, texts: list[str]) -> Value:
    if name not in known:
        raise ValueError(f"unknown query parameter {shown(name)!r}")
    parameter = known[name]
    if len(texts) > parameter.several:
        often = "once" if parameter.several == 1 else f"at most {parameter.several} times"
        raise ValueError(f"{name} must be given {often}, not {len(texts)} times")
    values = [parameter.read(text) for text in texts]
    return values[0] if parameter.several == 1 else tuple(dict.fromkeys(map(str, values)))
