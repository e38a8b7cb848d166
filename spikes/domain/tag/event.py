"""What happens to tags. Times are milliseconds since the epoch."""

from __future__ import annotations

import msgspec

from spikes.persistence.codec import EventCodec


class TagCreated(msgspec.Struct, frozen=True):
    """Somebody made a tag."""

    id: str
    owner: str
    title: str
    color: str
    created: int


class TagUpdated(msgspec.Struct, frozen=True):
    """The tag has these values now."""

    title: str
    color: str
    updated: int


class TagRemoved(msgspec.Struct, frozen=True):
    """The tag is no more."""

    removed: int


class TagDisowned(msgspec.Struct, frozen=True):
    """The tag's owner left."""

    disowned: int


TagEvent = TagCreated | TagUpdated | TagRemoved | TagDisowned

TAG_EVENTS: EventCodec[TagEvent] = EventCodec(
    {
        "tag-created@1": TagCreated,
        "tag-updated@1": TagUpdated,
        "tag-removed@1": TagRemoved,
        "tag-disowned@1": TagDisowned,
    }
)
