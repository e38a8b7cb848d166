"""Undo, redo, and going back to an earlier version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.note.command import (
    NoteCommand,
    NoteValues,
    PurgeNote,
    RedoNote,
    RelateNote,
    RestoreNote,
    TagNote,
    TrashNote,
    UndoNote,
    UntagNote,
)
from spikes.domain.note.entity import Note, own_slug_claim, public_slug_claim, values_of
from spikes.domain.note.event import NoteRedone, NoteRestored, NoteUndone, NoteUntrashed
from spikes.domain.note.undo import NOTHING, SIZE, STEPS, Patch, Step, patch
from spikes.domain.refusals import Conflict, Forbidden, NotFound
from spikes.journal.port import Claim
from tests.domain.samples import (
    ANN,
    BLUE,
    BOB,
    HOUR,
    NOTE,
    NOW,
    OTHER_NOTE,
    RED,
    NoteKit,
    comment,
    create,
    new_note,
    note_of_ann,
    update,
)

SLUG = "20261123-my-first-note"
OTHER = {"title": "Other", "body": "Some more text.", "due": NOW + HOUR, "status": "Doing", "access": "Private"}
FIELDS = [*OTHER.items(), ("tags", (RED, BLUE))]
OWN: list[NoteCommand] = [
    UndoNote(),
    RedoNote(),
    RestoreNote(),
    RestoreNote(1, NoteValues("A", "", None, "New", "Public", ())),
]


def run(kit: NoteKit, *commands: NoteCommand, now: int = NOW + 1) -> Note:
    """Let Ann say all this; return the note after it."""
    for command in commands:
        kit.run(command, principal=ANN, now=now)
    assert isinstance(kit.state, Note)
    return kit.state


def values(kit: NoteKit) -> NoteValues:
    assert isinstance(kit.state, Note)
    return values_of(kit.state)


# ------------------------------------------------------------------------------------------------ undo and redo


@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_undo_brings_a_field_back_and_redo_takes_it_again(field: str, value: Any) -> None:
    kit = note_of_ann()
    first = values(kit)
    run(kit, update(**{field: value}))
    undone = kit.run(UndoNote(), principal=ANN, now=NOW + 2)
    assert undone.events == (NoteUndone(NOW + 2, **{field: getattr(first, field)}),)
    assert (values(kit), undone.value.updated) == (first, NOW + 2)
    redone = kit.run(RedoNote(), principal=ANN, now=NOW + 3)
    assert redone.events == (NoteRedone(NOW + 3, **{field: value}),)
    assert getattr(redone.value, field) == value


def test_each_change_is_one_step() -> None:
    kit = note_of_ann()
    states = [values(kit)]
    edits: list[NoteCommand] = [
        update(title="A"),
        update(title="B", body=""),
        TagNote(RED),
        TagNote(BLUE),
        UntagNote(RED),
    ]
    for command in edits:
        run(kit, command)
        states.append(values(kit))
    for state in reversed(states[:-1]):
        run(kit, UndoNote())
        assert values(kit) == state
    for state in states[1:]:
        run(kit, RedoNote())
        assert values(kit) == state


@pytest.mark.parametrize("command", [UndoNote(), RedoNote()])
def test_what_can_not_be_undone_is_a_conflict(command: NoteCommand) -> None:
    kit = note_of_ann()
    assert isinstance(kit.run(command, principal=ANN, now=NOW).refusal, Conflict)
    run(kit, update(title="A"), UndoNote(), RedoNote(), *([UndoNote()] if command == UndoNote() else []))
    assert isinstance(kit.run(command, principal=ANN, now=NOW).refusal, Conflict)


@pytest.mark.parametrize(
    "edit", [update(title="New"), TagNote(RED), RestoreNote(1, NoteValues("R", "", None, "New", "Public", ()))]
)
def test_a_new_edit_leaves_nothing_to_redo(edit: NoteCommand) -> None:
    kit = note_of_ann()
    run(kit, update(title="A"), UndoNote(), edit)
    assert isinstance(kit.run(RedoNote(), principal=ANN, now=NOW).refusal, Conflict)


def test_what_makes_no_event_leaves_redo_alone() -> None:
    kit = note_of_ann()
    run(kit, update(title="A"), UndoNote(), update())
    assert run(kit, RedoNote()).title == "A"


def test_comments_and_relations_neither_undo_nor_block() -> None:
    kit = note_of_ann()
    run(kit, update(title="A"), comment(), RelateNote(OTHER_NOTE, "blocks"), UndoNote(), comment("X"))
    note = run(kit, RelateNote(OTHER_NOTE, "see also"), RedoNote())
    assert note.title == "A"
    assert len(note.comments) == 2
    assert isinstance(kit.run(RedoNote(), principal=ANN, now=NOW).refusal, Conflict)
    assert note.relations[0].title == "see also"


def test_the_trash_is_no_step() -> None:
    kit = note_of_ann()
    run(kit, update(title="A"), TrashNote(), RestoreNote())
    assert run(kit, UndoNote()).title == "My first note"


def test_a_hundred_steps_can_be_undone() -> None:
    kit = note_of_ann()
    run(kit, *[update(title=f"T{number}") for number in range(STEPS + 1)])
    run(kit, *[UndoNote()] * STEPS)
    assert values(kit).title == "T0"
    assert isinstance(kit.run(UndoNote(), principal=ANN, now=NOW).refusal, Conflict)
    assert run(kit, *[RedoNote()] * STEPS).title == f"T{STEPS}"


def test_a_due_time_that_has_passed_comes_back() -> None:
    kit = note_of_ann(due=NOW + HOUR)
    run(kit, update(due=None))
    assert run(kit, UndoNote(), now=NOW + 2 * HOUR).due == NOW + HOUR


def test_undo_lets_go_of_tags_that_are_gone() -> None:
    kit = note_of_ann(tags=(RED, BLUE))
    run(kit, update(tags=()))
    assert run(kit, UndoNote(gone_tags=(RED,))).tags == (BLUE,)
    assert run(kit, RedoNote(), UndoNote()).tags == (BLUE,)


def test_the_state_keeps_only_what_changed_of_a_body() -> None:
    kit = note_of_ann(body="x" * 10_000)
    note = run(kit, update(body="x" * 5_000 + "y" + "x" * 5_000))
    assert note.steps.undo == (Step(body=Patch(5_000, 5_000, "")),)
    assert run(kit, UndoNote()).body == "x" * 10_000
    assert run(kit, RedoNote()).body == "x" * 5_000 + "y" + "x" * 5_000


def test_big_bodies_are_kept_up_to_a_mebibyte() -> None:
    kit = note_of_ann(body="")
    bodies = [letter * 65_000 for letter in "abcdefghijklmnopqrstuvwxyz"]
    run(kit, *[update(body=body) for body in bodies])
    kept = SIZE // 65_000
    note = run(kit)
    assert len(note.steps.undo) == kept
    assert note.steps.size == kept * 65_000
    assert run(kit, *[UndoNote()] * kept).body == bodies[-1 - kept]


def test_the_steps_know_how_much_they_hold() -> None:
    kit = note_of_ann(body="")
    edits = [update(body="x" * (number % 7 + 1) + str(number)) for number in range(STEPS + 5)]
    ways: list[NoteCommand] = [UndoNote(), UndoNote(), UndoNote(), RedoNote(), update(body="other")]
    for command in [*edits, *ways]:
        steps = run(kit, command).steps
        held = [step.body.text for step in (*steps.undo, *steps.redo) if isinstance(step.body, Patch)]
        assert steps.size == len("".join(held))
        assert len(held) <= STEPS


def test_a_step_greater_than_all_room_is_kept_alone() -> None:
    steps = NOTHING.done(Step(title="A")).done(Step(body=Patch(0, 0, "x" * (SIZE + 1))))
    assert [step.title for step in steps.undo] != ["A"]
    assert len(steps.undo) == 1


# ---------------------------------------------------------------------------------------------- slugs, C8


def contended() -> tuple[NoteKit, dict[Claim, str]]:
    """Return Ann's note, private by now, whose public slug Bob has meanwhile."""
    claims: dict[Claim, str] = {}
    kit = note_of_ann(claims)
    run(kit, update(access="Private"))
    new_note(OTHER_NOTE, claims).run(create(id=OTHER_NOTE), principal=BOB, now=NOW)
    return kit, claims


RESTORED = RestoreNote(1, NoteValues("My first note", "Some text.", None, "New", "Public", ()))


@pytest.mark.parametrize("command", [UndoNote(), RESTORED])
def test_c8_a_slug_that_is_gone_gives_way(command: NoteCommand) -> None:
    kit, claims = contended()
    note = run(kit, command)
    assert (note.access, note.slug) == ("Public", f"{SLUG}-3abc")
    assert claims[public_slug_claim(note.slug)] == f"note|{NOTE}"
    assert claims[public_slug_claim(SLUG)] == f"note|{OTHER_NOTE}"


@pytest.mark.parametrize("command", [UndoNote(), RESTORED])
def test_c8_two_slugs_that_are_gone_are_a_conflict(command: NoteCommand) -> None:
    kit, claims = contended()
    claims[public_slug_claim(f"{SLUG}-3abc")] = "note|x"
    before = kit.state
    assert isinstance(kit.run(command, principal=ANN, now=NOW).refusal, Conflict)
    assert kit.state == before


def test_c8_redo_takes_the_slug_anew() -> None:
    claims: dict[Claim, str] = {}
    kit = note_of_ann(claims, access="Private")
    run(kit, update(access="Public"), UndoNote())
    new_note(OTHER_NOTE, claims).run(create(id=OTHER_NOTE), principal=BOB, now=NOW)
    assert run(kit, RedoNote()).slug == f"{SLUG}-3abc"
    assert own_slug_claim(ANN, SLUG) not in claims
    assert run(kit, UndoNote()).slug == f"{SLUG}-3abc"


# ----------------------------------------------------------------------------------------------------- restore


def test_restore_takes_the_values_of_a_version() -> None:
    kit = note_of_ann(tags=(RED,), due=NOW + 1)
    first = values(kit)
    run(kit, update(title="A", body="B", status="Doing", access="Private", tags=()))
    outcome = kit.run(RestoreNote(1, first), principal=ANN, now=NOW + HOUR)
    assert values(kit) == first
    assert isinstance(outcome.events[0], NoteRestored)
    assert outcome.events[0].version == 1


def test_restore_stores_only_what_differs() -> None:
    kit = note_of_ann()
    first = values(kit)
    run(kit, update(title="A"))
    outcome = kit.run(RestoreNote(1, first), principal=ANN, now=NOW + 2)
    assert outcome.events == (NoteRestored(NOW + 2, title="My first note", version=1),)
    assert kit.run(RestoreNote(1, first), principal=ANN, now=NOW).events == ()


def test_restore_can_be_undone() -> None:
    kit = note_of_ann()
    first = values(kit)
    run(kit, update(title="A"), RestoreNote(1, first))
    assert run(kit, UndoNote()).title == "A"
    assert run(kit, RedoNote()).title == "My first note"


def test_c8_restore_leaves_comments_alone() -> None:
    kit = note_of_ann()
    first = values(kit)
    run(kit, update(title="A"), comment(), RelateNote(OTHER_NOTE, "blocks"))
    note = run(kit, RestoreNote(1, first))
    assert (len(note.comments), len(note.relations)) == (1, 1)


def test_restore_lets_go_of_tags_that_are_gone() -> None:
    kit = note_of_ann(tags=(RED, BLUE))
    first = values(kit)
    run(kit, update(tags=()))
    assert run(kit, RestoreNote(1, first, gone_tags=(RED,))).tags == (BLUE,)


def test_a_note_comes_out_of_the_trash() -> None:
    kit = note_of_ann()
    before = kit.state
    run(kit, TrashNote())
    outcome = kit.run(RestoreNote(), principal=ANN, now=NOW + 5)
    assert outcome.events == (NoteUntrashed(NOW + 5),)
    assert outcome.value == before


def test_what_is_not_in_the_trash_does_not_come_out() -> None:
    assert isinstance(note_of_ann().run(RestoreNote(), principal=ANN, now=NOW).refusal, Conflict)


# -------------------------------------------------------------------------------------------- who may do what


@pytest.mark.parametrize("command", OWN)
@pytest.mark.parametrize("caller", [BOB, None])
def test_the_way_back_is_the_owners(command: NoteCommand, caller: str | None) -> None:
    assert isinstance(note_of_ann().run(command, principal=caller, now=NOW).refusal, Forbidden)
    assert note_of_ann(access="Private").run(command, principal=caller, now=NOW).refusal == NotFound("note")
    kit = note_of_ann()
    run(kit, update(title="A"), TrashNote())
    assert kit.run(command, principal=caller, now=NOW).refusal == NotFound("note")


@pytest.mark.parametrize("command", [UndoNote(), RedoNote(), OWN[-1]])
def test_in_the_trash_nothing_is_undone(command: NoteCommand) -> None:
    kit = note_of_ann()
    run(kit, update(title="A"), update(title="B"), UndoNote(), TrashNote())
    assert kit.run(command, principal=ANN, now=NOW).refusal == NotFound("note")


@pytest.mark.parametrize("command", OWN)
def test_what_is_not_there_does_not_come_back(command: NoteCommand) -> None:
    removed = note_of_ann()
    removed.run(PurgeNote(ANN), now=NOW)
    for kit in (new_note(), removed):
        assert kit.run(command, principal=ANN, now=NOW).refusal == NotFound("note")


# ----------------------------------------------------------------------------------------------------- always


texts = st.text(alphabet="ab\u00e9\U0001f600", max_size=30)


@given(texts, texts)
def test_a_patch_makes_one_text_of_another(one: str, other: str) -> None:
    made = patch(one, other)
    assert made.apply(one) == other
    assert made.head + made.tail <= min(len(one), len(other))


@given(st.lists(st.tuples(texts.map("T".__add__), texts, st.sampled_from([(), (RED,)])), max_size=12), st.data())
def test_undo_is_the_inverse_of_every_edit(edits: list[tuple[str, str, Any]], data: st.DataObject) -> None:
    kit = note_of_ann()
    past, future = [values(kit)], list[NoteValues]()
    for title, body, tags in edits:
        run(kit, update(title=title, body=body, tags=tags))
        if values(kit) != past[-1]:
            past.append(values(kit))
            future.clear()
        for _ in range(data.draw(st.integers(0, 3))):
            if data.draw(st.booleans()) and len(past) > 1:
                run(kit, UndoNote())
                future.append(past.pop())
            elif future:
                run(kit, RedoNote())
                past.append(future.pop())
            assert values(kit) == past[-1]


def test_keeps_its_state_after_a_restart() -> None:
    kit = note_of_ann()
    back = RestoreNote(1, values(kit))
    commands: list[NoteCommand] = [
        update(body="Some"),
        UndoNote(),
        RedoNote(),
        back,
        UndoNote(),
        TrashNote(),
        RestoreNote(),
    ]
    for command in commands:
        before = run(kit, command)
        assert kit.restart() == before
    assert run(kit, RedoNote()).body == "Some text."
