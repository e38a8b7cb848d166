"""How a note comes in that was written elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.domain.note.command import ImportNote, PurgeNote, TrashNote, UpdateNote
from spikes.domain.note.entity import Note, own_slug_claim, public_slug_claim
from spikes.domain.refusals import Conflict, Forbidden, IdTaken
from spikes.domain.times import from_rfc3339
from tests.domain.samples import ANN, BLUE, BOB, DAY, NOTE, NOW, OTHER_NOTE, new_note, note_of_ann

THEN = from_rfc3339("2021-03-04T05:06:07.089Z")
SLUG = "20210304-an-old-note"


def imported(**changes: Any) -> ImportNote:
    values: dict[str, Any] = {"id": NOTE, "title": "An old note", "body": "Text", "created": THEN, "access": "Public"}
    return ImportNote(**{**values, **changes})


def test_it_keeps_what_it_was() -> None:
    command = imported(due=NOW - DAY, status="Completed", tags=(BLUE,))
    note = new_note().run(command, principal=ANN, now=NOW).value
    assert note == Note(
        id=NOTE,
        owner=ANN,
        title="An old note",
        body="Text",
        slug=SLUG,
        due=NOW - DAY,
        status="Completed",
        access="Public",
        tags=(BLUE,),
        created=THEN,
        updated=THEN,
    )


def test_a_time_to_come_counts_as_now() -> None:
    assert new_note().run(imported(created=NOW + 1), principal=ANN, now=NOW).value.created == NOW


def test_nobody_can_import_for_nobody() -> None:
    assert isinstance(new_note().run(imported(), now=NOW).refusal, Forbidden)


def test_the_same_note_comes_in_once() -> None:
    kit = new_note()
    kit.run(imported(), principal=ANN, now=NOW)
    for follows in (None, UpdateNote("B", "", None, "New", "Public"), TrashNote()):
        if follows is not None:
            kit.run(follows, principal=ANN, now=NOW + 1)
        again = kit.run(imported(), principal=ANN, now=NOW + 2)
        assert (again.refusal, again.events) == (Conflict("you have this note already", NOTE), ())


def test_an_id_of_anybody_else_is_taken() -> None:
    kit = note_of_ann()
    assert kit.run(imported(), principal=BOB, now=NOW).refusal == IdTaken(NOTE)
    kit.run(PurgeNote(ANN), now=NOW)
    assert kit.run(imported(), principal=ANN, now=NOW).refusal == IdTaken(NOTE)


@pytest.mark.parametrize("claim", [own_slug_claim(ANN, SLUG), public_slug_claim(SLUG)])
def test_a_slug_in_use_gets_a_suffix(claim: Any) -> None:
    note = new_note(claims={claim: f"note|{OTHER_NOTE}"}).run(imported(), principal=ANN, now=NOW).value
    assert note.slug == f"{SLUG}-{NOTE[-4:].lower()}"


def test_a_slug_whose_suffix_is_in_use_is_a_conflict() -> None:
    claims = {own_slug_claim(ANN, slug): f"note|{OTHER_NOTE}" for slug in (SLUG, f"{SLUG}-{NOTE[-4:].lower()}")}
    refusal = new_note(claims=claims).run(imported(), principal=ANN, now=NOW).refusal
    assert refusal == Conflict(f"slug {SLUG}-{NOTE[-4:].lower()} already in use")
