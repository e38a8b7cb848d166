"""What the outside sees of tags. `version` is the number of the tag's last event."""

from __future__ import annotations

import msgspec

from spikes.domain.shapes import Id, Time
from spikes.domain.tag.entity import Tag, TagState
from spikes.domain.times import to_rfc3339
from spikes.journal.port import Home, IndexPart, RowSchema

TAG_ROWS = RowSchema(
    kind="tag",
    state_version=1,
    columns={"id": "text", "owner": "text", "title": "text", "created": "integer", "updated": "integer"},
    indexes=(("id",), ("title",), ("created",), ("owner", "created")),
    homes=(Home(order="title"), Home("owner")),
)
"""What tags are listed by. A removed tag is not listed, so a tag exists if there is a row with its id."""


class TagResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A tag; `owner` is null once the account of whoever made it is removed."""

    id: Id
    owner: Id | None
    title: str
    color: str
    created: Time
    updated: Time
    version: int


_item_decoder = msgspec.json.Decoder(TagResponse)


def tag_response(tag: Tag, sequence_nr: int) -> TagResponse:
    """Return the full representation of a tag at this version."""
    times = (to_rfc3339(tag.created), to_rfc3339(tag.updated))
    return TagResponse(tag.id, tag.owner, tag.title, tag.color, *times, sequence_nr)


def listed_tag(item: bytes) -> TagResponse:
    """Return what a list item holds; the item itself is the JSON of it."""
    return _item_decoder.decode(item)


def row(state: TagState, sequence_nr: int) -> IndexPart | None:
    """Return what lists read of a tag; a change here raises the state version (rule R1)."""
    if not isinstance(state, Tag):
        return None
    return IndexPart(
        columns={
            "id": state.id,
            "owner": state.owner,
            "title": state.title.casefold(),
            "created": state.created,
            "updated": state.updated,
        },
        item=msgspec.json.encode(tag_response(state, sequence_nr)),
    )
