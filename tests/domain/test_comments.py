"""What is said about a note."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from spikes.domain.note.behavior import command_handler
from spikes.domain.note.command import ForgetWriter, NoteCommand, PurgeNote, RemoveComment, TrashNote
from spikes.domain.note.comment import Comment
from spikes.domain.note.entity import Note
from spikes.domain.note.event import CommentAdded, CommentRemoved, CommentUpdated, CommentWriterForgotten
from spikes.domain.note.response import comment_response, note_response
from spikes.domain.refusals import Conflict, Forbidden, IdTaken, InvalidField, NotFound
from spikes.domain.rules import ANSWERS, COMMENT_BODY, COMMENTS, COMMENTS_SIZE
from spikes.persistence.behavior import Context
from tests.domain.samples import (
    ANN,
    BOB,
    CAT,
    FOUR,
    NOTE,
    NOW,
    ONE,
    THREE,
    TWO,
    NoteKit,
    comment,
    new_note,
    note_of_ann,
    recomment,
    update,
)

BOBS = Comment(ONE, BOB, "Well", "I see.", NOW + 1, None, "ff8800", 3)
EVERY: list[NoteCommand] = [comment(), recomment(), RemoveComment(ONE)]


def discussed(**changes: Any) -> NoteKit:
    """Return a note of Ann's: Bob has commented, Cat has answered, Ann has answered that."""
    kit = note_of_ann(**changes)
    for number, (writer, each) in enumerate([(BOB, comment()), (CAT, comment(TWO, ONE)), (ANN, comment(THREE, TWO))]):
        kit.run(each, principal=writer, now=NOW + 1 + number)
    return kit


def comments(kit: NoteKit) -> dict[str, Comment]:
    assert isinstance(kit.state, Note)
    return {each.id: each for each in kit.state.comments}


def parts(kit: NoteKit) -> dict[str, Any]:
    assert kit.row is not None
    assert kit.row.index is not None
    return dict(kit.row.index.search)


def terms(kit: NoteKit, name: str) -> set[str]:
    assert kit.row is not None
    assert kit.row.index is not None
    return {value for term, value in kit.row.index.terms if term == name}


# -------------------------------------------------------------------------------------------------------- add


def test_whoever_sees_a_note_may_comment() -> None:
    outcome = note_of_ann().run(comment(), principal=BOB, now=NOW + 1)
    assert outcome.events == (CommentAdded(ONE, BOB, None, "Well", "I see.", "ff8800", 3, NOW + 1),)
    assert outcome.value.comments == (BOBS,)
    assert outcome.value.updated == NOW


def test_comments_keep_the_order_of_writing() -> None:
    kit = discussed()
    kit.run(comment(FOUR, ONE), principal=BOB, now=NOW + 9)
    assert list(comments(kit)) == [ONE, TWO, THREE, FOUR]


def test_nobody_in_particular_can_not_comment() -> None:
    assert isinstance(note_of_ann().run(comment(), now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("command", EVERY)
@pytest.mark.parametrize("caller", [BOB, CAT, None])
def test_what_is_private_is_not_commented_on(command: NoteCommand, caller: str | None) -> None:
    kit = discussed()
    kit.run(update(access="Private"), principal=ANN, now=NOW)
    assert kit.run(command, principal=caller, now=NOW).refusal == NotFound("note")


@pytest.mark.parametrize("command", EVERY)
def test_what_is_not_there_is_not_commented_on(command: NoteCommand) -> None:
    trashed, removed = discussed(), discussed()
    trashed.run(TrashNote(), principal=ANN, now=NOW)
    removed.run(PurgeNote(ANN), now=NOW)
    for kit in (new_note(), trashed, removed):
        assert kit.run(command, principal=ANN, now=NOW).refusal == NotFound("note")


def test_c5_a_comment_run_again_is_done() -> None:
    kit = discussed()
    again = kit.run(comment(), principal=BOB, now=NOW + 5)
    assert (again.events, again.value) == ((), kit.state)


@pytest.mark.parametrize(
    ("command", "caller"),
    [(comment(), CAT), (comment(body="Other"), BOB), (comment(parent=TWO), BOB), (comment(stars=0), BOB)],
)
def test_an_id_of_another_comment_is_taken(command: NoteCommand, caller: str) -> None:
    assert discussed().run(command, principal=caller, now=NOW + 1).refusal == IdTaken(ONE)


# ---------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("parent", [FOUR, NOTE])
def test_an_answer_needs_a_comment_of_this_note(parent: str) -> None:
    refusal = discussed().run(comment("X", parent), principal=BOB, now=NOW).refusal
    assert isinstance(refusal, InvalidField)
    assert refusal.field == "Comment.parent"
    assert parent in refusal.error


def test_a_place_holder_is_not_answered() -> None:
    kit = discussed()
    kit.run(RemoveComment(ONE), principal=BOB, now=NOW)
    assert isinstance(kit.run(comment(FOUR, ONE), principal=CAT, now=NOW).refusal, InvalidField)


def test_answers_go_twenty_deep() -> None:
    kit = note_of_ann()
    kit.run(comment("C0"), principal=BOB, now=NOW)
    for number in range(ANSWERS):
        kit.run(comment(f"C{number + 1}", f"C{number}"), principal=BOB, now=NOW)
    assert len(comments(kit)) == ANSWERS + 1
    assert isinstance(kit.run(comment("deep", f"C{ANSWERS}"), principal=BOB, now=NOW).refusal, Conflict)
    assert kit.run(comment("flat", f"C{ANSWERS - 1}"), principal=BOB, now=NOW).value


# ----------------------------------------------------------------------------------------------------- limits


def filled(*comments: Comment) -> Note:
    note = note_of_ann().state
    assert isinstance(note, Note)
    return msgspec.structs.replace(note, comments=comments)


def decide(note: Note, command: NoteCommand, caller: str = BOB) -> Any:
    return command_handler(note, command, Context(NOW, "attempt", caller))


def test_a_note_has_a_thousand_comments() -> None:
    many = [Comment(f"C{number}", BOB, "T", "", NOW) for number in range(COMMENTS)]
    assert decide(filled(*many[1:]), comment("new")).events
    assert not decide(filled(*many), comment("new")).events
    assert decide(filled(*many), recomment("C5")).events


def test_the_comments_of_a_note_have_a_mebibyte() -> None:
    new = comment("new", title="é", body="é" * 49)
    room = COMMENTS_SIZE - 100
    assert decide(filled(Comment(ONE, BOB, "T", "x" * (room - 1), NOW)), new).events
    assert not decide(filled(Comment(ONE, BOB, "T", "x" * room, NOW)), new).events


def test_a_change_counts_what_it_replaces() -> None:
    big = Comment(ONE, BOB, "T", "x" * (COMMENTS_SIZE - COMMENT_BODY - 1), NOW)
    small = Comment(TWO, BOB, "T", "x" * 10, NOW)
    assert decide(filled(big, small), recomment(TWO, title="T", body="x" * (COMMENT_BODY - 1))).events
    assert not decide(filled(big, small), recomment(TWO, title="T", body="x" * COMMENT_BODY)).events
    assert decide(filled(big, small), recomment(TWO, title="T", body="")).events


# ----------------------------------------------------------------------------------------------------- change


@pytest.mark.parametrize(("field", "value"), [("title", "Oh"), ("body", ""), ("color", None), ("stars", 5)])
def test_a_change_stores_only_what_changed(field: str, value: Any) -> None:
    kit = discussed()
    outcome = kit.run(recomment(**{field: value}), principal=BOB, now=NOW + 9)
    assert outcome.events == (CommentUpdated(ONE, NOW + 9, **{field: value}),)
    assert getattr(comments(kit)[ONE], field) == value
    assert comments(kit)[ONE].created == NOW + 1


def test_a_change_of_nothing_stores_nothing() -> None:
    kit = discussed()
    outcome = kit.run(recomment(), principal=BOB, now=NOW + 9)
    assert (outcome.events, outcome.value) == ((), kit.state)


@pytest.mark.parametrize("caller", [ANN, CAT])
def test_a_comment_is_its_writers_to_change(caller: str) -> None:
    assert isinstance(discussed().run(recomment(), principal=caller, now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("command", [recomment(FOUR), RemoveComment(FOUR)])
def test_a_comment_that_is_not_there_is_not_found(command: NoteCommand) -> None:
    assert discussed().run(command, principal=ANN, now=NOW).refusal == NotFound("comment")


def test_an_answer_stays_where_it_is() -> None:
    kit = discussed()
    assert kit.run(recomment(TWO, parent=ONE, body="Oh"), principal=CAT, now=NOW).value
    refusal = kit.run(recomment(TWO, parent=THREE), principal=CAT, now=NOW).refusal
    assert isinstance(refusal, InvalidField)
    assert refusal.field == "Comment.parent"


# ----------------------------------------------------------------------------------------------------- remove


@pytest.mark.parametrize("caller", [ANN, BOB])
def test_a_removed_comment_with_answers_keeps_its_place(caller: str) -> None:
    kit = discussed()
    outcome = kit.run(RemoveComment(ONE), principal=caller, now=NOW + 9)
    assert outcome.events == (CommentRemoved(ONE, NOW + 9),)
    assert comments(kit)[ONE] == Comment(ONE, None, None, None, NOW + 1, removed=True)
    assert comments(kit)[TWO].parent == ONE


def test_a_removed_comment_without_answers_goes() -> None:
    kit = discussed()
    kit.run(RemoveComment(THREE), principal=ANN, now=NOW)
    assert list(comments(kit)) == [ONE, TWO]


def test_place_holders_go_with_their_last_answer() -> None:
    kit = discussed()
    kit.run(comment(FOUR, ONE), principal=BOB, now=NOW)
    for each in (ONE, TWO, THREE):
        kit.run(RemoveComment(each), principal=ANN, now=NOW)
    assert list(comments(kit)) == [ONE, FOUR]
    kit.run(RemoveComment(FOUR), principal=BOB, now=NOW)
    assert comments(kit) == {}


def test_others_do_not_remove_a_comment() -> None:
    assert isinstance(discussed().run(RemoveComment(ONE), principal=CAT, now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("caller", [ANN, BOB])
def test_a_place_holder_is_no_comment_any_more(caller: str) -> None:
    kit = discussed()
    kit.run(RemoveComment(ONE), principal=BOB, now=NOW)
    for command in (recomment(), RemoveComment(ONE)):
        assert kit.run(command, principal=caller, now=NOW).refusal == NotFound("comment")


# ----------------------------------------------------------------------------------- a writer who is no more


def test_c9_a_leaving_writer_takes_the_text_along() -> None:
    kit = discussed()
    outcome = kit.run(ForgetWriter(CAT), now=NOW + 9)
    assert outcome.events == (CommentWriterForgotten(CAT, NOW + 9),)
    assert outcome.value is None
    assert comments(kit)[TWO] == Comment(TWO, None, None, None, NOW + 2, ONE, removed=True)
    assert [comments(kit)[each].writer for each in (ONE, THREE)] == [BOB, ANN]


def test_c9_comments_without_answers_leave_place_holders_too() -> None:
    kit = discussed()
    kit.run(ForgetWriter(ANN), now=NOW)
    assert comments(kit)[THREE].removed


def test_c9_the_owner_may_clear_away_such_a_place_holder() -> None:
    kit = discussed()
    kit.run(ForgetWriter(CAT), now=NOW)
    kit.run(RemoveComment(THREE), principal=ANN, now=NOW)
    kit.run(comment(TWO, ONE), principal=CAT, now=NOW)
    kit.run(ForgetWriter(CAT), now=NOW)
    assert kit.run(RemoveComment(TWO), principal=BOB, now=NOW).refusal == NotFound("comment")
    assert [each.id for each in kit.run(RemoveComment(TWO), principal=ANN, now=NOW).value.comments] == [ONE]


def test_c9_forgetting_reaches_the_trash() -> None:
    kit = discussed()
    kit.run(TrashNote(), principal=ANN, now=NOW)
    kit.run(ForgetWriter(BOB), now=NOW)
    assert comments(kit)[ONE].removed


def test_c9_forgetting_can_be_asked_for_again() -> None:
    kit, removed = discussed(), discussed()
    kit.run(ForgetWriter(BOB), now=NOW)
    removed.run(PurgeNote(ANN), now=NOW)
    for each in (kit, removed, new_note()):
        outcome = each.run(ForgetWriter(BOB), now=NOW)
        assert (outcome.events, outcome.value) == ((), None)


# ------------------------------------------------------------------------------------------ lists and answers


def test_each_comment_is_a_search_part_of_its_own() -> None:
    kit = discussed()
    kit.run(recomment(body="Élan"), principal=BOB, now=NOW)
    kit.run(RemoveComment(TWO), principal=CAT, now=NOW)
    own = ("My first note", "Some text.")
    assert parts(kit) == {"": own, ONE: ("Well", "Élan"), THREE: ("Well", "I see.")}


def test_an_append_names_the_one_part_that_changed() -> None:
    kit = discussed()
    kit.run(comment(FOUR), principal=BOB, now=NOW)
    assert kit.row is not None
    assert kit.row.index is not None
    assert kit.row.index.changed == frozenset({FOUR})


def test_c9_a_note_is_found_by_who_commented() -> None:
    kit = discussed()
    assert terms(kit, "commenter") == {ANN, BOB, CAT}
    kit.run(ForgetWriter(BOB), now=NOW)
    kit.run(RemoveComment(THREE), principal=ANN, now=NOW)
    assert terms(kit, "commenter") == {CAT}


def test_a_list_counts_comments_but_no_place_holders() -> None:
    kit = discussed()
    kit.run(RemoveComment(ONE), principal=BOB, now=NOW)
    assert kit.row is not None
    assert kit.row.index is not None
    assert b'"commentCount":2' in kit.row.index.item


def test_a_comment_shows_every_key() -> None:
    shown = msgspec.to_builtins(comment_response(BOBS, NOTE))
    assert shown == {
        "id": ONE,
        "writer": BOB,
        "noteId": NOTE,
        "parent": None,
        "title": "Well",
        "body": "I see.",
        "color": "ff8800",
        "stars": 3,
        "created": "2026-11-23T10:00:00.001Z",
        "removed": False,
    }


def test_a_place_holder_shows_no_text_and_no_writer() -> None:
    kit = discussed()
    kit.run(RemoveComment(ONE), principal=BOB, now=NOW)
    assert isinstance(kit.state, Note)
    shown = note_response(kit.state, 5).comments[0]
    assert shown.removed
    assert (shown.writer, shown.title, shown.body, shown.color, shown.stars) == (None, None, None, None, 0)


def test_keeps_its_state_after_a_restart() -> None:
    kit = discussed()
    commands: list[NoteCommand] = [recomment(body="Oh"), RemoveComment(ONE), comment(FOUR), ForgetWriter(CAT)]
    for command in commands:
        before = kit.run(command, principal=BOB, now=NOW).state
        assert kit.restart() == before
