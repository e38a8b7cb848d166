"""What is still known of a request, by its id."""

from __future__ import annotations

from spikes.telemetry.requests import CommandSeen, EventSeen, LineSeen, RecentRequests, RequestSeen


def request(request_id: str, status: int = 200) -> RequestSeen:
    return RequestSeen(request_id, 1000, "PUT", "/notes/{tsid}", status, 1.5, "u1")


def test_all_of_one_request_is_found() -> None:
    recent = RecentRequests()
    event, command = (
        EventSeen("r1", 1, "note|n", 7, "note-updated@1"),
        CommandSeen("r1", 2, "note|n", "Update", "ok", 7, 1.2),
    )
    line = LineSeen("r1", 3, "warning", "slow", {"ms": "900"})
    for sighting in (event, command, request("r2"), line, request("r1")):
        recent.note(sighting)
    found = recent.find("r1")
    assert found is not None
    assert (found.requests, found.commands, found.events, found.lines) == ([request("r1")], [command], [event], [line])


def test_an_unknown_request_is_not_found() -> None:
    recent = RecentRequests()
    recent.note(request("r1"))
    assert recent.find("r2") is None


def test_the_oldest_sighting_makes_room() -> None:
    recent = RecentRequests(capacity=2)
    recent.note(request("r1"))
    recent.note(request("r2"))
    assert recent.find("r1") is not None
    recent.note(request("r3"))
    assert recent.find("r1") is None
    assert len(recent) == 2


def test_the_latest_requests_come_newest_first() -> None:
    recent = RecentRequests()
    for request_id in ("r1", "r2", "r3"):
        recent.note(request(request_id))
        recent.note(EventSeen(request_id, 1, "note|n", 7, "note-updated@1"))
    assert [seen.request_id for seen in recent.latest(2)] == ["r3", "r2"]
