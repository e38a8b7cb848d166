"""How fast stored events become state, and what a note with a thousand comments costs."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from spikes.bootstrap import start_entities
from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.command import AddComment, CreateNote
from spikes.domain.note.event import (
    CommentAdded,
    CommentRemoved,
    CommentUpdated,
    NoteCreated,
    NoteRelated,
    NoteUndone,
    NoteUnrelated,
    NoteUpdated,
)
from spikes.domain.rules import COMMENTS
from spikes.domain.tag.behavior import tag_behavior
from spikes.domain.tag.event import TagCreated, TagUpdated
from spikes.domain.user.behavior import user_behavior
from spikes.domain.user.event import SessionEnded, SessionOpened, SessionUsed, UserRegistered, UserUpdated
from spikes.journal.port import Metadata, StoredEvent
from spikes.persistence.behavior import EventSourcedBehavior
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Success
from spikes.settings import Settings

EVENTS = 200_000
WANTED = 100_000
"""Events a second."""

BODY = "A body of some hundred characters, as people write them. " * 5
CREATED = NoteCreated("N", "U", "A title", BODY, "20261123-a-title", None, "New", "Public", ("T1", "T2"), 1)
COMMENTED = CommentAdded("C", "V", None, "Well", BODY, None, 3, 2)
REGISTERED = UserRegistered("U", "Ann", "ann@example.org", "hash", "1990-01-01", None, 1)
OPENED = [SessionOpened(f"S{number}", "token-hash", 1, 2, "curl") for number in range(10)]

STREAMS: dict[str, tuple[EventSourcedBehavior[Any, Any, Any], list[Any], list[Any]]] = {
    "note-updated, one field": (note_behavior, [CREATED], [NoteUpdated(2, status="Doing"), NoteUpdated(2, due=9)]),
    "note-updated, all fields": (
        note_behavior,
        [CREATED],
        [NoteUpdated(2, title=title, body=BODY, due=3, status="Doing", access="Private", tags=()) for title in "xy"],
    ),
    "note-updated and undone": (note_behavior, [CREATED], [NoteUpdated(2, body=BODY + "!"), NoteUndone(3, body=BODY)]),
    "note-related and unrelated": (note_behavior, [CREATED], [NoteRelated("M", "blocks", 2), NoteUnrelated("M", 3)]),
    "comment-added and removed": (
        note_behavior,
        [CREATED],
        [CommentAdded("C", "V", None, "Well", BODY, None, 3, 2), CommentRemoved("C", 3)],
    ),
    "comment-updated": (note_behavior, [CREATED, COMMENTED], [CommentUpdated("C", 3, title="Oh")]),
    "tag-updated": (tag_behavior, [TagCreated("T", "U", "Red", "ff0000", 1)], [TagUpdated("Red", "dc143c", 2)]),
    "user-updated": (user_behavior, [REGISTERED], [UserUpdated("Anna", "1990-01-01", "I write.", 2)]),
    "session-opened and ended": (user_behavior, [REGISTERED], [OPENED[0], SessionEnded(("S0",), 2)]),
    "session-used, of 10": (user_behavior, [REGISTERED, *OPENED], [SessionUsed("S5", 3)]),
}


def stored(behavior: EventSourcedBehavior[Any, Any, Any], first: list[Any], then: list[Any]) -> list[StoredEvent]:
    """Return a stream that begins with `first` and goes on with `then`, again and again."""
    metadata = Metadata(1, "attempt")
    events = first + [then[number % len(then)] for number in range(EVENTS - len(first))]
    return [StoredEvent(number, *behavior.events.encode(event), metadata) for number, event in enumerate(events, 1)]


@pytest.mark.bench
@pytest.mark.parametrize("name", STREAMS)
def test_replay_folds_100_000_events_a_second(name: str) -> None:
    behavior, first, then = STREAMS[name]
    stream = stored(behavior, first, then)
    begin = time.perf_counter()
    folded = behavior.fold(behavior.start(), stream)
    speed = EVENTS / (time.perf_counter() - begin)
    print(f"\nreplay of {name}: {speed:,.0f} events/s")
    assert folded.sequence_nr == EVENTS
    assert speed >= WANTED


@pytest.mark.bench
async def test_a_thousandth_comment_takes_under_10_ms(tmp_path: Path) -> None:
    async with start_entities(Settings(journal=f"sqlite:///{tmp_path}/spikes.db")) as (entities, _):
        note = PersistenceId("note", "N")
        await entities.ask(note, CreateNote("N", "A title", BODY), principal="U")
        times = []
        for number in range(COMMENTS):
            begin = time.perf_counter()
            answer = await entities.ask(note, AddComment(f"C{number}", "Well", BODY * 3), principal=f"V{number % 90}")
            assert isinstance(answer.status, Success)
            times.append((time.perf_counter() - begin) * 1000)
    print(f"\na comment: the first 100 {median(times[:100]):.1f} ms, the last 100 {median(times[-100:]):.1f} ms")
    assert median(times[-100:]) < 10
