"""What the live feed shows of a note, and to whom: read from list items, which have all that is needed."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from spikes.domain.note.response import listed_note, tags_shown


class Look(msgspec.Struct, frozen=True):
    """What decides who may see a note, and which tags it has, at one moment."""

    owner: str
    access: str
    tags: tuple[str, ...] = ()
    trashed: str | None = None

    @property
    def public(self) -> bool:
        """Whether anybody may see it."""
        return self.access == "Public" and self.trashed is None


look_at = msgspec.json.Decoder(Look).decode
"""Read a list item."""


def without_tags(item: bytes, gone: Collection[str]) -> bytes:
    """Return the list item without tags that are removed by now."""
    note = listed_note(item)
    return msgspec.json.encode(msgspec.structs.replace(note, tags=tags_shown(note.tags, gone)))
