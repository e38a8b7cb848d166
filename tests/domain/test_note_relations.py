"""Tags and relations of a note, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.domain.note.command import (
    NoteCommand,
    PurgeNote,
    RelateNote,
    TagNote,
    TrashNote,
    UnrelateNote,
    UntagNote,
)
from spikes.domain.note.entity import Note
from spikes.domain.note.event import NoteRelated, NoteUnrelated, NoteUpdated
from spikes.domain.note.response import note_response, relation_response, tags_shown
from spikes.domain.refusals import Conflict, Forbidden, NotFound
from spikes.domain.relation import Relation
from spikes.domain.rules import RELATIONS, TAGS
from tests.domain.samples import ANN, BLUE, BOB, NOTE, NOW, OTHER_NOTE, RED, NoteKit, new_note, note_of_ann, update

BLOCKS = Relation(OTHER_NOTE, "blocks", NOW + 1)
OWN: list[NoteCommand] = [TagNote(RED), UntagNote(RED), RelateNote(OTHER_NOTE, "blocks"), UnrelateNote(OTHER_NOTE)]


def related(**changes: Any) -> NoteKit:
    """Return a note of Ann's that blocks another one and has a tag."""
    kit = note_of_ann(tags=(RED,), **changes)
    kit.run(RelateNote(OTHER_NOTE, "blocks"), principal=ANN, now=NOW + 1)
    return kit


def terms(kit: NoteKit) -> tuple[tuple[str, str], ...]:
    assert kit.row is not None
    assert kit.row.index is not None
    return kit.row.index.terms


# -------------------------------------------------------------------------------------------------------- tags


def test_a_note_gets_one_more_tag() -> None:
    outcome = related().run(TagNote(BLUE), principal=ANN, now=NOW + 5)
    assert outcome.events == (NoteUpdated(NOW + 5, tags=(RED, BLUE)),)
    assert outcome.value.updated == NOW + 5


def test_a_tag_that_it_has_makes_no_event() -> None:
    kit = related()
    outcome = kit.run(TagNote(RED), principal=ANN, now=NOW + 5)
    assert (outcome.events, outcome.value) == ((), kit.state)


def test_a_tag_is_taken_off() -> None:
    kit = related()
    assert kit.run(UntagNote(RED), principal=ANN, now=NOW).value.tags == ()
    assert kit.run(UntagNote(RED), principal=ANN, now=NOW).refusal == NotFound("tag")


def test_a_note_has_fifty_tags() -> None:
    kit = note_of_ann(tags=tuple(f"T{number}" for number in range(TAGS - 1)))
    assert len(kit.run(TagNote("last"), principal=ANN, now=NOW).value.tags) == TAGS
    assert isinstance(kit.run(TagNote("more"), principal=ANN, now=NOW).refusal, Conflict)
    assert kit.run(TagNote("last"), principal=ANN, now=NOW).value


def test_a_tag_that_is_gone_makes_room() -> None:
    kit = note_of_ann(tags=tuple(f"T{number}" for number in range(TAGS)))
    note = kit.run(TagNote("more", gone_tags=("T0",)), principal=ANN, now=NOW).value
    assert note.tags == (*(f"T{number}" for number in range(1, TAGS)), "more")


def test_tags_that_are_gone_are_not_shown() -> None:
    assert tags_shown((RED, BLUE), {RED}) == (BLUE,)
    assert tags_shown((RED, BLUE), ()) == (RED, BLUE)
    state = note_of_ann(tags=(RED, BLUE)).state
    assert isinstance(state, Note)
    assert note_response(state, 1, {RED}).tags == (BLUE,)


def test_tags_that_are_gone_leave_with_the_next_change() -> None:
    kit = note_of_ann(tags=(RED, BLUE))
    outcome = kit.run(update(title="Other", gone_tags=(RED,)), principal=ANN, now=NOW + 1)
    assert outcome.events == (NoteUpdated(NOW + 1, title="Other", tags=(BLUE,)),)


@pytest.mark.parametrize("tags", [None, (BLUE,), (RED, BLUE)])
def test_tags_that_are_gone_are_no_change_of_their_own(tags: tuple[str, ...] | None) -> None:
    kit = note_of_ann(tags=(RED, BLUE))
    assert kit.run(update(tags=tags, gone_tags=(RED,)), principal=ANN, now=NOW + 1).events == ()


def test_taking_a_tag_off_takes_those_that_are_gone() -> None:
    kit = note_of_ann(tags=(RED, BLUE, "T"))
    assert kit.run(UntagNote("T", gone_tags=(RED,)), principal=ANN, now=NOW).value.tags == (BLUE,)


# --------------------------------------------------------------------------------------------------- relations


def test_a_note_is_related_to_another() -> None:
    kit = note_of_ann()
    outcome = kit.run(RelateNote(OTHER_NOTE, "blocks"), principal=ANN, now=NOW + 1)
    assert outcome.events == (NoteRelated(OTHER_NOTE, "blocks", NOW + 1),)
    assert outcome.value.relations == (BLOCKS,)
    assert outcome.value.updated == NOW


def test_c5_a_relation_run_again_is_done() -> None:
    kit = related()
    outcome = kit.run(RelateNote(OTHER_NOTE, "blocks"), principal=ANN, now=NOW + 9)
    assert (outcome.events, outcome.value) == ((), kit.state)


def test_a_relation_gets_another_title_in_its_place() -> None:
    kit = related()
    kit.run(RelateNote("third", "see also"), principal=ANN, now=NOW + 2)
    note = kit.run(RelateNote(OTHER_NOTE, "is blocked by"), principal=ANN, now=NOW + 9).value
    assert note.relations == (
        Relation(OTHER_NOTE, "is blocked by", NOW + 1),
        Relation("third", "see also", NOW + 2),
    )


def test_a_relation_ends() -> None:
    kit = related()
    outcome = kit.run(UnrelateNote(OTHER_NOTE), principal=ANN, now=NOW + 2)
    assert outcome.events == (NoteUnrelated(OTHER_NOTE, NOW + 2),)
    assert outcome.value.relations == ()
    assert kit.run(UnrelateNote(OTHER_NOTE), principal=ANN, now=NOW).refusal == NotFound("relation")


def test_a_note_is_not_related_to_itself() -> None:
    assert isinstance(note_of_ann().run(RelateNote(NOTE, "is"), principal=ANN, now=NOW).refusal, Conflict)


def test_a_note_has_two_hundred_relations() -> None:
    kit = note_of_ann()
    for number in range(RELATIONS):
        assert kit.run(RelateNote(f"N{number}", "blocks"), principal=ANN, now=NOW).value
    assert isinstance(kit.run(RelateNote("more", "blocks"), principal=ANN, now=NOW).refusal, Conflict)
    assert kit.run(RelateNote("N7", "see also"), principal=ANN, now=NOW).value


def test_a_note_is_found_from_the_other_side() -> None:
    kit = related()
    assert terms(kit) == (("tag", RED), ("relation", OTHER_NOTE))
    kit.run(UnrelateNote(OTHER_NOTE), principal=ANN, now=NOW)
    assert terms(kit) == (("tag", RED),)


def test_a_relation_is_shown_from_both_sides() -> None:
    shown = relation_response(BLOCKS, NOTE, "in")
    assert (shown.id, shown.title, shown.direction, shown.created) == (
        NOTE,
        "blocks",
        "in",
        "2026-11-23T10:00:00.001Z",
    )


# -------------------------------------------------------------------------------------------- who may do what


@pytest.mark.parametrize("command", OWN)
@pytest.mark.parametrize("caller", [BOB, None])
def test_only_the_owner_tags_and_relates(command: NoteCommand, caller: str | None) -> None:
    assert isinstance(related().run(command, principal=caller, now=NOW).refusal, Forbidden)
    assert related(access="Private").run(command, principal=caller, now=NOW).refusal == NotFound("note")


@pytest.mark.parametrize("command", OWN)
def test_what_is_not_there_is_not_tagged_or_related(command: NoteCommand) -> None:
    trashed, removed = related(), related()
    trashed.run(TrashNote(), principal=ANN, now=NOW)
    removed.run(PurgeNote(ANN), now=NOW)
    for kit in (new_note(), trashed, removed):
        assert kit.run(command, principal=ANN, now=NOW).refusal == NotFound("note")


def test_keeps_its_state_after_a_restart() -> None:
    kit = related()
    commands: list[NoteCommand] = [
        TagNote(BLUE),
        RelateNote(OTHER_NOTE, "see also"),
        UntagNote(RED),
        UnrelateNote(OTHER_NOTE),
    ]
    for command in commands:
        before = kit.run(command, principal=ANN, now=NOW).state
        assert kit.restart() == before
