"""How a note behaves."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.domain.note.command import CreateNote, GetNote, NoteCommand, PurgeNote, TrashNote
from spikes.domain.note.entity import Absent, Note, Removed, own_slug_claim, public_slug_claim
from spikes.domain.note.event import NoteCreated, NoteRemoved, NoteTrashed, NoteUpdated
from spikes.domain.refusals import Conflict, Forbidden, IdTaken, InvalidField, NotFound
from spikes.journal.port import Claim, CommandKey
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
    create,
    new_note,
    note_of_ann,
    update,
)

SLUG = "20261123-my-first-note"
OTHERS: list[NoteCommand] = [update(), TrashNote()]


def trashed_note() -> NoteKit:
    kit = note_of_ann()
    kit.run(TrashNote(), principal=ANN, now=NOW + 1)
    return kit


def removed_note() -> NoteKit:
    kit = note_of_ann()
    kit.run(PurgeNote(ANN), now=NOW + 1)
    return kit


# ----------------------------------------------------------------------------------------------------- create


def test_a_new_note_belongs_to_the_caller() -> None:
    note = new_note().run(create(tags=(RED,), due=NOW + HOUR), principal=ANN, now=NOW).value
    assert note == Note(
        id=NOTE,
        owner=ANN,
        title="My first note",
        body="Some text.",
        slug=SLUG,
        due=NOW + HOUR,
        status="New",
        access="Public",
        tags=(RED,),
        created=NOW,
        updated=NOW,
    )


def test_nobody_can_write_a_note_for_nobody() -> None:
    assert isinstance(new_note().run(create(), now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("due", [NOW, NOW - 1, 0])
def test_a_new_note_is_due_in_the_future(due: int) -> None:
    refusal = new_note().run(create(due=due), principal=ANN, now=NOW).refusal
    assert isinstance(refusal, InvalidField)
    assert refusal.field == "Note.due"
    assert refusal.error.startswith("invalid: ")


def test_an_id_of_another_note_is_taken() -> None:
    kit = note_of_ann()
    assert kit.run(create(), principal=BOB, now=NOW).refusal == IdTaken(NOTE)
    assert kit.run(create(title="Another"), principal=ANN, now=NOW).refusal == IdTaken(NOTE)
    assert kit.run(create(), principal=ANN, now=NOW + 1).refusal == IdTaken(NOTE)


def test_c5_a_create_run_again_meets_its_own_note() -> None:
    kit = note_of_ann()
    again = kit.run(create(), principal=ANN, now=NOW)
    assert again.value == kit.state
    assert again.events == ()


def test_an_id_stays_taken_after_removal() -> None:
    assert removed_note().run(create(), principal=ANN, now=NOW).refusal == IdTaken(NOTE)


# ------------------------------------------------------------------------------------------------------ slugs


def test_an_owner_has_a_slug_only_once() -> None:
    claims: dict[Claim, str] = {}
    note_of_ann(claims)
    refusal = new_note(OTHER_NOTE, claims).run(create(id=OTHER_NOTE), principal=ANN, now=NOW).refusal
    assert refusal == Conflict(f"you already have a note with the slug {SLUG}", NOTE)


@pytest.mark.parametrize("access", ["Private", "Public"])
def test_a_trashed_note_keeps_its_slug(access: Any) -> None:
    claims: dict[Claim, str] = {}
    note_of_ann(claims, access=access).run(TrashNote(), principal=ANN, now=NOW)
    refusal = new_note(OTHER_NOTE, claims).run(create(id=OTHER_NOTE), principal=ANN, now=NOW).refusal
    assert isinstance(refusal, Conflict)


def test_another_owners_slug_is_told_apart() -> None:
    claims: dict[Claim, str] = {}
    note_of_ann(claims)
    note = new_note(OTHER_NOTE, claims).run(create(id=OTHER_NOTE), principal=BOB, now=NOW).value
    assert note.slug == f"{SLUG}-3xyz"
    assert claims[public_slug_claim(note.slug)] == claims[own_slug_claim(BOB, note.slug)] == f"note|{OTHER_NOTE}"


def test_private_notes_of_two_owners_share_a_slug() -> None:
    claims: dict[Claim, str] = {}
    note_of_ann(claims, access="Private")
    other = new_note(OTHER_NOTE, claims).run(create(id=OTHER_NOTE, access="Private"), principal=BOB, now=NOW)
    assert other.value.slug == SLUG


def test_a_private_note_that_becomes_public_gives_way() -> None:
    claims: dict[Claim, str] = {}
    note_of_ann(claims)
    kit = new_note(OTHER_NOTE, claims)
    kit.run(create(id=OTHER_NOTE, access="Private"), principal=BOB, now=NOW)
    note = kit.run(update(access="Public", status="Doing"), principal=BOB, now=NOW).value
    assert (note.slug, note.access, note.status) == (f"{SLUG}-3xyz", "Public", "Doing")
    assert own_slug_claim(BOB, SLUG) not in claims


def test_a_note_that_becomes_private_frees_its_slug() -> None:
    claims: dict[Claim, str] = {}
    note_of_ann(claims).run(update(access="Private"), principal=ANN, now=NOW)
    other = new_note(OTHER_NOTE, claims).run(create(id=OTHER_NOTE), principal=BOB, now=NOW)
    assert other.value.slug == SLUG


def test_a_slug_that_is_taken_twice_is_a_conflict() -> None:
    claims = {public_slug_claim(SLUG): "note|x", public_slug_claim(f"{SLUG}-3abc"): "note|y"}
    refusal = new_note(claims=claims).run(create(), principal=ANN, now=NOW).refusal
    assert isinstance(refusal, Conflict)
    assert refusal.id is None


def test_a_public_slug_taken_twice_stops_an_update() -> None:
    claims = {public_slug_claim(SLUG): "note|x", public_slug_claim(f"{SLUG}-3abc"): "note|y"}
    kit = note_of_ann(claims, access="Private")
    assert isinstance(kit.run(update(), principal=ANN, now=NOW).refusal, Conflict)


def test_an_own_note_in_the_way_stops_an_update() -> None:
    claims: dict[Claim, str] = {public_slug_claim(SLUG): "note|x"}
    claims[own_slug_claim(ANN, f"{SLUG}-3abc")] = f"note|{OTHER_NOTE}"
    refusal = note_of_ann(claims, access="Private").run(update(), principal=ANN, now=NOW).refusal
    assert refusal == Conflict(f"you already have a note with the slug {SLUG}-3abc", OTHER_NOTE)


def test_a_new_title_keeps_the_slug() -> None:
    assert note_of_ann().run(update(title="Another"), principal=ANN, now=NOW).value.slug == SLUG


def test_a_removed_note_frees_its_slugs() -> None:
    claims: dict[Claim, str] = {}
    note_of_ann(claims).run(PurgeNote(ANN), now=NOW)
    assert claims == {}


# ----------------------------------------------------------------------------------------------------- update


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "Another"),
        ("body", ""),
        ("due", NOW + HOUR),
        ("status", "Completed"),
        ("access", "Private"),
        ("tags", (BLUE, RED)),
    ],
)
def test_an_update_stores_only_what_changed(field: str, value: Any) -> None:
    outcome = note_of_ann().run(update(**{field: value}), principal=ANN, now=NOW + 5)
    assert outcome.events == (NoteUpdated(updated=NOW + 5, **{field: value}),)
    assert getattr(outcome.value, field) == value
    assert (outcome.value.created, outcome.value.updated) == (NOW, NOW + 5)


def test_an_update_that_changes_nothing_stores_nothing() -> None:
    outcome = note_of_ann().run(update(tags=()), principal=ANN, now=NOW + 5)
    assert outcome.events == ()
    assert outcome.value.updated == NOW


def test_due_left_out_is_cleared_tags_are_kept() -> None:
    note = note_of_ann(due=NOW + HOUR, tags=(RED,)).run(update(), principal=ANN, now=NOW).value
    assert (note.due, note.tags) == (None, (RED,))


def test_a_due_time_may_pass_if_it_stays() -> None:
    kit = note_of_ann(due=NOW + HOUR)
    assert kit.run(update(due=NOW + HOUR, title="Late"), principal=ANN, now=NOW + 2 * HOUR).value.title == "Late"
    assert isinstance(kit.run(update(due=NOW + HOUR + 1), principal=ANN, now=NOW + 2 * HOUR).refusal, InvalidField)


def test_c7_event_times_never_run_backwards() -> None:
    kit = note_of_ann()
    kit.run(update(title="Later"), principal=ANN, now=NOW + 10)
    outcome = kit.run(update(title="Earlier clock"), principal=ANN, now=NOW)
    assert outcome.events == (NoteUpdated(updated=NOW + 10, title="Earlier clock"),)


def test_the_first_answer_is_given_again() -> None:
    kit, key = new_note(), CommandKey("key", b"digest")
    first = kit.run(create(due=NOW + 1), principal=ANN, now=NOW, key=key)
    kit.run(update(title="Changed", due=NOW + 1), principal=ANN, now=NOW)
    again = kit.run(create(id=OTHER_NOTE, due=NOW + 1), principal=ANN, now=NOW + HOUR, key=key)
    assert again.value == first.value
    assert again.answer is not None
    assert again.answer.replayed


# -------------------------------------------------------------------------------------------- who may do what


@pytest.mark.parametrize("command", OTHERS)
@pytest.mark.parametrize("caller", [BOB, None])
def test_anothers_public_note_is_not_yours_to_change(command: NoteCommand, caller: str | None) -> None:
    assert isinstance(note_of_ann().run(command, principal=caller, now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("command", [*OTHERS, GetNote()])
@pytest.mark.parametrize("caller", [BOB, None])
def test_anothers_private_note_is_not_there(command: NoteCommand, caller: str | None) -> None:
    assert note_of_ann(access="Private").run(command, principal=caller, now=NOW).refusal == NotFound("note")


@pytest.mark.parametrize(("access", "caller"), [("Public", None), ("Public", BOB), ("Public", ANN), ("Private", ANN)])
def test_a_note_is_read_by_whoever_may(access: Any, caller: str | None) -> None:
    kit = note_of_ann(access=access)
    assert kit.run(GetNote(), principal=caller, now=NOW).value == kit.state


@pytest.mark.parametrize("command", [*OTHERS, GetNote()])
@pytest.mark.parametrize("make", [new_note, trashed_note, removed_note])
def test_what_is_not_there_is_not_found(command: NoteCommand, make: Any) -> None:
    assert make().run(command, principal=ANN, now=NOW).refusal == NotFound("note")


# ----------------------------------------------------------------------------------------- trash and removal


def test_a_trashed_note_says_when() -> None:
    outcome = note_of_ann().run(TrashNote(), principal=ANN, now=NOW + 5)
    assert outcome.events == (NoteTrashed(NOW + 5),)
    assert (outcome.value.trashed, outcome.value.updated) == (NOW + 5, NOW)


@pytest.mark.parametrize("make", [note_of_ann, trashed_note])
def test_c9_a_leaving_owners_note_is_removed(make: Any) -> None:
    outcome = make().run(PurgeNote(ANN), now=NOW + 9)
    assert outcome.events == (NoteRemoved(NOW + 9),)
    assert outcome.value is None
    assert outcome.state == Removed(NOTE)


@pytest.mark.parametrize("make", [new_note, removed_note])
def test_c9_removal_can_be_asked_for_again(make: Any) -> None:
    outcome = make().run(PurgeNote(ANN), now=NOW)
    assert outcome.value is None
    assert outcome.events == ()


def test_c9_a_note_of_anybody_else_stays() -> None:
    kit = note_of_ann()
    assert kit.run(PurgeNote(BOB), now=NOW).refusal == NotFound("note")
    assert isinstance(kit.state, Note)


def test_the_state_keeps_no_text_of_a_removed_note() -> None:
    kit = removed_note()
    assert kit.row is not None
    assert kit.row.index is None
    assert kit.row.snapshot is not None
    assert b"Some text" not in kit.row.snapshot.state


# -------------------------------------------------------------------------------------------- the event handler


@pytest.mark.parametrize(
    ("kit", "event"),
    [
        (new_note(), NoteTrashed(NOW)),
        (new_note(), NoteUpdated(NOW)),
        (removed_note(), NoteRemoved(NOW)),
        (note_of_ann(), note_of_ann().behavior.events.decode(note_of_ann().stored[0])),
    ],
)
def test_an_event_that_can_not_follow_is_refused(kit: NoteKit, event: Any) -> None:
    with pytest.raises(ValueError, match="can't happen"):
        kit.behavior.event_handler(kit.state, event)


def test_keeps_its_state_after_a_restart() -> None:
    kit = new_note()
    assert kit.restart() == Absent()
    commands: list[NoteCommand] = [
        create(tags=(RED,)),
        update(title="Other", due=NOW + HOUR),
        TrashNote(),
        PurgeNote(ANN),
    ]
    for command in commands:
        before = kit.run(command, principal=ANN, now=NOW).state
        assert kit.restart() == before
    assert isinstance(commands[0], CreateNote)
    assert isinstance(kit.behavior.events.decode(kit.stored[0]), NoteCreated)
    assert len(kit.stored) == len(commands)
