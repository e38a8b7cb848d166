"""From events to what listeners may see of them.

Whether others may see an event is judged by the note as of that event, and its content by the note as it is now, too:
what was public and is not any more is told without content. What happened while a note was private is never told to
others, except the very event that took it away from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import structlog
from msgspec import Raw

from spikes.actors.feed_folds import Folds
from spikes.actors.port import FeedEvent
from spikes.domain.note.feed import Look, look_at, without_tags
from spikes.domain.times import to_rfc3339
from spikes.journal.port import Journal, Listed, PositionedEvent
from spikes.persistence.behavior import EventSourcedBehavior, Folded
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reading import Unreadable

log = structlog.get_logger(__name__)

Wants = Callable[[str, str], "Wanted"]
"""Who wants to know of a note, by the note's id and its owner's."""

NOTHING = Raw(b"null")
GONE = b"{}"
"""The list item of an account that is being removed."""

LONG = 1_000
"""How many events a note may have for its owner to be shown it as of an event that is not its last: beyond, the fold
takes too long, and the note is shown as it is now. What others may see is always folded."""


class Wanted(msgspec.Struct, frozen=True):
    """Whether the owner listens, and whether others do."""

    by_owner: bool
    by_others: bool


class Content(msgspec.Struct, frozen=True):
    """The data of one event in the feed."""

    entity: Literal["note"]
    id: str
    version: int
    type: str
    time: str
    who: str | None
    note: Raw


class Sight(msgspec.Struct, frozen=True):
    """An event, whose note it is, and what of the note its owner (`own`) and others (`shown`) may see.

    `told` says whether others may know of the event at all, `who` is the user who did it.
    """

    happened: PositionedEvent
    owner: str
    own: bytes | None
    who: str | None
    told: bool = False
    shown: bytes | None = None

    @property
    def note_id(self) -> str:
        """Which note it is."""
        return PersistenceId.parse(self.happened.persistence_id).entity_id


class Sights:
    """Looks at events of notes."""

    def __init__(self, journal: Journal, behaviors: Mapping[str, EventSourcedBehavior[Any, Any, Any]]) -> None:
        self._journal = journal
        self._behaviors = behaviors

    async def of(self, events: Sequence[PositionedEvent], wants: Wants) -> list[Sight]:
        """Return what is to be seen of those events that somebody wants, in order. Raises JournalUnavailable."""
        events = [each for each in events if each.persistence_id.startswith("note|")]
        if not events:
            return []
        rows = {row.persistence_id: row for row in await self._journal.listed(_ids(events))}
        folds = Folds(self._journal, self._behaviors["note"])
        sights = [await self._see(each, rows.get(each.persistence_id), folds, wants) for each in events]
        return await self._without_what_is_gone([sight for sight in sights if sight is not None])

    async def _see(self, happened: PositionedEvent, row: Listed | None, folds: Folds, wants: Wants) -> Sight | None:
        """Look at one event; None if nobody wants it."""
        note_id = PersistenceId.parse(happened.persistence_id).entity_id
        now, who = look_at(row.item) if row else None, happened.event.metadata.principal
        wanted = wants(note_id, now.owner) if now else Wanted(True, True)
        if not (wanted.by_owner or wanted.by_others):
            return None
        if row and now and row.sequence_nr == happened.event.sequence_nr and (now.public or not wanted.by_others):
            return Sight(happened, now.owner, row.item, who, now.public, row.item)
        if row and now and happened.event.sequence_nr > LONG and not wanted.by_others:
            return Sight(happened, now.owner, row.item, who)
        try:
            return await self._look_back(happened, now, folds)
        except Unreadable as problem:
            log.error("feed_cannot_read", problem=str(problem))  # noqa: TRY400 - the message has all there is
            return Sight(happened, now.owner, None, who) if now else None

    async def _look_back(self, happened: PositionedEvent, now: Look | None, folds: Folds) -> Sight | None:
        """Look at an event by the states that it led from and to."""
        persistence_id, event = happened.persistence_id, happened.event
        before = await folds.at(persistence_id, event.sequence_nr - 1)
        item_before, item = self._item(before), self._item(folds.after(persistence_id, before, event))
        look_before, look = (look_at(each) if each else None for each in (item_before, item))
        known = look or look_before
        if known is None:
            return None
        public = look is not None and look.public
        told = public or (look_before is not None and look_before.public)
        shown = item if public and now is not None and now.public else None
        return Sight(happened, known.owner, item, event.metadata.principal, told, shown)

    def _item(self, folded: Folded[Any]) -> bytes | None:
        index = self._behaviors["note"].row(folded.state, folded.sequence_nr)
        return None if index is None else index.item

    async def _without_what_is_gone(self, sights: list[Sight]) -> list[Sight]:
        """Leave out tags that are removed by now, and who it was where that account is."""
        tags = {f"tag|{tag}" for sight in sights if sight.own for tag in look_at(sight.own).tags}
        people = {f"user|{sight.who}" for sight in sights if sight.who not in (None, sight.owner)}
        if not (tags or people):
            return sights
        there = {row.persistence_id for row in await self._journal.listed([*tags, *people]) if row.item != GONE}
        gone = {each.partition("|")[2] for each in (tags | people) - there}
        return [_cleared(sight, gone) for sight in sights] if gone else sights


def feed_event(sight: Sight, place: str, note: bytes | None) -> FeedEvent:
    """Return what goes to a listener who may see this much of the note."""
    event = sight.happened.event
    name = event.type.partition("@")[0]
    content = Content(
        entity="note",
        id=sight.note_id,
        version=event.sequence_nr,
        type=name,
        time=to_rfc3339(event.metadata.time),
        who=sight.who,
        note=NOTHING if note is None else Raw(note),
    )
    return FeedEvent(sight.happened.position, place, name, msgspec.json.encode(content).decode())


def _ids(events: Iterable[PositionedEvent]) -> list[str]:
    return list({each.persistence_id for each in events})


def _cleared(sight: Sight, gone: set[str]) -> Sight:
    own, shown = (item and without_tags(item, gone) for item in (sight.own, sight.shown))
    return msgspec.structs.replace(sight, own=own, shown=shown, who=None if sight.who in gone else sight.who)
