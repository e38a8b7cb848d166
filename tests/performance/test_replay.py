"""How fast stored events become state: decoding and the event handler, nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.event import NoteCreated, NoteUpdated
from spikes.domain.user.behavior import user_behavior
from spikes.domain.user.event import SessionEnded, SessionOpened, SessionUsed, UserRegistered, UserUpdated
from spikes.journal.port import Metadata, StoredEvent
from spikes.persistence.behavior import EventSourcedBehavior

EVENTS = 200_000
WANTED = 100_000
"""Events a second."""

BODY = "A body of some hundred characters, as people write them. " * 5
CREATED = NoteCreated("N", "U", "A title", BODY, "20261123-a-title", None, "New", "Public", ("T1", "T2"), 1)
REGISTERED = UserRegistered("U", "Ann", "ann@example.org", "hash", "1990-01-01", None, 1)
OPENED = [SessionOpened(f"S{number}", "token-hash", 1, 2, "curl") for number in range(10)]

STREAMS: dict[str, tuple[EventSourcedBehavior[Any, Any, Any], list[Any], list[Any]]] = {
    "note-updated, one field": (note_behavior, [CREATED], [NoteUpdated(2, status="Doing"), NoteUpdated(2, due=9)]),
    "note-updated, all fields": (
        note_behavior,
        [CREATED],
        [NoteUpdated(2, title=title, body=BODY, due=3, status="Doing", access="Private", tags=()) for title in "xy"],
    ),
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
