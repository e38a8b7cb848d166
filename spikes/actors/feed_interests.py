"""What listeners want to know beside their own notes, and who wants to know of a note."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import msgspec

from spikes.actors.feed_folds import Folds
from spikes.actors.feed_sights import Wanted
from spikes.actors.feed_stream import Stream
from spikes.domain.note.feed import look_at
from spikes.domain.user.entity import User
from spikes.journal.port import Equal, Journal, PositionedEvent, Query
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.identity import PersistenceId

RELATING = frozenset({"note-related", "note-unrelated", "user-related", "user-unrelated"})
"""Events after which whoever made them may have other interests."""


class Interests(msgspec.Struct, frozen=True):
    """Public notes by their ids, and users whose public notes are of interest.

    `owners` are those of the notes, for a journal whose events are found by whose they are.
    """

    notes: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()


async def interests_of(journal: Journal, users: EventSourcedBehavior[Any, Any, Any], user_id: str) -> Interests:
    """Read what a user's notes and the user are related to. Raises JournalUnavailable, Unreadable."""
    notes = frozenset(await journal.term_counts(Query("note", (Equal("owner", user_id),)), "relation"))
    user = (await Folds(journal, users).newest(str(PersistenceId(users.kind, user_id)))).state
    related = user.relations if isinstance(user, User) else ()
    owners = frozenset() if "total_order" in journal.capabilities else await _owners(journal, notes)
    return Interests(notes, frozenset(relation.target for relation in related), owners)


async def _owners(journal: Journal, notes: frozenset[str]) -> frozenset[str]:
    """Return whose these notes are; that never changes."""
    rows = await journal.listed([str(PersistenceId("note", note)) for note in notes])
    return frozenset(look_at(row.item).owner for row in rows)


class Listener:
    """A user who listens, in one or more streams."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.streams: set[Stream] = set()
        self.interests = Interests()
        self.reading = asyncio.Lock()

    @property
    def homes(self) -> frozenset[str]:
        """In whose feeds there is what this listener wants to know."""
        return self.interests.users | self.interests.owners | {self.user_id}

    def wants(self, note_id: str, owner: str) -> Wanted:
        """Tell whether this listener wants to know of a note."""
        if owner == self.user_id:
            return Wanted(True, False)
        return Wanted(False, note_id in self.interests.notes or owner in self.interests.users)


class Audience:
    """All listeners, and which of them want to know of a note."""

    def __init__(self) -> None:
        self.listeners: dict[str, Listener] = {}
        self._of_notes: defaultdict[str, set[Listener]] = defaultdict(set)
        self._of_users: defaultdict[str, set[Listener]] = defaultdict(set)

    def admit(self, user_id: str) -> Listener:
        """Return the listener of this user."""
        return self.listeners.setdefault(user_id, Listener(user_id))

    def dismiss(self, listener: Listener) -> None:
        """Forget a listener."""
        self.interest(listener, Interests())
        self.listeners.pop(listener.user_id, None)

    def interest(self, listener: Listener, interests: Interests) -> None:
        """Take in what a listener wants to know from now on."""
        for registry, old, new in (
            (self._of_notes, listener.interests.notes, interests.notes),
            (self._of_users, listener.interests.users, interests.users),
        ):
            for key in old - new:
                registry[key].discard(listener)
                if not registry[key]:
                    del registry[key]
            for key in new - old:
                registry[key].add(listener)
        listener.interests = interests

    @property
    def homes(self) -> frozenset[str]:
        """In whose feeds there is what anybody wants to know."""
        return frozenset().union(*(listener.homes for listener in self.listeners.values()))

    def others(self, note_id: str, owner: str) -> set[Listener]:
        """Return who wants to know of another's note."""
        found = self._of_notes.get(note_id, set()) | self._of_users.get(owner, set())
        return {listener for listener in found if listener.user_id != owner}

    def wants(self, note_id: str, owner: str) -> Wanted:
        """Tell whether anybody wants to know of a note."""
        return Wanted(owner in self.listeners, bool(self.others(note_id, owner)))

    def account(self, happened: PositionedEvent) -> Listener | None:
        """Return the listener whose own account an event is of."""
        kind, _, user_id = happened.persistence_id.partition("|")
        return self.listeners.get(user_id) if kind == "user" else None

    def relating(self, happened: PositionedEvent) -> Listener | None:
        """Return the listener whose interests an event may change: only owners relate anything."""
        if happened.event.type.partition("@")[0] not in RELATING:
            return None
        return self.listeners.get(happened.event.metadata.principal or "")
