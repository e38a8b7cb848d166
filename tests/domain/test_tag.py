"""How a tag behaves."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from spikes.domain.refusals import Conflict, Forbidden, IdTaken, NotFound
from spikes.domain.tag.command import CreateTag, DisownTag, GetTag, RemoveTag, TagCommand, UpdateTag
from spikes.domain.tag.entity import Absent, Removed, Tag, title_claim
from spikes.domain.tag.event import TagCreated, TagDisowned, TagEvent, TagRemoved, TagUpdated
from spikes.domain.tag.response import listed_tag, tag_response
from spikes.journal.port import Claim
from tests.domain.samples import ANN, BLUE, BOB, NOW, RED, TagKit, create_tag, new_tag, tag_of_ann

OWN: list[TagCommand] = [UpdateTag("Crimson", "dc143c"), RemoveTag()]


def removed_tag() -> TagKit:
    kit = tag_of_ann()
    kit.run(RemoveTag(), principal=ANN, now=NOW + 1)
    return kit


def disowned_tag() -> TagKit:
    kit = tag_of_ann()
    kit.run(DisownTag(ANN), now=NOW + 1)
    return kit


# ------------------------------------------------------------------------------------------------------ create


def test_a_new_tag_belongs_to_the_caller() -> None:
    outcome = new_tag().run(create_tag(), principal=ANN, now=NOW)
    assert outcome.events == (TagCreated(RED, ANN, "Red", "ff0000", NOW),)
    assert outcome.value == Tag(RED, ANN, "Red", "ff0000", NOW, NOW)


def test_a_tag_is_black_if_nobody_says_more() -> None:
    assert CreateTag(RED, "Red").color == "000000"


def test_nobody_can_not_make_a_tag() -> None:
    assert isinstance(new_tag().run(create_tag(), now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("title", ["Red", "RED", " red ", "rEd"])
def test_a_title_belongs_to_one_tag_whatever_its_case(title: str) -> None:
    claims: dict[Claim, str] = {}
    tag_of_ann(claims)
    refusal = new_tag(BLUE, claims).run(create_tag(id=BLUE, title=title), principal=BOB, now=NOW).refusal
    assert refusal == Conflict(f"a tag with the title {title} exists already", RED)


@pytest.mark.parametrize(("one", "other"), [("Straße", "STRASSE"), ("élan", "e\u0301lan"), ("to do", "To  Do")])
def test_titles_that_look_alike_are_one(one: str, other: str) -> None:
    assert title_claim(one) == title_claim(other)


def test_titles_that_differ_are_two() -> None:
    assert len({title_claim(title) for title in ("a", "á", "a b", "ab")}) == 4


@pytest.mark.parametrize("make", [tag_of_ann, disowned_tag, removed_tag])
def test_an_id_stays_taken(make: Callable[[], TagKit]) -> None:
    assert make().run(create_tag(), principal=BOB, now=NOW).refusal == IdTaken(RED)
    assert make().run(create_tag(title="Other"), principal=ANN, now=NOW).refusal == IdTaken(RED)


def test_c5_a_create_run_again_meets_its_own_tag() -> None:
    kit = tag_of_ann()
    again = kit.run(create_tag(), principal=ANN, now=NOW)
    assert (again.events, again.value) == ((), kit.state)


# ------------------------------------------------------------------------------------------------------ change


def test_anybody_may_read_a_tag() -> None:
    assert tag_of_ann().run(GetTag(), now=NOW).value.title == "Red"


def test_a_tag_gets_other_values() -> None:
    outcome = tag_of_ann().run(UpdateTag("Crimson", "dc143c"), principal=ANN, now=NOW + 5)
    assert outcome.events == (TagUpdated("Crimson", "dc143c", NOW + 5),)
    assert outcome.value == Tag(RED, ANN, "Crimson", "dc143c", NOW, NOW + 5)


@pytest.mark.parametrize(("title", "color"), [("Red", "dc143c"), ("Crimson", "ff0000")])
def test_title_and_color_change_apart(title: str, color: str) -> None:
    tag = tag_of_ann().run(UpdateTag(title, color), principal=ANN, now=NOW + 5).value
    assert (tag.title, tag.color) == (title, color)


def test_a_change_of_nothing_stores_nothing() -> None:
    assert tag_of_ann().run(UpdateTag("Red", "ff0000"), principal=ANN, now=NOW + 5).events == ()


def test_a_tag_may_change_the_case_of_its_title() -> None:
    assert tag_of_ann().run(UpdateTag("RED", "ff0000"), principal=ANN, now=NOW).value.title == "RED"


def test_a_new_title_frees_the_old_one() -> None:
    claims: dict[Claim, str] = {}
    tag_of_ann(claims).run(UpdateTag("Crimson", "ff0000"), principal=ANN, now=NOW)
    other = new_tag(BLUE, claims)
    assert other.run(create_tag(id=BLUE), principal=BOB, now=NOW).value.title == "Red"
    assert other.run(UpdateTag("crimson", "0000ff"), principal=BOB, now=NOW).refusal == Conflict(
        "a tag with the title crimson exists already", RED
    )


@pytest.mark.parametrize("command", OWN)
@pytest.mark.parametrize("caller", [BOB, None])
def test_a_tag_is_its_creators_to_change(command: TagCommand, caller: str | None) -> None:
    assert isinstance(tag_of_ann().run(command, principal=caller, now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("command", [GetTag(), *OWN])
def test_what_is_not_there_is_not_found(command: TagCommand) -> None:
    for kit in (new_tag(), removed_tag()):
        assert kit.run(command, principal=ANN, now=NOW).refusal == NotFound("tag")


# ------------------------------------------------------------------------------------------------------ remove


def test_a_removed_tag_is_told_a_last_time() -> None:
    claims: dict[Claim, str] = {}
    kit = tag_of_ann(claims)
    outcome = kit.run(RemoveTag(), principal=ANN, now=NOW + 5)
    assert outcome.events == (TagRemoved(NOW + 5),)
    assert outcome.value == Tag(RED, ANN, "Red", "ff0000", NOW, NOW)
    assert (outcome.state, claims) == (Removed(RED), {})
    assert kit.row is not None
    assert kit.row.index is None


def test_c9_a_tag_stays_when_its_creator_leaves() -> None:
    outcome = tag_of_ann().run(DisownTag(ANN), now=NOW + 5)
    assert outcome.events == (TagDisowned(NOW + 5),)
    assert outcome.value is None
    assert outcome.state == Tag(RED, None, "Red", "ff0000", NOW, NOW)


@pytest.mark.parametrize("command", OWN)
@pytest.mark.parametrize("caller", [ANN, BOB, None])
def test_c9_nobody_changes_a_tag_without_owner(command: TagCommand, caller: str | None) -> None:
    assert isinstance(disowned_tag().run(command, principal=caller, now=NOW).refusal, Forbidden)


def test_c9_disowning_can_be_asked_for_again() -> None:
    for kit in (disowned_tag(), removed_tag(), new_tag()):
        outcome = kit.run(DisownTag(ANN), now=NOW)
        assert (outcome.events, outcome.value) == ((), None)


def test_c9_a_tag_of_anybody_else_keeps_its_owner() -> None:
    assert tag_of_ann().run(DisownTag(BOB), now=NOW).refusal == NotFound("tag")


# ------------------------------------------------------------------------------------------------------- lists


def test_a_tag_is_listed_as_it_is_shown() -> None:
    kit = tag_of_ann()
    assert isinstance(kit.state, Tag)
    assert kit.row is not None
    assert kit.row.index is not None
    assert listed_tag(kit.row.index.item) == tag_response(kit.state, 1)
    assert msgspec.json.decode(kit.row.index.item) == {
        "id": RED,
        "owner": ANN,
        "title": "Red",
        "color": "ff0000",
        "created": "2026-11-23T10:00:00.000Z",
        "updated": "2026-11-23T10:00:00.000Z",
        "version": 1,
    }


@pytest.mark.parametrize(
    ("kit", "event"),
    [
        (new_tag(), TagRemoved(NOW)),
        (tag_of_ann(), TagCreated(RED, ANN, "Red", "ff0000", NOW)),
        (removed_tag(), TagDisowned(NOW)),
    ],
)
def test_an_event_that_can_not_follow_is_refused(kit: TagKit, event: TagEvent) -> None:
    with pytest.raises(ValueError, match="can't happen"):
        kit.behavior.event_handler(kit.state, event)


def test_keeps_its_state_after_a_restart() -> None:
    kit = new_tag()
    assert kit.restart() == Absent()
    commands: list[TagCommand] = [create_tag(), UpdateTag("Crimson", "dc143c"), DisownTag(ANN)]
    for command in commands:
        before = kit.run(command, principal=ANN, now=NOW).state
        assert kit.restart() == before
    gone = removed_tag()
    assert gone.restart() == Removed(RED)
