"""Persistence ids and status replies."""

from __future__ import annotations

import pytest

from spikes.persistence import reply
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Failure, StatusReply, Success


def test_a_persistence_id_is_kind_and_id() -> None:
    assert str(PersistenceId.of("note", "0F")) == "note|0F"


def test_a_persistence_id_is_read_as_it_was_written() -> None:
    assert PersistenceId.parse("note|0F") == PersistenceId.of("note", "0F")


@pytest.mark.parametrize(("kind", "entity_id"), [("", "1"), ("note", ""), ("no|te", "1"), ("note", "1|2")])
def test_a_part_is_neither_empty_nor_holds_the_separator(kind: str, entity_id: str) -> None:
    with pytest.raises(ValueError, match="must not be empty or contain"):
        PersistenceId.of(kind, entity_id)


@pytest.mark.parametrize("text", ["", "note", "|", "note|", "|1", "note|1|2"])
def test_no_other_text_is_a_persistence_id(text: str) -> None:
    with pytest.raises(ValueError, match="persistence id"):
        PersistenceId.parse(text)


def test_a_success_can_never_be_taken_for_a_refusal() -> None:
    replies: list[object] = [StatusReply.success("no"), StatusReply.error("no")]
    assert replies[0] == Success("no")
    assert replies[0] != replies[1]


def test_all_that_surely_was_not_stored_is_told_by_one_type() -> None:
    assert issubclass(reply.Busy, reply.NotStored)
    assert issubclass(reply.StashFull, reply.NotStored)
    assert not issubclass(reply.OutcomeNotKnown, reply.NotStored)


def test_the_failures_are_those_drawn_in_the_tree() -> None:
    drawn = reply.__doc__ or ""
    failures = [name for name, each in vars(reply).items() if isinstance(each, type) and issubclass(each, Failure)]
    assert [name for name in failures if name not in drawn] == []
