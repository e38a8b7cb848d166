"""What a note was: its versions one by one, and what each event changed.

History is as private as the note: who may not see it as it is now learns nothing of what it was. Its owner sees all of
it; others see the versions at which it was public and outside the trash, and of the first one of each such stretch not
what was before. What a comment said that is removed by now, nobody sees but its writer, in whichever version.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from spikes.domain.note import event as e
from spikes.domain.note.comment import Comment, Comments, placeholder
from spikes.domain.note.entity import Absent, Note, NoteState, event_handler, may_see
from spikes.domain.note.event import NOTE_EVENTS, NoteEvent
from spikes.domain.note.response import comment_response
from spikes.domain.shapes import Id, Time
from spikes.domain.times import to_rfc3339
from spikes.journal.port import StoredEvent

FIELDS = ("title", "body", "slug", "due", "status", "access", "tags", "trashed")
"""The fields of a note whose changes are told; comments and relations are told one by one."""

TIMES = frozenset({"due", "trashed"})

Change = tuple[Any, Any]


class Recorded(msgspec.Struct, frozen=True):
    """An event as it was stored: the version it led to, when (milliseconds since the epoch), and by whom."""

    version: int
    type: str
    time: int
    who: str | None
    event: NoteEvent


class HistoryEntry(msgspec.Struct, frozen=True):
    """What one event changed: for each field what was there before and after it.

    A comment's field is `comments.` and its id, with the whole comment; a relation's is `relations.` and the id of its
    target, with its title. `who` is a user id, null for a user whose account is removed.
    """

    version: int
    type: str
    time: Time
    who: Id | None
    changes: dict[str, Change]


class Version(msgspec.Struct, frozen=True):
    """A note as it was at one version."""

    note: Note
    version: int


def recorded(stored: Iterable[StoredEvent]) -> list[Recorded]:
    """Decode the events of a note; raises UndecodableEvent. The type loses its version: `note-created`."""
    return [
        Recorded(
            each.sequence_nr,
            each.type.partition("@")[0],
            each.metadata.time,
            each.metadata.principal,
            NOTE_EVENTS.decode(each),
        )
        for each in stored
    ]


def history(
    records: Iterable[Recorded], reader: str | None, before: int | None = None, limit: int | None = None
) -> tuple[HistoryEntry, ...]:
    """Return what a reader may know of all changes, the newest first.

    `records` are all events from the first one. `before` leaves out that version and newer ones, `limit` says how many
    entries are wanted.
    """
    moments: deque[tuple[Recorded, NoteState, Note]] = deque(maxlen=limit)
    state: NoteState = Absent()
    forgotten: set[str] = set()
    for record in records:
        previous, state = state, event_handler(state, record.event)
        if isinstance(record.event, e.CommentWriterForgotten):
            forgotten.add(record.event.writer)
        if isinstance(state, Note) and may_know(state, reader) and (before is None or record.version < before):
            moments.append((record, previous, state))
    if not may_know(state, reader):
        return ()
    eyes = _Eyes(reader, _standing(state), frozenset(forgotten))
    return tuple(eyes.entry(*moment) for moment in reversed(moments))


def state_at(
    records: Iterable[Recorded], reader: str | None, version: int | None = None, as_of: int | None = None
) -> Version | None:
    """Return the note at a version, or as it was at a time (milliseconds since the epoch), as a reader may see it.

    None if there was no such version then, or if it is not for this reader.
    """
    state: NoteState = Absent()
    found: Version | None = None
    for record in records:
        state = event_handler(state, record.event)
        if isinstance(state, Note) and _is_meant(record, version, as_of):
            found = Version(state, record.version)
    note = None if found is None else seen(found.note, state, reader)
    return None if found is None or note is None else Version(note, found.version)


def seen(then: Note, now: NoteState, reader: str | None) -> Note | None:
    """Return an earlier version of a note as a reader may see it now, None if it is not for this reader.

    For whoever has folded both, and does not want to fold all events again.
    """
    if not (may_know(then, reader) and may_know(now, reader)):
        return None
    eyes = _Eyes(reader, _standing(now), frozenset())
    return msgspec.structs.replace(then, comments=tuple(eyes.see(comment) for comment in then.comments))


def may_know(state: NoteState, reader: str | None) -> bool:
    """Tell whether a version is for a reader: the owner's are all, others' the public ones outside the trash."""
    return isinstance(state, Note) and (state.owner == reader or may_see(state, reader))


class _Eyes:
    """What one reader may see of comments and relations. `standing` are the comments that are not removed by now."""

    def __init__(self, reader: str | None, standing: frozenset[Any], forgotten: frozenset[str]) -> None:
        self._reader = reader
        self._standing = standing
        self._forgotten = forgotten

    def entry(self, record: Recorded, before: NoteState, after: Note) -> HistoryEntry:
        """Return what an event changed; at the start of a public stretch only what there is, not what is no more."""
        known = may_know(before, self._reader)
        changes = self._changes(before if isinstance(before, Note) else None, after)
        if not known and isinstance(before, Note):
            changes = {name: (None, new) for name, (_, new) in changes.items() if new}
        who = None if record.who in self._forgotten else record.who
        return HistoryEntry(record.version, record.type, to_rfc3339(record.time), who, changes)

    def see(self, comment: Comment) -> Comment:
        """Return a comment of some version, or what stands for it if it is removed by now and another's."""
        if comment.removed or _mark(comment) in self._standing or self._is_reader(comment.writer):
            return comment
        return placeholder(comment)

    def _is_reader(self, user_id: str | None) -> bool:
        return user_id is not None and user_id == self._reader

    def _changes(self, before: Note | None, after: Note) -> dict[str, Change]:
        changes = {}
        for name in FIELDS:
            old, new = None if before is None else getattr(before, name), getattr(after, name)
            if old != new:
                changes[name] = (_shown(name, old), _shown(name, new))
        changes |= self._comment_changes(before.comments if before else (), after)
        if self._is_reader(after.owner):
            changes |= _relation_changes(before, after)
        return changes

    def _comment_changes(self, before: Comments, after: Note) -> dict[str, Change]:
        if before is after.comments:
            return {}
        old, new = _by_id(before), _by_id(after.comments)
        return {
            f"comments.{key}": (self._shown(old.get(key), after.id), self._shown(new.get(key), after.id))
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        }

    def _shown(self, comment: Comment | None, note_id: str) -> Any:
        return None if comment is None else comment_response(self.see(comment), note_id)


def _relation_changes(before: Note | None, after: Note) -> dict[str, Change]:
    old = {relation.target: relation.title for relation in (before.relations if before else ())}
    new = {relation.target: relation.title for relation in after.relations}
    return {
        f"relations.{target}": (old.get(target), new.get(target))
        for target in {**old, **new}
        if old.get(target) != new.get(target)
    }


def _is_meant(record: Recorded, version: int | None, as_of: int | None) -> bool:
    if version is not None:
        return record.version == version
    return as_of is None or record.time <= as_of


def _standing(state: NoteState) -> frozenset[Any]:
    comments = state.comments if isinstance(state, Note) else ()
    return frozenset(_mark(comment) for comment in comments if not comment.removed)


def _mark(comment: Comment) -> tuple[str, str | None, int]:
    """Tell a comment from another one that got the id of a removed one."""
    return comment.id, comment.writer, comment.created


def _by_id(comments: Comments) -> dict[str, Comment]:
    return {comment.id: comment for comment in comments}


def _shown(name: str, value: Any) -> Any:
    return to_rfc3339(value) if name in TIMES and value is not None else value
