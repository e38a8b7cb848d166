"""The state of a tag, phase by phase, and what events make of it. All times are milliseconds since the epoch, UTC."""

from __future__ import annotations

import unicodedata

import msgspec

from spikes.domain.tag import event as e
from spikes.domain.tag.event import TagEvent
from spikes.journal.port import Claim


class Absent(msgspec.Struct, frozen=True, tag=True):
    """Nothing yet."""


class Tag(msgspec.Struct, frozen=True, tag=True):
    """A tag. `owner` is None once the account of whoever made it is removed; nobody changes such a tag."""

    id: str
    owner: str | None
    title: str
    color: str
    created: int
    updated: int


class Removed(msgspec.Struct, frozen=True, tag=True):
    """A tag that is no more; the id stays taken."""

    id: str


TagState = Absent | Tag | Removed


def event_handler(state: TagState, event: TagEvent) -> TagState:
    """Replay-safe: no clock, no ids, no I/O; everything needed is in the event."""
    match state, event:
        case Absent(), e.TagCreated():
            return created(event)
        case Tag(), e.TagUpdated():
            return msgspec.structs.replace(state, title=event.title, color=event.color, updated=event.updated)
        case Tag(), e.TagDisowned():
            return msgspec.structs.replace(state, owner=None)
        case Tag(), e.TagRemoved():
            return Removed(state.id)
        case _:
            raise ValueError(f"{type(event).__name__} can't happen to a tag that is {type(state).__name__}")


def created(event: e.TagCreated) -> Tag:
    """Return the tag as it was made."""
    return Tag(event.id, event.owner, event.title, event.color, event.created, event.created)


def title_claim(title: str) -> Claim:
    """Return the right to a title, of which neither case nor the kind and number of spaces matter."""
    return Claim.of("tag-title", " ".join(unicodedata.normalize("NFC", title).casefold().split()))


def unique(state: TagState) -> tuple[Claim, ...]:
    """Return what no other tag may have; a change here raises the state version (rule R1)."""
    return (title_claim(state.title),) if isinstance(state, Tag) else ()
