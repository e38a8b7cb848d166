"""Whatever is asked of users and notes in whatever order: what always holds.

The test kit itself checks after each command that replay gives the live state, that the state survives being stored
and that the row is a pure function of the events.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spikes.domain.note.command import (
    ACCESSES,
    STATUSES,
    CreateNote,
    GetNote,
    NoteCommand,
    PurgeNote,
    TrashNote,
    UpdateNote,
)
from spikes.domain.note.entity import Note, Removed
from spikes.domain.slug import is_slug, with_suffix
from spikes.domain.user.behavior import SESSIONS
from spikes.domain.user.command import (
    Authenticate,
    EndSession,
    ExpireSessions,
    FinishRemoval,
    GetUser,
    ListSessions,
    Login,
    Register,
    RemoveUser,
    UpdateUser,
    UserCommand,
)
from spikes.domain.user.entity import User
from spikes.journal.port import Claim, StoredEvent
from spikes.persistence.testkit import BehaviorTestKit
from tests.domain.samples import ANN, BLUE, BOB, HOUR, NOTE, NOW, OTHER_NOTE, RED, new_note, new_user

callers = st.sampled_from([ANN, ANN, ANN, BOB, None])
moments = st.integers(-HOUR, 5 * HOUR).map(lambda offset: NOW + offset)
titles = st.sampled_from(["A", "B", "日本"])
statuses: st.SearchStrategy[Any] = st.sampled_from(STATUSES)
accesses: st.SearchStrategy[Any] = st.sampled_from(ACCESSES)
due_times = st.none() | moments
tags = st.sampled_from([(), (RED,), (RED, BLUE)])
note_commands: st.SearchStrategy[NoteCommand] = st.one_of(
    st.builds(CreateNote, st.just(NOTE), titles, titles, due_times, statuses, accesses, tags),
    st.builds(UpdateNote, titles, titles, due_times, statuses, accesses, st.none() | tags),
    st.builds(UpdateNote, titles, titles, due_times, statuses, accesses, st.none() | tags),
    st.just(GetNote()),
    st.just(TrashNote()),
    st.builds(PurgeNote, st.sampled_from([ANN, BOB])),
)

sessions = st.integers(0, 60).map(lambda number: f"S{number}")
hashes = st.sampled_from(["h1", "h2"])
names = st.sampled_from(["Ann", "Eve"])
user_commands: st.SearchStrategy[UserCommand] = st.one_of(
    st.builds(Register, st.just(ANN), names, names, hashes, st.just("1990-01-01")),
    st.builds(Login, sessions, sessions, moments, st.none(), hashes),
    st.builds(Login, sessions, sessions, st.just(NOW + 9 * HOUR), st.none(), st.just("h1")),
    st.builds(UpdateUser, sessions, st.none() | names, st.none() | hashes),
    st.builds(Authenticate, sessions),
    st.builds(EndSession, sessions),
    st.just(ListSessions()),
    st.just(ExpireSessions()),
    st.just(GetUser()),
    st.just(RemoveUser()),
    st.just(FinishRemoval()),
)


def steps(commands: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[Any, str | None, int]]]:
    return st.lists(st.tuples(commands, callers, moments), max_size=30)


def times_grow(stored: list[StoredEvent]) -> bool:
    return all(one.metadata.time <= other.metadata.time for one, other in pairwise(stored))


def claims_fit(kit: BehaviorTestKit[Any, Any, Any], claims: dict[Claim, str]) -> bool:
    held = {claim for claim, holder in claims.items() if holder == kit.persistence_id}
    return held == set(kit.behavior.unique(kit.state))


@given(steps(note_commands), st.booleans())
def test_a_note_keeps_its_promises(todo: list[tuple[NoteCommand, str | None, int]], contended: bool) -> None:
    claims: dict[Claim, str] = {}
    if contended:
        new_note(OTHER_NOTE, claims).run(CreateNote(OTHER_NOTE, "A", ""), principal=BOB, now=NOW)
    kit = new_note(claims=claims)
    for command, caller, now in todo:
        before = kit.state
        after = kit.run(command, principal=caller, now=now).state
        if isinstance(before, Note) and isinstance(after, Note):
            check_change(before, after, caller)
        assert after == before or not isinstance(before, Removed)
    assert times_grow(kit.stored)
    assert claims_fit(kit, claims)
    last = kit.state
    assert kit.restart() == last


def check_change(before: Note, after: Note, caller: str | None) -> None:
    assert (before.id, before.owner, before.created) == (after.id, after.owner, after.created)
    assert after.slug in (before.slug, with_suffix(before.slug, before.id))
    assert is_slug(after.slug)
    assert after.updated >= before.updated
    assert after == before or caller == before.owner
    assert after == before or before.trashed is None


@given(steps(user_commands))
def test_a_user_keeps_their_promises(todo: list[tuple[UserCommand, str | None, int]]) -> None:
    claims: dict[Claim, str] = {}
    kit = new_user(claims=claims)
    for command, caller, now in todo:
        kit.run(command, principal=caller, now=now)
        if isinstance(kit.state, User):
            check_sessions(kit.state)
    assert times_grow(kit.stored)
    assert claims_fit(kit, claims)
    last = kit.state
    assert kit.restart() == last


def check_sessions(user: User) -> None:
    ids = [session.id for session in user.sessions]
    assert len(ids) == len(set(ids)) <= SESSIONS
    assert all(one.created <= other.created for one, other in pairwise(user.sessions))


@settings(max_examples=20)
@given(st.lists(sessions, min_size=100, max_size=200))
def test_there_are_never_too_many_sessions(session_ids: list[str]) -> None:
    kit = new_user()
    kit.run(Register(ANN, "Ann", "a@b.co", "h1", "1990-01-01"), now=NOW)
    for number, session_id in enumerate(session_ids):
        kit.run(Login(session_id, session_id, NOW + HOUR, None, "h1"), now=NOW + number)
    assert isinstance(kit.state, User)
    check_sessions(kit.state)
    assert kit.state.sessions[-1].id == session_ids[-1] or session_ids[-1] in session_ids[:-1]
