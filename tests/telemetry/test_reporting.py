"""Reports to Sentry: what nobody expected, without what people wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from structlog.testing import capture_logs

from spikes.journal.errors import JournalUnusable
from spikes.settings import SettingError, Settings
from spikes.telemetry import Telemetry, reporting
from spikes.telemetry.reporting import Reporting
from tests.actors.conftest import Start, journal
from tests.actors.conftest import start as start_actors
from tests.actors.counter import Break, counter
from tests.telemetry.test_web import noticed
from tests.web.conftest import Api, Person, ann, api, start

__all__ = ["ann", "api", "journal", "start", "start_actors"]

DSN = "https://key@sentry.example.com/1"
SECRET = "What I think of bob@example.org"


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        event = envelope.get_event()
        if event is not None:
            self.events.append(dict(event))


@pytest.fixture
def url() -> str:
    return "memory:"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Reports turned on, and kept here."""
    kept = Kept()
    monkeypatch.setattr(reporting, "now", Reporting(DSN, kept))
    with capture_logs(processors=[structlog.processors.add_log_level, noticed]):
        yield kept.events


async def test_what_nobody_expected_is_reported(
    api: Api, ann: Person, here: Telemetry, sent: list[dict[str, Any]]
) -> None:
    api.journal.reject("query", JournalUnusable(SECRET))
    await api.get("/notes/mine", ann, X_Request_ID="of-this-test")
    (event,) = sent
    (problem,) = event["exception"]["values"]
    assert problem["type"] == "JournalUnusable"
    assert problem["stacktrace"]["frames"][-1]["module"] == "spikes.journal.faulty"
    assert event["tags"] == {"line": "unexpected", "request_id": "of-this-test", "route": "/notes/mine"}


async def test_a_handler_that_raises_is_reported(
    start_actors: Start, here: Telemetry, sent: list[dict[str, Any]]
) -> None:
    await start_actors().ask(counter.persistence_id("one"), Break())
    assert [event["tags"]["line"] for event in sent] == ["handler_failed"]


async def test_no_text_of_any_user_is_reported(
    api: Api, ann: Person, here: Telemetry, sent: list[dict[str, Any]]
) -> None:
    problem = JournalUnusable(SECRET)
    problem.__cause__ = ValueError(SECRET)
    api.journal.reject("query", problem)
    await api.post("/notes", {"title": "Diary", "body": SECRET}, ann)
    await api.get(f"/notes/mine?q={ann.email}", ann)
    written = msgspec.json.encode(sent, enc_hook=str).decode()
    assert "JournalUnusable" in written
    assert "ValueError" in written
    for text in (SECRET, "bob@example.org", "Diary", ann.email, ann.token):
        assert text not in written


async def test_a_refusal_is_not_reported(api: Api, ann: Person, here: Telemetry, sent: list[dict[str, Any]]) -> None:
    await api.get("/notes/0SAJWHS03CF2T", ann)
    api.journal.fail("append")
    assert (await api.post("/notes", {"title": "A note", "body": ""}, ann)).status == 503
    assert sent == []


def test_reports_are_off_without_a_dsn() -> None:
    reporting.set_up(Settings.from_environment({}).sentry_dsn)
    assert reporting.now is None


def test_a_dsn_is_a_secret_and_checked() -> None:
    settings = Settings.from_environment({"SPIKES_SENTRY_DSN": DSN})
    assert settings.sentry_dsn == DSN
    assert "key@sentry" not in repr(settings)
    with pytest.raises(SettingError, match="SPIKES_SENTRY_DSN is wrong: it must be a DSN like "):
        Settings.from_environment({"SPIKES_SENTRY_DSN": "sentry.example.com"})
