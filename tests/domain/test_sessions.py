"""How a user's sessions come and go."""

from __future__ import annotations

import pytest

from spikes.domain.refusals import NotAuthenticated, NotFound, WrongCredentials
from spikes.domain.user.behavior import SESSIONS, USED_AGAIN_AFTER
from spikes.domain.user.command import Authenticate, EndSession, ExpireSessions, ListSessions
from spikes.domain.user.entity import Session, User
from spikes.domain.user.event import SessionEnded, SessionOpened, SessionUsed
from tests.domain.samples import ANN, HOUR, LAPTOP, MINUTE, NOW, PHONE, UserKit, ann, login, new_user

TOKEN = f"token-of-{PHONE}"
END = NOW + 2 * HOUR


def logged_in(*session_ids: str) -> UserKit:
    kit = ann()
    for session_id in session_ids or (PHONE,):
        kit.run(login(session_id), now=NOW)
    return kit


def ids(kit: UserKit) -> list[str]:
    assert isinstance(kit.state, User)
    return [session.id for session in kit.state.sessions]


def test_a_login_opens_a_session() -> None:
    outcome = ann().run(login(), now=NOW + 1)
    assert outcome.value == Session(PHONE, TOKEN, NOW + 1, NOW + 1, END, "curl/8")
    assert outcome.events == (SessionOpened(PHONE, TOKEN, NOW + 1, END, "curl/8"),)


def test_a_password_changed_meanwhile_opens_nothing() -> None:
    assert ann().run(login(password_hash="hash-0"), now=NOW).refusal == WrongCredentials()


def test_nobody_logs_in_as_nobody() -> None:
    assert new_user().run(login(), now=NOW).refusal == WrongCredentials()
    assert new_user().run(Authenticate(TOKEN), now=NOW).refusal == NotAuthenticated()
    assert new_user().run(ExpireSessions(), now=NOW).value == 0


def test_c5_a_login_run_again_meets_its_own_session() -> None:
    again = logged_in().run(login(), now=NOW)
    assert again.value.id == PHONE
    assert again.events == ()


@pytest.mark.parametrize(("agent", "kept"), [(None, None), ("x" * 300, "x" * 255), ("a\udcffb", "a?b")])
def test_a_browser_is_remembered_within_reason(agent: str | None, kept: str | None) -> None:
    assert ann().run(login(user_agent=agent), now=NOW).value.user_agent == kept


def test_one_session_too_many_ends_the_oldest() -> None:
    kit = logged_in(*(f"S{number}" for number in range(SESSIONS)))
    outcome = kit.run(login(), now=NOW)
    assert outcome.events[0] == SessionEnded(("S0",), NOW)
    assert ids(kit) == [*(f"S{number}" for number in range(1, SESSIONS)), PHONE]


def test_a_login_drops_what_has_expired() -> None:
    kit = logged_in(PHONE)
    outcome = kit.run(login(LAPTOP, expires=END + HOUR), now=END)
    assert outcome.events[0] == SessionEnded((PHONE,), END)
    assert ids(kit) == [LAPTOP]


def test_a_token_finds_its_session() -> None:
    outcome = logged_in(LAPTOP, PHONE).run(Authenticate(TOKEN), now=NOW + MINUTE)
    assert outcome.value.id == PHONE
    assert outcome.events == ()


@pytest.mark.parametrize("token", ["", "token", TOKEN.lower(), TOKEN + "x", "hash-1", "é\udcff"])
def test_another_token_finds_nothing(token: str) -> None:
    assert logged_in().run(Authenticate(token), now=NOW).refusal == NotAuthenticated()


def test_a_session_is_over_when_it_expires() -> None:
    kit = logged_in()
    assert kit.run(Authenticate(TOKEN), now=END - 1).value.id == PHONE
    assert kit.run(Authenticate(TOKEN), now=END).refusal == NotAuthenticated()


def test_use_is_written_down_every_ten_minutes() -> None:
    kit = logged_in()
    assert kit.run(Authenticate(TOKEN), now=NOW + USED_AGAIN_AFTER - 1).events == ()
    outcome = kit.run(Authenticate(TOKEN), now=NOW + USED_AGAIN_AFTER)
    assert outcome.events == (SessionUsed(PHONE, NOW + 10 * MINUTE),)
    assert outcome.value.last_used == NOW + 10 * MINUTE
    assert kit.run(Authenticate(TOKEN), now=NOW + 20 * MINUTE - 1).events == ()


def test_only_live_sessions_are_listed() -> None:
    kit = logged_in(PHONE)
    kit.run(login(LAPTOP, expires=END + 1), now=NOW)
    assert [session.id for session in kit.run(ListSessions(), principal=ANN, now=END).value] == [LAPTOP]


def test_a_session_can_be_ended_once() -> None:
    kit = logged_in(PHONE, LAPTOP)
    outcome = kit.run(EndSession(PHONE), principal=ANN, now=NOW)
    assert outcome.value is None
    assert outcome.events == (SessionEnded((PHONE,), NOW),)
    assert kit.run(EndSession(PHONE), principal=ANN, now=NOW).refusal == NotFound("session")
    assert kit.run(Authenticate(TOKEN), now=NOW).refusal == NotAuthenticated()


def test_the_reaper_ends_what_has_expired() -> None:
    kit = logged_in(PHONE, LAPTOP)
    assert kit.run(ExpireSessions(), now=END - 1).events == ()
    outcome = kit.run(ExpireSessions(), now=END)
    assert outcome.value == 2
    assert outcome.events == (SessionEnded((PHONE, LAPTOP), END),)


def test_the_row_says_what_expires_first() -> None:
    kit = logged_in(PHONE)
    kit.run(login(LAPTOP, expires=NOW + HOUR), now=NOW)
    assert kit.row is not None
    assert kit.row.index is not None
    assert kit.row.index.columns["sessions"] == 2
    assert kit.row.index.columns["session_expires"] == NOW + HOUR


def test_keeps_its_state_after_a_restart() -> None:
    kit = logged_in(PHONE, LAPTOP)
    kit.run(Authenticate(TOKEN), now=NOW + HOUR)
    before = kit.state
    assert kit.restart() == before
