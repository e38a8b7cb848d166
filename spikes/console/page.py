"""What a page of the console is, for whoever writes one.

A page is a function that is given a `PageContext` and returns a `Page`: the name of a template and the data that it
shows. The frame does the rest: it checks the role, renders the data with the template, or as JSON for `?format=json`,
or again and again as server-sent events for `?format=live`, and sets the headers. A template extends `base.html` and
fills two blocks: `page`, all of it, and within it `live`, the part that is sent again while somebody looks.

Whatever comes from users is hostile: templates escape, and `{{ text|shown }}` moreover cuts long text, makes control
characters visible and keeps the direction of the text to itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import Any

import msgspec

from spikes.console.inside import Inside
from spikes.console.peers import Peers


class Role(IntEnum):
    """Who may ask: anybody (probes, login), who may look, who may act. A higher one may do all that a lower one may."""

    ANYBODY = 0
    VIEWER = 1
    OPERATOR = 2


class PageContext(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a page.

    `path` has the named parts of the path, `query` the parameters after it and `form` the fields of a POST, each as the
    last value given. `client` is the address that the request came from.
    """

    inside: Inside
    peers: Peers
    role: Role
    url: str
    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    form: Mapping[str, str] = {}
    client: str = "unknown"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number of the query; raises BadRequest if it is none or out of bounds."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and low <= int(text) <= high):
            raise BadRequest(f"{name} is wrong: it must be a whole number from {low} to {high}")
        return int(text)


class Page(msgspec.Struct, frozen=True):
    """A template, what it shows as `data` (anything that msgspec makes JSON of), and the title of the window."""

    template: str
    data: Any
    title: str
    status: int = 200


class Redirect(msgspec.Struct, frozen=True):
    """Look there instead; the answer to a POST that has done something. `url` is a path of the console."""

    url: str


class Download(msgspec.Struct, frozen=True):
    """A file to keep."""

    name: str
    body: bytes
    media_type: str


class BadRequest(Exception):
    """The request is wrong; the message says what would be right. Answered with 400."""


class NotThere(Exception):
    """What the page is about does not exist; the message says what was looked for. Answered with 404."""


Handler = Callable[[PageContext], Awaitable[Page | Redirect | Download]]


class Route(msgspec.Struct, frozen=True):
    """Where a page is, who may see it, and what it is called in the navigation (None: it does not stand there).

    `every` is how many seconds lie between two sendings of its live part; None: it has none.
    """

    method: str
    path: str
    handler: Handler
    role: Role
    label: str | None = None
    every: float | None = None

    @property
    def name(self) -> str:
        """The method and the path."""
        return f"{self.method} {self.path}"
