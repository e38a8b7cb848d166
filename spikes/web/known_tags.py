"""Which tags there are. A removed one leaves notes when they are shown or written next; nobody sweeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from spikes.domain.note.request import tag_ids
from spikes.domain.validation import FieldError, invalid
from spikes.web.call import Call
from spikes.web.errors import BadFields


class Tagged(msgspec.Struct, frozen=True):
    """What is read of a list item."""

    tags: tuple[str, ...] = ()


_read = msgspec.json.Decoder(Tagged).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def gone(call: Call, tags: Iterable[str]) -> frozenset[str]:
    """Return those of the ids that are of no tag, or of one that was removed. Without ids it costs nothing."""
    wanted = frozenset(tags)
    if not wanted:
        return wanted
    rows = await call.services.views.listed([f"tag|{tag}" for tag in wanted])
    return wanted - {row.persistence_id.removeprefix("tag|") for row in rows}


async def check_tags(call: Call, tags: Sequence[str] | None) -> None:
    """Raise a 400 that names the ids of no tag."""
    ids = tag_ids(list(tags or ()))
    unknown = await gone(call, ids)
    if unknown:
        named = ", ".join(tag for tag in ids if tag in unknown)
        raise BadFields([FieldError("Note.tags", invalid(named, "ids of tags that exist"))])


async def without_gone_tags(call: Call, items: Sequence[bytes]) -> Sequence[bytes]:
    """Return list items of notes without the tags that are removed by now: one look for the whole page."""
    tags = [_read(item).tags for item in items]
    removed = await gone(call, (tag for each in tags for tag in each))
    if not removed:
        return items
    kept = [[tag for tag in each if tag not in removed] for each in tags]
    return [_retagged(item, left) for item, left in zip(items, kept, strict=True)]


def _retagged(item: bytes, tags: Sequence[str]) -> bytes:
    return msgspec.json.encode({**_fields(item), "tags": tags})
