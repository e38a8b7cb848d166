"""Templates: how data becomes HTML that can't be turned into anything else, whatever is in the data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp_jinja2
import jinja2
import msgspec
from aiohttp import web
from markupsafe import Markup, escape

from spikes.console.masking import pretty
from spikes.domain.times import to_rfc3339

LONGEST = 300
"""How many characters of a text are shown unless a template says otherwise."""

NOTHING = "-"
"""What stands where there is no number."""

_invisible = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""What is not seen, or changes the order in which the rest is seen; tab and new line are left."""


def set_up(app: web.Application) -> jinja2.Environment:
    """Give an application its templates."""
    filters: dict[str, Callable[..., str]] = {"shown": shown, "attribute": attribute, "age": age, "unit": in_unit}
    filters |= UNITS
    filters |= {"json": pretty, "moment": moment, "harmless": harmless}
    return aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("spikes.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters=filters,
    )


def moment(milliseconds_since_epoch: int | None) -> str:
    """Return a time in milliseconds since the epoch as people read it."""
    if milliseconds_since_epoch is None:
        return NOTHING
    try:
        return to_rfc3339(milliseconds_since_epoch)
    except OverflowError:
        return f"{milliseconds_since_epoch} ms"


def whole(environment: jinja2.Environment, template: str, values: Mapping[str, Any]) -> str:
    """Return the whole page."""
    return environment.get_template(template).render(values)


def block(environment: jinja2.Environment, template: str, name: str, values: Mapping[str, Any]) -> str:
    """Return one block of a page, to put in the place of the one that is shown."""
    found = environment.get_template(template)
    return "".join(found.blocks[name](found.new_context(dict(values))))


def harmless(value: object, limit: int = LONGEST) -> str:
    """Return a text from outside for a place that takes no elements: cut, with what can't be seen made visible."""
    return _invisible.sub(_made_visible, str(value)[:limit]).encode("utf-8", "backslashreplace").decode()


def shown(value: object, limit: int = LONGEST) -> Markup:
    """Return a text from outside to be looked at: cut, with what can't be seen made visible, its direction its own."""
    text = str(value)
    rest = len(text) - limit
    visible = harmless(text, limit)
    more = Markup(' <small class="cut">and {:,} more characters</small>').format(rest) if rest > 0 else ""
    return Markup("<bdi>{}</bdi>{}").format(escape(visible), more)


def _made_visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the pictures of control characters
    return f"⟨{unicodedata.name(match[0], f'U+{code:04X}').lower()}⟩"


def count(value: float | None) -> str:
    """Return a number with its thousands apart."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.2f}"


def milliseconds(seconds: float | None) -> str:
    """Return seconds as milliseconds."""
    if seconds is None:
        return NOTHING
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def age(seconds: float | None) -> str:
    """Return how long something lasts, in its two largest units."""
    if seconds is None:
        return NOTHING
    rest, parts = int(seconds), []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, length)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def size(number: float | None) -> str:
    """Return bytes in the unit that fits."""
    if number is None:
        return NOTHING
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1024
    return f"{number:,.1f} TiB"


UNITS: Mapping[str, Callable[[float | None], str]] = {"count": count, "ms": milliseconds, "bytes": size}


def in_unit(value: float | None, unit: str) -> str:
    """Return a number as its unit is shown."""
    return UNITS[unit](value)


def attribute(value: object) -> str:
    """Return data as JSON for an attribute; the template escapes it, a script reads it."""
    return msgspec.json.encode(value, enc_hook=str).decode()
