"""From one entity to those that its state names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from spikes.domain.tsid import TSID_PATTERN

MOST_LINKS = 100
"""How many links are shown of one entity."""

_KINDS = {"owner": "user", "writer": "user", "tags": "tag"}
"""Which kind of entity an id in a field of this name is of; a relation's `target` is of the entity's own kind."""

_ID = re.compile(TSID_PATTERN)


class Link(msgspec.Struct, frozen=True, order=True):
    """Another entity, and as what the state names it."""

    name: str
    persistence_id: str


def links_of(kind: str, state: Any) -> tuple[Link, ...]:
    """Return the entities that a state (plain data) names, each once for each way, at most `MOST_LINKS`."""
    found = dict.fromkeys(_links({**_KINDS, "target": kind}, "", state))
    return tuple(found)[:MOST_LINKS]


def _links(kinds: dict[str, str], name: str, value: Any) -> Iterator[Link]:
    match value:
        case str() if name in kinds and _ID.fullmatch(value):
            yield Link("tag" if name == "tags" else name, f"{kinds[name]}|{value}")
        case dict():
            for key, item in value.items():
                yield from _links(kinds, str(key), item)
        case list() | tuple():
            for item in value:
                yield from _links(kinds, name, item)
