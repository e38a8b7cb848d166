"""What a note was, and who may know it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.note.command import (
    ForgetWriter,
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
)
from spikes.domain.note.entity import Note
from spikes.domain.note.history import HistoryEntry, Recorded, history, recorded, state_at
from spikes.domain.note.response import note_response
from spikes.domain.times import to_rfc3339
from tests.domain.samples import (
    ANN,
    BOB,
    CAT,
    HOUR,
    NOTE,
    NOW,
    ONE,
    OTHER_NOTE,
    RED,
    THREE,
    TWO,
    NoteKit,
    comment,
    note_of_ann,
    recomment,
    update,
)

READERS = [ANN, BOB, None]
PRIVATE = update(access="Private")
PUBLIC = update(access="Public")


def told(*steps: tuple[str, NoteCommand], **changes: Any) -> list[Recorded]:
    """Return the events of a note of Ann's after these commands, one each millisecond."""
    kit = note_of_ann(**changes)
    for number, (caller, command) in enumerate(steps):
        assert kit.run(command, principal=caller, now=NOW + 1 + number).events
    return recorded(kit.stored)


def by_ann(*commands: NoteCommand, **changes: Any) -> list[Recorded]:
    return told(*[(ANN, command) for command in commands], **changes)


def versions(records: list[Recorded], reader: str | None) -> list[int]:
    return [entry.version for entry in history(records, reader)]


def changes(records: list[Recorded], reader: str | None) -> dict[int, Any]:
    entries = msgspec.json.decode(msgspec.json.encode(history(records, reader)))
    return {entry["version"]: entry["changes"] for entry in entries}


def text_of(records: list[Recorded], reader: str | None) -> str:
    """Return all that a reader can find out, by history and by going back to each version."""
    entries = msgspec.json.encode(history(records, reader)).decode()
    notes = [state_at(records, reader, version=record.version) for record in records]
    return entries + "".join(
        msgspec.json.encode(note_response(each.note, each.version)).decode() for each in notes if each is not None
    )


# ----------------------------------------------------------------------------------------------------- entries


def test_history_begins_with_all_that_was_written() -> None:
    (entry,) = history(by_ann(tags=(RED,), due=NOW + HOUR), ANN)
    assert entry == HistoryEntry(
        version=1,
        type="note-created",
        time="2026-11-23T10:00:00.000Z",
        who=ANN,
        changes={
            "title": (None, "My first note"),
            "body": (None, "Some text."),
            "slug": (None, "20261123-my-first-note"),
            "due": (None, "2026-11-23T11:00:00.000Z"),
            "status": (None, "New"),
            "access": (None, "Public"),
            "tags": (None, (RED,)),
        },
    )


def test_history_tells_the_newest_first() -> None:
    records = by_ann(update(title="A"), TagNote(RED), UndoNote(), RedoNote(), TrashNote(), RestoreNote())
    assert [(entry.version, entry.type) for entry in history(records, ANN)] == [
        (7, "note-untrashed"),
        (6, "note-trashed"),
        (5, "note-redone"),
        (4, "note-undone"),
        (3, "note-updated"),
        (2, "note-updated"),
        (1, "note-created"),
    ]


def test_an_entry_has_what_was_before_and_after() -> None:
    records = by_ann(update(title="A", due=NOW + HOUR, tags=(RED,)), TrashNote())
    assert changes(records, ANN)[2] == {
        "title": ["My first note", "A"],
        "due": [None, "2026-11-23T11:00:00.000Z"],
        "tags": [[], [RED]],
    }
    assert changes(records, ANN)[3] == {"trashed": [None, "2026-11-23T10:00:00.002Z"]}


def test_comments_and_relations_are_told_one_by_one() -> None:
    records = told(
        (BOB, comment()),
        (BOB, recomment(body="Oh")),
        (ANN, RelateNote(OTHER_NOTE, "blocks")),
        (ANN, RelateNote(OTHER_NOTE, "see also")),
        (ANN, UnrelateNote(OTHER_NOTE)),
    )
    found = changes(records, ANN)
    before, after = found[3].pop(f"comments.{ONE}")
    assert (before["body"], after["body"], after["noteId"]) == ("I see.", "Oh", NOTE)
    assert found[2][f"comments.{ONE}"] == [None, before]
    assert [found[version] for version in (4, 5, 6)] == [
        {f"relations.{OTHER_NOTE}": [None, "blocks"]},
        {f"relations.{OTHER_NOTE}": ["blocks", "see also"]},
        {f"relations.{OTHER_NOTE}": ["see also", None]},
    ]
    assert [entry.who for entry in history(records, ANN)][::-1] == [ANN, BOB, BOB, ANN, ANN, ANN]


def test_history_comes_in_pages() -> None:
    records = by_ann(*[update(title=f"T{number}") for number in range(5)])
    assert [entry.version for entry in history(records, ANN, limit=2)] == [6, 5]
    assert [entry.version for entry in history(records, ANN, before=5, limit=2)] == [4, 3]
    assert [entry.version for entry in history(records, ANN, before=2, limit=2)] == [1]
    assert history(records, ANN, before=5, limit=2) == history(records, ANN)[2:4]


# ------------------------------------------------------------------------------------------------- time travel


def test_each_version_can_be_seen_again() -> None:
    kit = note_of_ann()
    commands: list[NoteCommand] = [update(title="A"), comment(), TrashNote()]
    seen = [kit.state, *(kit.run(command, principal=ANN, now=NOW + 1).state for command in commands)]
    for version, state in enumerate(seen, 1):
        found = state_at(recorded(kit.stored), ANN, version=version)
        assert found is not None
        assert (found.note, found.version) == (state, version)


@pytest.mark.parametrize("version", [-1, 0, 3])
def test_a_version_that_is_not_there_is_none(version: int) -> None:
    assert state_at(by_ann(update(title="A")), ANN, version=version) is None


@pytest.mark.parametrize(("offset", "version"), [(0, 1), (1, 2), (2, 3), (HOUR, 3)])
def test_a_note_is_seen_as_of_a_time(offset: int, version: int) -> None:
    found = state_at(by_ann(update(title="A"), update(title="B")), ANN, as_of=NOW + offset)
    assert found is not None
    assert found.version == version


def test_before_it_was_written_there_was_nothing() -> None:
    assert state_at(by_ann(), ANN, as_of=NOW - 1) is None


@pytest.mark.parametrize("reader", READERS)
def test_a_removed_note_has_no_history(reader: str | None) -> None:
    kit = note_of_ann()
    kit.run(PurgeNote(ANN), now=NOW + 1)
    assert history(recorded(kit.stored), reader) == ()
    assert [state_at(recorded(kit.stored), reader, version=version) for version in (1, 2)] == [None, None]


@pytest.mark.parametrize("last", [PRIVATE, TrashNote()])
def test_what_others_may_not_see_has_no_history_for_them(last: NoteCommand) -> None:
    records = by_ann(update(title="A"), last)
    assert versions(records, ANN) == [3, 2, 1]
    assert versions(records, BOB) == []
    assert state_at(records, BOB, version=1) is None
    assert state_at(records, ANN, version=1) is not None


# ----------------------------------------------------------------------------------------------------- privacy


def test_others_see_only_what_was_public() -> None:
    records = by_ann(
        PRIVATE, update(access="Private", title="Secret"), PUBLIC, update(title="B"), TrashNote(), RestoreNote()
    )
    assert versions(records, ANN) == [7, 6, 5, 4, 3, 2, 1]
    for reader in (BOB, None):
        assert versions(records, reader) == [7, 5, 4, 1]
        seen = [state_at(records, reader, version=number) is not None for number in range(1, 8)]
        assert seen == [True, False, False, True, True, False, True]


def test_a_public_stretch_begins_without_what_was_before() -> None:
    records = by_ann(update(access="Private", title="Secret"), update(title="Public again"), update(title="B"))
    assert changes(records, ANN)[3] == {"title": ["Secret", "Public again"], "access": ["Private", "Public"]}
    assert changes(records, BOB)[3] == {"title": [None, "Public again"], "access": [None, "Public"]}
    assert changes(records, BOB)[4] == {"title": ["Public again", "B"]}


def test_the_first_version_after_the_trash_is_such_a_beginning() -> None:
    records = by_ann(TrashNote(), RestoreNote())
    assert changes(records, ANN)[3] == {"trashed": ["2026-11-23T10:00:00.001Z", None]}
    assert changes(records, BOB)[3] == {}


def test_what_a_public_stretch_begins_without_is_not_told() -> None:
    """Otherwise one could see that there had been something."""
    hidden = update(access="Private", body="Secret", due=NOW + HOUR, tags=(RED,))
    records = by_ann(hidden, update(body="", due=None, tags=()))
    assert changes(records, ANN)[3]["tags"] == [[RED], []]
    for reader in (BOB, None):
        assert changes(records, reader)[3] == {"access": [None, "Public"]}


def test_a_time_at_which_it_was_private_shows_nothing() -> None:
    records = by_ann(PRIVATE, PUBLIC)
    assert state_at(records, BOB, as_of=NOW + 1) is None
    assert state_at(records, BOB, as_of=NOW + 2) is not None
    assert state_at(records, BOB) is not None


def test_what_was_secret_is_nowhere() -> None:
    records = by_ann(
        update(access="Private", body="hush-1"),
        update(access="Private", body="hush-2"),
        PUBLIC,
        PRIVATE,
        access="Private",
    )[:4]
    assert "hush" in text_of(records, ANN)
    for reader in (BOB, None):
        assert "hush" not in text_of(records, reader)


def test_relations_are_the_owners_business() -> None:
    records = by_ann(RelateNote(OTHER_NOTE, "blocks"))
    assert changes(records, BOB)[2] == {}
    assert OTHER_NOTE not in text_of(records, BOB)


def removed_comment() -> list[Recorded]:
    return told(
        (BOB, comment(body="hush-1")),
        (BOB, recomment(body="hush-2")),
        (CAT, comment(TWO, ONE, body="plain")),
        (ANN, RemoveComment(ONE)),
        (CAT, comment(THREE)),
    )


def test_a_removed_comment_is_read_by_its_writer_alone() -> None:
    assert {"hush-1", "hush-2"} <= set(text_of(removed_comment(), BOB).replace('"', " ").split())
    for reader in (ANN, CAT, None):
        found = text_of(removed_comment(), reader)
        assert "hush" not in found
        assert "plain" in found


def test_a_removed_comment_leaves_its_place_in_all_versions() -> None:
    found = state_at(removed_comment(), CAT, version=2)
    assert found is not None
    (shown,) = found.note.comments
    assert (shown.id, shown.removed, shown.writer, shown.title) == (ONE, True, None, None)
    assert changes(removed_comment(), CAT)[2][f"comments.{ONE}"][1]["removed"]


def test_an_id_used_again_does_not_bring_text_back() -> None:
    records = told((BOB, comment(body="hush")), (BOB, RemoveComment(ONE)), (CAT, comment(body="new")))
    assert "hush" not in text_of(records, ANN)
    assert "new" in text_of(records, ANN)


def test_c9_what_a_removed_user_said_is_read_by_nobody() -> None:
    records = told((BOB, comment(body="hush")), (ANN, ForgetWriter(BOB)))
    for reader in (ANN, CAT, None):
        assert "hush" not in text_of(records, reader)
        assert BOB not in text_of(records, reader)
    assert [entry.who for entry in history(records, ANN)] == [ANN, None, ANN]


# ------------------------------------------------------------------------------------------------------ always


edits = st.sampled_from(
    [
        PRIVATE,
        PUBLIC,
        update(title="A"),
        update(title="B", access="Private", body="hush"),
        update(body="Other"),
        TagNote(RED),
        UndoNote(),
        RedoNote(),
        TrashNote(),
        RestoreNote(),
        comment(),
        RemoveComment(ONE),
        RelateNote(OTHER_NOTE, "blocks"),
        ForgetWriter(BOB),
    ]
)


@given(st.lists(st.tuples(edits, st.sampled_from([ANN, ANN, BOB])), max_size=25), st.sampled_from(READERS))
def test_history_agrees_with_the_versions(steps: list[tuple[NoteCommand, str]], reader: str | None) -> None:
    kit = note_of_ann()
    states = [kit.state]
    for number, (command, caller) in enumerate(steps):
        if kit.run(command, principal=caller, now=NOW + number).events:
            states.append(kit.state)
    check(kit, states, reader)


def check(kit: NoteKit, states: list[Any], reader: str | None) -> None:
    records = recorded(kit.stored)
    entries = history(records, reader)[::-1]
    shown = {entry.version: entry for entry in entries}
    for version, state in enumerate(states, 1):
        assert isinstance(state, Note)
        public = all(each.access == "Public" and each.trashed is None for each in (state, states[-1]))
        assert (
            (version in shown) == (reader == ANN or public) == (state_at(records, reader, version=version) is not None)
        )
    for entry in entries:
        assert entry.changes.get("title", (None, states[entry.version - 1].title))[1] == states[entry.version - 1].title
        assert entry.time == to_rfc3339(records[entry.version - 1].time)
    for one, other in pairwise(entries):
        told_before = other.changes.get("title", (None, None))[0]
        assert told_before is None or (
            one.version == other.version - 1 and told_before == states[one.version - 1].title
        )
