"""Whatever is asked of users, notes and tags in whatever order: what always holds.

The test kit itself checks after each command that replay gives the live state, that the state survives being stored
and that the row is a pure function of the events.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.command import (
    ACCESSES,
    STATUSES,
    AddComment,
    CreateNote,
    ForgetWriter,
    GetNote,
    NoteCommand,
    PurgeNote,
    RedoNote,
    RelateNote,
    RemoveComment,
    RestoreNote,
    TagNote,
    TrashNote,
    UndoNote,
    UnrelateNote,
    UntagNote,
    UpdateComment,
    UpdateNote,
)
from spikes.domain.note.comment import Comments, depth, has_answers
from spikes.domain.note.entity import Note, Removed, values_of
from spikes.domain.note.undo import STEPS, Patch
from spikes.domain.rules import ANSWERS
from spikes.domain.slug import is_slug, with_suffix
from spikes.domain.tag.command import CreateTag, DisownTag, GetTag, RemoveTag, TagCommand, UpdateTag
from spikes.domain.tag.entity import Tag
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
    RelateUser,
    RemoveUser,
    UnrelateUser,
    UpdateUser,
    UserCommand,
)
from spikes.domain.user.entity import User
from spikes.journal.port import Claim, StoredEvent
from spikes.persistence.behavior import Context
from spikes.persistence.testkit import BehaviorTestKit
from tests.domain.samples import (
    ANN,
    BLUE,
    BOB,
    CAT,
    HOUR,
    NOTE,
    NOW,
    OTHER_NOTE,
    RED,
    NoteKit,
    new_note,
    new_tag,
    new_user,
    note_of_ann,
)

callers = st.sampled_from([ANN, ANN, ANN, BOB, None])
moments = st.integers(-HOUR, 5 * HOUR).map(lambda offset: NOW + offset)
titles = st.sampled_from(["A", "B", "日本"])
statuses: st.SearchStrategy[Any] = st.sampled_from(STATUSES)
accesses: st.SearchStrategy[Any] = st.sampled_from(ACCESSES)
due_times = st.none() | moments
tags = st.sampled_from([(), (RED,), (RED, BLUE)])
comment_ids = st.integers(0, 5).map(lambda number: f"C{number}")
comments: st.SearchStrategy[NoteCommand] = st.one_of(
    st.builds(AddComment, comment_ids, titles, titles, st.none(), st.integers(0, 5), st.none() | comment_ids),
    st.builds(AddComment, comment_ids, titles, titles, st.none(), st.integers(0, 5), st.none() | comment_ids),
    st.builds(UpdateComment, comment_ids, titles, titles),
    st.builds(RemoveComment, comment_ids),
    st.builds(ForgetWriter, st.sampled_from([ANN, BOB, CAT])),
)
ways_back: st.SearchStrategy[NoteCommand] = st.one_of(
    st.builds(UndoNote, st.sampled_from([(), (RED,)])),
    st.builds(RedoNote, st.sampled_from([(), (RED,)])),
    st.just(RestoreNote()),
)
note_commands: st.SearchStrategy[NoteCommand] = st.one_of(
    comments,
    ways_back,
    st.builds(TagNote, st.sampled_from([RED, BLUE])),
    st.builds(UntagNote, st.sampled_from([RED, BLUE])),
    st.builds(RelateNote, st.sampled_from([NOTE, OTHER_NOTE]), titles),
    st.builds(UnrelateNote, st.just(OTHER_NOTE)),
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
    st.builds(RelateUser, st.sampled_from([ANN, BOB]), names),
    st.just(UnrelateUser(BOB)),
    st.just(GetUser()),
    st.just(RemoveUser()),
    st.just(FinishRemoval()),
)

tag_commands: st.SearchStrategy[TagCommand] = st.one_of(
    st.builds(CreateTag, st.just(RED), titles),
    st.builds(UpdateTag, titles, hashes),
    st.just(GetTag()),
    st.just(RemoveTag()),
    st.builds(DisownTag, st.sampled_from([ANN, BOB])),
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
    check_tree(after.comments)
    check_steps(after)
    own_before, own_after = (msgspec.structs.replace(note, comments=()) for note in (before, after))
    assert own_after == own_before or caller == before.owner
    assert own_after == own_before or before.trashed is None or after.trashed is None


def check_tree(comments: Comments) -> None:
    ids = [each.id for each in comments]
    assert len(ids) == len(set(ids))
    for place, each in enumerate(comments):
        assert each.parent is None or each.parent in ids[:place]
        assert depth(comments, each.parent) <= ANSWERS
        assert each.removed == (each.writer is None) == (each.title is None) == (each.body is None)


def check_steps(note: Note) -> None:
    """Undo all that can be undone, and redo it: what was in between does not matter."""
    steps = (*note.steps.undo, *note.steps.redo)
    assert len(steps) <= STEPS
    assert note.steps.size == sum(len(step.body.text) for step in steps if isinstance(step.body, Patch))
    state = note
    for command, count in ((UndoNote(), len(note.steps.undo)), (RedoNote(), len(note.steps.undo))):
        for _ in range(count if note.trashed is None else 0):
            (event,) = note_behavior.command_handler(
                state, command, Context(note.updated, "attempt", note.owner)
            ).events
            after = note_behavior.event_handler(state, event)
            assert isinstance(after, Note)
            state = after
    assert values_of(state) == values_of(note)


@given(st.lists(st.tuples(comments, st.sampled_from([ANN, BOB, CAT])), max_size=40))
def test_comments_stay_a_tree(todo: list[tuple[NoteCommand, str]]) -> None:
    kit = note_of_ann()
    for command, caller in todo:
        note = kit.run(command, principal=caller, now=NOW).state
        assert isinstance(note, Note)
        check_tree(note.comments)
        if not was_anybody_forgotten(kit):
            assert all(has_answers(note.comments, each.id) for each in note.comments if each.removed)
    last = kit.state
    assert kit.restart() == last


def was_anybody_forgotten(kit: NoteKit) -> bool:
    return any(event.type.startswith("comment-writer-forgotten") for event in kit.stored)


@given(steps(tag_commands), st.booleans())
def test_a_tag_keeps_its_promises(todo: list[tuple[TagCommand, str | None, int]], contended: bool) -> None:
    claims: dict[Claim, str] = {}
    if contended:
        new_tag(BLUE, claims).run(CreateTag(BLUE, "a"), principal=BOB, now=NOW)
    kit = new_tag(claims=claims)
    for command, caller, now in todo:
        before = kit.state
        after = kit.run(command, principal=caller, now=now).state
        if isinstance(before, Tag) and isinstance(after, Tag):
            assert after == before or caller == before.owner or after.owner is None
    assert times_grow(kit.stored)
    assert claims_fit(kit, claims)
    last = kit.state
    assert kit.restart() == last


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
