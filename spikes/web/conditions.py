"""Entity tags: `"7-5f2c9a01b3d4"` is version 7 with that digest of what else the answer shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2s

from spikes.web.errors import Problem

NEVER = -1
"""A version that nothing is at: expecting it is a 412."""

_tags = re.compile(r'[ \t]*((?:W/)?"[\x21\x23-\x7e\x80-\U0010ffff]*")[ \t]*(?:,[ \t]*|$)').match
_version = re.compile(r'"([0-9]{1,15})-[0-9a-f]{12}"').fullmatch


def etag(sequence_nr: int, *shows: str) -> str:
    """Return the tag of a representation: opaque to everyone else."""
    return f'"{sequence_nr}-{blake2s(" ".join(shows).encode(), digest_size=6).hexdigest()}"'


def versions(if_match: str | None) -> Sequence[int] | None:
    """Return the versions that If-Match allows, None for any. Weak and foreign tags never match: they allow nothing.

    Raises a 400 for what is no list of entity tags.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    return [int(found[1]) for tag in _parsed(if_match, "If-Match") if (found := _version(tag))]


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Tell whether the client already has what `tag` stands for (a weak tag is as good); raises a 400 as above."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag in (known.removeprefix("W/") for known in _parsed(if_none_match, "If-None-Match"))


def _parsed(header: str, name: str) -> list[str]:
    tags, position = [], 0
    while position < len(header):
        found = _tags(header, position)
        if found is None:
            raise Problem(400, "bad_header", f'{name} must be * or entity tags in quotes, like "7-5f2c9a01b3d4"')
        tags.append(found[1])
        position = found.end()
    return tags
