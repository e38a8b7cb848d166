"""From the bytes of a request to a struct that keeps its rules, or to a list of all that is wrong with it.

A good request costs one strict decode and its rules. Only if that fails, the fields are looked at one by one.

Exception
├── NotJson     the body is not one JSON object
└── Invalid     its fields are wrong: each is named once, with what would be right
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import FieldInfo

SHOWN = 100
"""How much of a wrong value is shown, in characters."""

UNKNOWN_SHOWN = 100
"""How many unknown fields are named."""

Check = Callable[[Any, int], bool]
"""Tells whether a value is right at a time, which is in milliseconds since the epoch."""


def _anything(value: Any, now: int) -> bool:
    return True


class Rule(msgspec.Struct, frozen=True):
    """What a field must be: `right` says it in words. The value of a `secret` is never shown.

    `later` is a check that only the entity may fail a request for; it is made here as well only if the request is
    wrong already, so that one answer names all that is. `schema` says the rule in JSON Schema, as far as that can.
    """

    right: str
    check: Check = _anything
    secret: bool = False
    later: Check = _anything
    schema: Mapping[str, Any] = {}


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The root of all requests. `rules` are by the name of the attribute; a field without one may be anything."""

    rules: ClassVar[Mapping[str, Rule]] = {}


class FieldError(msgspec.Struct, frozen=True):
    """One wrong field, as `Note.title`, and what is wrong: `missing`, `unknown field`, or `invalid: ` and the value."""

    field: str
    error: str


class Invalid(Exception):
    """The request is JSON, but breaks rules; `fields` names every field that does."""

    def __init__(self, fields: list[FieldError]) -> None:
        super().__init__(", ".join(error.field for error in fields))
        self.fields = fields


class NotJson(Exception):
    """The body is not one JSON object; the text says where it stops being one, and repeats nothing of it."""


R = TypeVar("R", bound=Request)


def decode(request_type: type[R], body: bytes, name: str, now: int) -> R:
    """Return the request; raises Invalid or NotJson. `name` stands before the fields in errors: `Note`.

    `now` is in milliseconds since the epoch. If a key stands twice, the last one counts.
    """
    try:
        request: R = _decoder(request_type).decode(body)
    except msgspec.ValidationError:
        return _examined(request_type, body, name, now)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _not_json(problem) from problem
    if all(_keeps(rule, getattr(request, field), now) for field, rule in request_type.rules.items()):
        return request
    return _examined(request_type, body, name, now)


def invalid(value: str, right: str) -> str:
    """Return the error text of a wrong value, cut to a bearable length."""
    return f"invalid: {value[:SHOWN]}; right is {right}" if right else f"invalid: {value[:SHOWN]}"


@cache
def _decoder(request_type: type[Request]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(request_type)


def _keeps(rule: Rule, value: Any, now: int) -> bool:
    return value is None or value is UNSET or rule.check(value, now)


def _examined(request_type: type[R], body: bytes, name: str, now: int) -> R:
    """Raise Invalid with all that is wrong. Only a key that stands twice can be wrong once and right in the end."""
    given = _fields(body)
    problems = dict(_problems(request_type, given, now, foresee=False))
    if not problems:
        request: R = _decoder(request_type).decode(msgspec.json.encode(given))
        return request
    problems = dict(_problems(request_type, given, now, foresee=True))
    raise Invalid([FieldError(f"{name}.{field}", problem) for field, problem in problems.items()])


def _fields(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        body.decode()
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _not_json(problem) from problem


def _not_json(problem: Exception) -> NotJson:
    match problem:
        case msgspec.ValidationError():
            return NotJson("the body must be one JSON object")
        case UnicodeDecodeError():
            return NotJson("the body is not UTF-8")
        case RecursionError():
            return NotJson("the body is nested too deeply")
        case _:
            return NotJson(f"the body is not JSON: {problem}")


def _problems(
    request_type: type[Request], given: Mapping[str, msgspec.Raw], now: int, foresee: bool
) -> Iterator[tuple[str, str]]:
    known = {field.encode_name: field for field in msgspec.structs.fields(request_type)}
    for key, field in known.items():
        rule = request_type.rules.get(field.name, Rule(""))
        problem = _problem(field, rule, given.get(key), now, foresee)
        if problem is not None:
            yield key, problem
    for key in [key for key in given if key not in known][:UNKNOWN_SHOWN]:
        yield key[:SHOWN], "unknown field"


def _problem(field: FieldInfo, rule: Rule, raw: msgspec.Raw | None, now: int, foresee: bool) -> str | None:
    if raw is None:
        return "missing" if field.required else None
    try:
        value = msgspec.json.decode(raw, type=field.type)
    except msgspec.MsgspecError:
        return _wrong(rule, raw)
    if not _keeps(rule, value, now):
        return _wrong(rule, raw)
    if foresee and value is not None and value is not UNSET and not rule.later(value, now):
        return _wrong(rule, raw)
    return None


def _wrong(rule: Rule, raw: msgspec.Raw) -> str:
    text = bytes(raw)
    if rule.secret:
        return invalid("***", rule.right)
    return invalid(msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode(), rule.right)
