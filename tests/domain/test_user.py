"""How a user's account behaves."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.domain.refusals import Conflict, Forbidden, IdTaken, NotAuthenticated, NotFound, WrongCredentials
from spikes.domain.relation import Relation
from spikes.domain.rules import RELATIONS
from spikes.domain.user.command import (
    Authenticate,
    EndSession,
    ExpireSessions,
    FinishRemoval,
    GetCredentials,
    GetUser,
    ListSessions,
    RelateUser,
    RemoveUser,
    UnrelateUser,
    UpdateUser,
    UserCommand,
)
from spikes.domain.user.entity import Absent, Credentials, Removed, Removing, User, email_claim
from spikes.domain.user.event import (
    PasswordChanged,
    SessionUsed,
    UserRegistered,
    UserRelated,
    UserRemovalStarted,
    UserUnrelated,
    UserUpdated,
)
from spikes.journal.port import Claim
from tests.domain.samples import ANN, BOB, HOUR, LAPTOP, NOW, PHONE, UserKit, ann, login, new_user, register

OWN: list[UserCommand] = [
    UpdateUser(PHONE, name="Eve"),
    ListSessions(),
    EndSession(PHONE),
    RemoveUser(),
    RelateUser(BOB, "follows"),
    UnrelateUser(BOB),
]


def leaving() -> UserKit:
    kit = ann()
    kit.run(login(), now=NOW)
    kit.run(RemoveUser(), principal=ANN, now=NOW + 1)
    return kit


def gone() -> UserKit:
    kit = leaving()
    kit.run(FinishRemoval(), now=NOW + 2)
    return kit


# --------------------------------------------------------------------------------------------------- register


def test_a_new_user_is_who_registered() -> None:
    user = new_user().run(register(), now=NOW).value
    assert user == User(ANN, "Ann O'Hara", "Ann@Example.org", NOW, "1990-02-28", "I write.", "hash-1", ())


def test_an_email_belongs_to_one_user_whatever_its_case() -> None:
    claims: dict[Claim, str] = {}
    ann(claims)
    refusal = new_user(BOB, claims).run(register(id=BOB, email="ANN@example.ORG"), now=NOW).refusal
    assert refusal == Conflict("email ANN@example.ORG already in use")


@pytest.mark.parametrize("make", [ann, leaving, gone])
def test_an_id_of_another_user_is_taken(make: Any) -> None:
    assert make().run(register(email="eve@example.org"), now=NOW).refusal == IdTaken(ANN)


def test_c5_a_registration_run_again_meets_its_own_user() -> None:
    kit = ann()
    again = kit.run(register(), now=NOW)
    assert again.value == kit.state
    assert again.events == ()


# ----------------------------------------------------------------------------------------------------- profile


def test_anybody_may_read_a_profile() -> None:
    assert ann().run(GetUser(), now=NOW).value.name == "Ann O'Hara"


def test_credentials_are_the_hash_alone() -> None:
    assert ann().run(GetCredentials(), now=NOW).value == Credentials("hash-1")


def test_what_is_left_out_stays() -> None:
    outcome = ann().run(UpdateUser(PHONE, name="Anna"), principal=ANN, now=NOW + 1)
    assert outcome.events == (UserUpdated("Anna", "1990-02-28", "I write.", NOW + 1),)
    assert outcome.value.name == "Anna"


def test_a_bio_can_be_cleared() -> None:
    assert ann().run(UpdateUser(PHONE, bio=None), principal=ANN, now=NOW).value.bio is None


@pytest.mark.parametrize(
    "command", [UpdateUser(PHONE), UpdateUser(PHONE, name="Ann O'Hara"), UpdateUser(PHONE, password_hash="hash-1")]
)
def test_an_update_that_changes_nothing_stores_nothing(command: UpdateUser) -> None:
    outcome = ann().run(command, principal=ANN, now=NOW)
    assert outcome.events == ()
    assert outcome.value.name == "Ann O'Hara"


def test_a_new_password_ends_all_other_sessions() -> None:
    kit = ann()
    kit.run(login(PHONE), now=NOW)
    kit.run(login(LAPTOP), now=NOW)
    outcome = kit.run(UpdateUser(LAPTOP, born="1991-01-01", password_hash="hash-2"), principal=ANN, now=NOW + 1)
    assert outcome.events[1] == PasswordChanged("hash-2", LAPTOP, NOW + 1)
    assert [session.id for session in outcome.value.sessions] == [LAPTOP]
    assert outcome.value.born == "1991-01-01"
    assert kit.run(GetCredentials(), now=NOW).value == Credentials("hash-2")


@pytest.mark.parametrize("command", OWN)
@pytest.mark.parametrize("caller", [BOB, None])
def test_an_account_is_its_owners_business(command: UserCommand, caller: str | None) -> None:
    kit = ann()
    kit.run(login(), now=NOW)
    assert isinstance(kit.run(command, principal=caller, now=NOW).refusal, Forbidden)


@pytest.mark.parametrize("command", [GetUser(), GetCredentials(), *OWN])
@pytest.mark.parametrize("make", [new_user, leaving, gone])
def test_whoever_is_not_there_is_not_found(command: UserCommand, make: Any) -> None:
    assert make().run(command, principal=ANN, now=NOW).refusal == NotFound("user")


def test_c7_event_times_never_run_backwards() -> None:
    kit = ann()
    outcome = kit.run(UpdateUser(PHONE, name="Anna"), principal=ANN, now=NOW - HOUR)
    assert outcome.events == (UserUpdated("Anna", "1990-02-28", "I write.", NOW),)


# --------------------------------------------------------------------------------------------------- relations


def related() -> UserKit:
    kit = ann()
    kit.run(RelateUser(BOB, "follows"), principal=ANN, now=NOW + 1)
    return kit


def test_a_user_is_related_to_another() -> None:
    outcome = ann().run(RelateUser(BOB, "follows"), principal=ANN, now=NOW + 1)
    assert outcome.events == (UserRelated(BOB, "follows", NOW + 1),)
    assert outcome.value.relations == (Relation(BOB, "follows", NOW + 1),)


def test_c5_a_relation_run_again_is_done() -> None:
    kit = related()
    outcome = kit.run(RelateUser(BOB, "follows"), principal=ANN, now=NOW + 2)
    assert (outcome.events, outcome.value) == ((), kit.state)


def test_a_relation_gets_another_title() -> None:
    user = related().run(RelateUser(BOB, "works with"), principal=ANN, now=NOW + 2).value
    assert user.relations == (Relation(BOB, "works with", NOW + 1),)


def test_a_relation_ends() -> None:
    kit = related()
    outcome = kit.run(UnrelateUser(BOB), principal=ANN, now=NOW + 2)
    assert outcome.events == (UserUnrelated(BOB, NOW + 2),)
    assert outcome.value.relations == ()
    assert kit.run(UnrelateUser(BOB), principal=ANN, now=NOW).refusal == NotFound("relation")


def test_nobody_is_related_to_themselves() -> None:
    assert isinstance(ann().run(RelateUser(ANN, "is"), principal=ANN, now=NOW).refusal, Conflict)


def test_a_user_has_two_hundred_relations() -> None:
    kit = ann()
    for number in range(RELATIONS):
        assert kit.run(RelateUser(f"U{number}", "follows"), principal=ANN, now=NOW).value
    assert isinstance(kit.run(RelateUser("more", "follows"), principal=ANN, now=NOW).refusal, Conflict)
    assert kit.run(RelateUser("U7", "works with"), principal=ANN, now=NOW).value


def test_a_user_is_found_from_the_other_side() -> None:
    row = related().row
    assert row is not None
    assert row.index is not None
    assert row.index.terms == (("relation", BOB),)


def test_whoever_leaves_is_related_to_nobody() -> None:
    kit = related()
    kit.run(RemoveUser(), principal=ANN, now=NOW)
    assert kit.row is not None
    assert kit.row.index is not None
    assert kit.row.index.terms == ()


# ----------------------------------------------------------------------------------------------------- removal


def test_c9_removal_begins_with_a_phase() -> None:
    kit = ann()
    outcome = kit.run(RemoveUser(), principal=ANN, now=NOW + 1)
    assert outcome.value.name == "Ann O'Hara"
    assert outcome.events == (UserRemovalStarted(NOW + 1),)
    assert outcome.state == Removing(ANN, NOW, NOW + 1)


def test_c9_a_user_under_removal_can_be_found_by_it() -> None:
    row = leaving().row
    assert row is not None
    assert row.index is not None
    assert row.index.columns["removing"] == 1
    assert row.index.item == b"{}"


def test_c9_a_user_under_removal_frees_the_email() -> None:
    claims: dict[Claim, str] = {}
    ann(claims).run(RemoveUser(), principal=ANN, now=NOW)
    assert email_claim("ann@example.org") not in claims
    assert new_user(BOB, claims).run(register(id=BOB), now=NOW).value.id == BOB


def test_c9_a_user_under_removal_is_logged_out() -> None:
    kit = leaving()
    assert kit.run(Authenticate(f"token-of-{PHONE}"), now=NOW).refusal == NotAuthenticated()
    assert kit.run(login(LAPTOP), now=NOW).refusal == WrongCredentials()
    assert kit.run(ExpireSessions(), now=NOW + 9 * HOUR).value == 0


def test_c9_removal_is_resumed_after_a_restart() -> None:
    kit = leaving()
    assert kit.restart() == Removing(ANN, NOW, NOW + 1)
    assert kit.run(FinishRemoval(), now=NOW + 2).state == Removed(ANN)


def test_c9_removal_can_be_finished_again() -> None:
    outcome = gone().run(FinishRemoval(), now=NOW)
    assert outcome.value is None
    assert outcome.events == ()


def test_c9_who_did_not_leave_is_not_removed() -> None:
    assert isinstance(ann().run(FinishRemoval(), now=NOW).refusal, Conflict)
    assert new_user().run(FinishRemoval(), now=NOW).refusal == NotFound("user")


def test_a_removed_user_is_not_listed() -> None:
    row = gone().row
    assert row is not None
    assert row.index is None


# -------------------------------------------------------------------------------------------- the event handler


def registered_event() -> UserRegistered:
    event = ann().behavior.events.decode(ann().stored[0])
    assert isinstance(event, UserRegistered)
    return event


@pytest.mark.parametrize(
    ("kit", "event"),
    [
        (new_user(), SessionUsed(PHONE, NOW)),
        (ann(), registered_event()),
        (leaving(), UserRemovalStarted(NOW)),
        (gone(), registered_event()),
    ],
)
def test_an_event_that_can_not_follow_is_refused(kit: UserKit, event: Any) -> None:
    with pytest.raises(ValueError, match="can't happen"):
        kit.behavior.event_handler(kit.state, event)


def test_keeps_its_state_after_a_restart() -> None:
    kit = new_user()
    assert kit.restart() == Absent()
    commands: list[UserCommand] = [
        register(),
        login(),
        login(LAPTOP),
        UpdateUser(LAPTOP, name="Anna", password_hash="hash-2"),
        RelateUser(BOB, "follows"),
        EndSession(LAPTOP),
        RemoveUser(),
        FinishRemoval(),
    ]
    for command in commands:
        before = kit.run(command, principal=ANN, now=NOW).state
        assert kit.restart() == before
    assert kit.state == Removed(ANN)
