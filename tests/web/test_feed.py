"""The live feed over a socket: frames, resuming, tickets, and how streams end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog

from spikes.actors.feed import MOST_STREAMS
from spikes.domain.ticket.event import TICKET_EVENTS
from spikes.web import feed, listeners
from tests.abilities import in_memory
from tests.processes import TIMEOUT
from tests.storm import login, spikes
from tests.web.conftest import Answer, Api, Person, Start

SOON = 20.0


class Frame(msgspec.Struct, frozen=True):
    """One frame: its fields, and its comment lines."""

    fields: dict[str, str]
    comments: list[str]

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.fields["data"])


def parse(raw: bytes) -> Frame:
    lines = raw.decode().removesuffix("\n\n").split("\n")
    fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
    return Frame(fields, [line for line in lines if line.startswith(":")])


class Window:
    """A stream that is open."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def frame(self) -> Frame:
        return parse(await asyncio.wait_for(self.response.content.readuntil(b"\n\n"), SOON))

    async def events(self, count: int) -> list[Frame]:
        """Return the next events; comments are left out."""
        found: list[Frame] = []
        while len(found) < count:
            frame = await self.frame()
            found += [frame] if "event" in frame.fields else []
        return found

    async def rest(self) -> bytes:
        """Read to the end."""
        return await asyncio.wait_for(self.response.content.read(), SOON)


@asynccontextmanager
async def listen(api: Api, who: Person | None, query: str = "", **headers: str) -> AsyncIterator[Window]:
    """Open a stream and read its first frame."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if who is not None:
        sent["Authorization"] = f"Bearer {who.token}"
    async with api.client.get(f"/feed{query}", headers=sent) as response:
        assert response.status == 200, await response.text()
        yield Window(response)


async def ticket(api: Api, who: Person) -> str:
    answer = await api.post("/feed/ticket", None, who)
    assert (answer.status, answer.content["expiresIn"]) == (201, 60)
    return str(answer.content["ticket"])


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing tells of."""
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def streams(api: Api) -> int:
    return api.feed.streams


# ---------------------------------------------------------------------------------------------------------- the frames


@in_memory
async def test_begins_with_when_to_come_back_and_an_id(api: Api, ann: Person) -> None:
    async with listen(api, ann) as window:
        first = await window.frame()
        assert window.response.headers["Content-Type"] == "text/event-stream"
        assert window.response.headers["Cache-Control"] == "no-store"
        assert first.fields.keys() == {"retry", "id"}
        assert int(first.fields["retry"]) == 2000


async def test_tells_what_happens(api: Api, ann: Person) -> None:
    async with listen(api, ann) as window:
        note = await api.note(ann)
        (event,) = await window.events(1)
        assert event.fields["event"] == event.data["type"] == "note-created"
        assert event.data.keys() == {"entity", "id", "version", "type", "time", "who", "note"}
        item = (await api.get("/notes/mine", ann)).content[0]
        assert (event.data["id"], event.data["who"], event.data["note"]) == (note["id"], ann.id, item)


async def test_two_windows_see_each_other(api: Api, ann: Person) -> None:
    async with listen(api, ann) as first, listen(api, ann) as second:
        for window in (first, second):
            await window.frame()
        await api.note(ann)
        for window in (first, second):
            await window.events(1)


async def test_shows_nothing_of_others(api: Api, ann: Person, bob: Person) -> None:
    async with listen(api, bob) as window:
        await api.note(ann)
        await api.note(bob, "Mine")
        assert [event.data["note"]["title"] for event in await window.events(1)] == ["Mine"]


async def test_says_that_it_is_still_there(api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT", 0.05)
    async with listen(api, ann) as window:
        start = (await window.frame()).fields["id"]
        assert (await window.frame()).comments == [": still here"]
        await api.person("Bob")
        while (frame := await window.frame()).fields["id"] == start:
            assert frame.comments
        assert frame.comments


def test_a_comment_comes_every_15_seconds() -> None:
    assert feed.HEARTBEAT == 15


@in_memory
async def test_a_question_for_the_head_has_no_stream(api: Api, ann: Person) -> None:
    answer = await api.ask("HEAD", "/feed", None, ann)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert streams(api) == 0


# ------------------------------------------------------------------------------------------------------------ resuming


async def last_id(api: Api, who: Person, title: str = "First") -> str:
    """Listen until a note was told; return the event's id."""
    async with listen(api, who) as window:
        await api.note(who, title)
        return (await window.events(1))[0].fields["id"]


@pytest.mark.parametrize("by_header", [False, True])
async def test_resumes_behind_the_last_event(api: Api, ann: Person, by_header: bool) -> None:
    last = await last_id(api, ann)
    notes = [(await api.note(ann, f"Note {number}"))["id"] for number in range(3)]
    how: dict[str, Any] = {"Last_Event_ID": last} if by_header else {"query": f"?after={last}"}
    async with listen(api, ann, **how) as window:
        assert [event.data["id"] for event in await window.events(3)] == notes


async def test_the_header_counts_for_more_than_the_query(api: Api, ann: Person) -> None:
    old, new = await last_id(api, ann, "Old"), await last_id(api, ann, "New")
    async with listen(api, ann, f"?after={old}", Last_Event_ID=new) as window:
        note = await api.note(ann)
        assert [event.data["id"] for event in await window.events(1)] == [note["id"]]


@pytest.mark.parametrize("query", ["?after=", "?after=nonsense"])
async def test_an_id_of_elsewhere_is_a_reset(api: Api, ann: Person, query: str) -> None:
    async with listen(api, ann, query) as window:
        (reset,) = await window.events(1)
        assert (reset.fields["event"], reset.data) == ("reset", {})
    await api.note(ann)
    async with listen(api, ann, f"?after={reset.fields['id']}") as window:
        assert [event.fields["event"] for event in await window.events(1)] == ["note-created"]


# ------------------------------------------------------------------------------------------------------------- tickets


async def test_a_ticket_opens_the_feed_once(api: Api, ann: Person) -> None:
    pass_ = await ticket(api, ann)
    async with listen(api, None, f"?ticket={pass_}") as window:
        note = await api.note(ann)
        assert (await window.events(1))[0].data["id"] == note["id"]
    again = await api.get(f"/feed?ticket={pass_}")
    assert (again.status, again.code) == (401, "not_authenticated")


async def test_a_ticket_used_twice_at_once_opens_one_stream(api: Api, ann: Person) -> None:
    pass_ = await ticket(api, ann)

    async def status() -> int:
        async with api.client.get(f"/feed?ticket={pass_}") as response:
            return response.status

    assert sorted(await asyncio.gather(*(status() for _ in range(5)))) == [200, 401, 401, 401, 401]


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 401)])
async def test_a_ticket_is_good_for_a_minute(api: Api, ann: Person, seconds: int, status: int) -> None:
    pass_ = await ticket(api, ann)
    api.clock.pass_by(seconds=seconds)
    async with api.client.get(f"/feed?ticket={pass_}") as response:
        assert response.status == status


async def test_a_ticket_ends_with_its_session(api: Api, ann: Person) -> None:
    pass_ = await ticket(api, ann)
    await api.post("/users/logout", None, ann)
    assert (await api.get(f"/feed?ticket={pass_}")).status == 401


@in_memory
@pytest.mark.parametrize("spoil", [0, 14, 28, 42, -1])
async def test_a_ticket_can_not_be_changed(api: Api, ann: Person, bob: Person, spoil: int) -> None:
    pass_ = await ticket(api, ann)
    digit = "1" if pass_[spoil] == "0" else "0"
    spoiled = pass_[:spoil] + digit + (pass_[spoil:][1:] if spoil >= 0 else "")
    assert (await api.get(f"/feed?ticket={spoiled}")).status == 401
    assert (await api.get(f"/feed?ticket={pass_.replace(ann.id, bob.id)}")).status == 401


@in_memory
@pytest.mark.parametrize("wrong", ["", "x", "a.b.c.d.e", "0" * 5_000, "%00", "ä"])
async def test_nonsense_is_no_ticket(api: Api, wrong: str) -> None:
    assert (await api.get(f"/feed?ticket={wrong}")).status == 401


@in_memory
async def test_a_ticket_goes_alone(api: Api, ann: Person) -> None:
    pass_ = await ticket(api, ann)
    assert (await api.get(f"/feed?ticket={pass_}", ann)).code == "bad_query"
    assert (await api.get(f"/feed?ticket={pass_}&ticket={pass_}")).code == "bad_query"


async def test_a_ticket_opens_nothing_else(api: Api, ann: Person) -> None:
    answer = await api.get(f"/notes/mine?ticket={await ticket(api, ann)}")
    assert answer.status == 401


async def test_a_ticket_is_in_no_log_line_and_in_no_event(start: Start) -> None:
    with structlog.testing.capture_logs() as lines:
        api = await start()
        ann = await api.person("Ann")
        pass_ = await ticket(api, ann)
        async with listen(api, None, f"?ticket={pass_}") as window:
            await api.post("/users/logout", None, ann)
            await window.rest()
        await api.get(f"/feed?ticket={pass_}")
        await until(lambda: sum(line.get("route") == "/feed" for line in lines) == 2)
    assert pass_.rpartition(".")[2] not in str(lines)
    stored = [each.event for each in await api.journal.streams() if each.event.type in TICKET_EVENTS.names]
    assert len(stored) == 1
    assert pass_.rpartition(".")[2] not in str(stored)


# -------------------------------------------------------------------------------------------------------------- access


@in_memory
async def test_needs_a_token_or_a_ticket(api: Api) -> None:
    for answer in (await api.get("/feed"), await api.post("/feed/ticket", None)):
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="spikes"')


@in_memory
async def test_an_unknown_parameter_is_named(api: Api, ann: Person) -> None:
    answer = await api.get("/feed?since=1", ann)
    assert (answer.status, answer.code) == (400, "bad_query")
    assert "since" in answer.content["message"]


@in_memory
async def test_scripts_of_other_origins_may_listen(api: Api, ann: Person) -> None:
    async with listen(api, None, f"?ticket={await ticket(api, ann)}", Origin="https://notes.example.com") as window:
        assert window.response.headers["Access-Control-Allow-Origin"] == "*"
    headers = {"Access_Control_Request_Method": "GET", "Origin": "https://notes.example.com"}
    allowed = await api.ask("OPTIONS", "/feed", None, None, **headers)
    assert "Last-Event-ID" in allowed.headers["Access-Control-Allow-Headers"]


# ---------------------------------------------------------------------------------------------------------------- ends


async def too_many(api: Api, who: Person) -> Answer:
    return await api.get("/feed", who)


@in_memory
async def test_a_user_has_twenty_streams_at_most(api: Api, ann: Person, bob: Person) -> None:
    async with AsyncExitStack() as windows:
        for _ in range(MOST_STREAMS):
            await windows.enter_async_context(listen(api, ann))
        refused = await too_many(api, ann)
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "too_many_streams", "1")
        await windows.enter_async_context(listen(api, bob))
    await until(lambda: streams(api) == 0)
    async with listen(api, ann) as window:
        await window.frame()


async def test_a_client_that_is_gone_leaves_nothing(api: Api, ann: Person) -> None:
    tasks = len(asyncio.all_tasks())
    async with listen(api, ann) as window:
        await window.frame()
        assert streams(api) == 1
    await until(lambda: streams(api) == 0 and not api.feed.reading)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_the_stream_ends_with_the_session(api: Api, ann: Person) -> None:
    other = await api.login("Ann")
    async with listen(api, ann) as ended, listen(api, other) as stays:
        await api.delete(f"/sessions/{await session_id(api, ann)}", other)
        await api.note(other, "Not for the ended session")
        assert b"Not for" not in await ended.rest()
        assert len(await stays.events(1)) == 1


async def session_id(api: Api, who: Person) -> str:
    sessions = (await api.get("/sessions", who)).content
    return str(next(session["id"] for session in sessions if session["current"]))


async def test_the_stream_ends_with_the_account(api: Api, ann: Person) -> None:
    async with listen(api, ann) as window:
        await api.delete("/users", ann)
        await window.rest()


async def test_an_expired_session_is_told_nothing_more(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann, access="Public")
    async with listen(api, ann) as window:
        await window.frame()
        api.clock.pass_by(seconds=7200)
        comment = {"title": "Later", "body": "Too late"}
        answer = await api.post(f"/notes/{note['id']}/comments", comment, await api.login("Bob"))
        assert answer.status == 201
        assert b"comment-added" not in await window.rest()


@in_memory
async def test_a_drain_is_told_and_ends_the_stream(api: Api, ann: Person) -> None:
    async with listen(api, ann) as window:
        await window.frame()
        api.state.draining = True
        assert await window.rest() == b"event: drain\ndata: {}\n\n"
    async with listen(api, ann) as late:
        assert [frame.fields["event"] for frame in await late.events(1)] == ["drain"]
        assert late.response.headers["Connection"] == "close"


@in_memory
async def test_who_takes_nothing_is_cut_off_by_the_drain(
    api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "LAST_WORD", 0.05)
    monkeypatch.setattr("spikes.actors.feed_stream.MOST_TEXT", 1 << 40)
    async with slow_reader(api, ann):
        await fill(api, ann)
        assert streams(api) == 1
        api.state.draining = True
        await until(lambda: streams(api) == 0)


@in_memory
async def test_who_reads_too_slowly_is_cut_off(api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikes.actors.feed_stream.MOST_WAITING", 5)
    async with slow_reader(api, ann) as reader:
        await fill(api, ann, lambda: streams(api) == 0)
        assert not await ends_in_order(reader)


async def ends_in_order(reader: asyncio.StreamReader) -> bool:
    """Read to the end; tell whether the last chunk is there."""
    content = b""
    with suppress(ConnectionResetError):
        while more := await asyncio.wait_for(reader.read(1 << 20), SOON):
            content += more
    return content.endswith(b"0\r\n\r\n")


@asynccontextmanager
async def slow_reader(api: Api, who: Person) -> AsyncIterator[asyncio.StreamReader]:
    """Open a stream on a connection that takes no more than a little."""
    server = api.client.server
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(f"GET /feed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {who.token}\r\n\r\n".encode())
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def fill(api: Api, who: Person, enough: Callable[[], bool] = lambda: False) -> None:
    """Write big notes until nothing more goes into the connection, or until it is enough."""
    for number in range(300):
        if enough():
            return
        await api.note(who, f"Big {number}", body="x" * 60_000)


# ------------------------------------------------------------------------------------------------------- two processes


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


async def test_another_process_is_heard_within_a_tenth_of_a_second(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with spikes(tmp_path) as one, spikes(tmp_path) as two:
        here, there = (f"http://127.0.0.1:{process.port}" for process in (one, two))
        headers = {"Authorization": f"Bearer {await login(session, here)}"}
        async with session.get(f"{here}/feed", headers=headers) as response:
            window = Window(response)
            await window.frame()
            delays = [await delay(session, there, headers, window, number) for number in range(10)]
    assert min(delays) < 0.1, delays


async def delay(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], window: Window, number: int
) -> float:
    """Write a note; return how long after the answer it is told."""
    async with session.post(f"{url}/notes", json={"title": f"Note {number}", "body": ""}, headers=headers) as answer:
        assert answer.status == 201
        note = await answer.json()
    began = time.monotonic()
    assert (await window.events(1))[0].data["id"] == note["id"]
    return time.monotonic() - began


async def test_a_ticket_is_good_in_one_process_only(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with spikes(tmp_path) as one, spikes(tmp_path) as two:
        here, there = (f"http://127.0.0.1:{process.port}" for process in (one, two))
        headers = {"Authorization": f"Bearer {await login(session, here)}"}
        async with session.post(f"{here}/feed/ticket", headers=headers) as answer:
            pass_ = (await answer.json())["ticket"]
        async with session.get(f"{there}/feed?ticket={pass_}") as first:
            assert first.status == 200
            async with session.get(f"{here}/feed?ticket={pass_}") as second:
                assert second.status == 401
    assert pass_ not in str((one.lines, one.noise, two.lines, two.noise))


async def test_who_is_gone_makes_room_at_once(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with spikes(tmp_path) as service:
        url = f"http://127.0.0.1:{service.port}"
        headers = {"Authorization": f"Bearer {await login(session, url)}"}
        open_ = [await session.get(f"{url}/feed", headers=headers) for _ in range(MOST_STREAMS)]
        assert {response.status for response in open_} == {200}
        assert (await session.get(f"{url}/feed", headers=headers)).status == 429
        for response in open_:
            response.close()
        for _ in range(600):
            again = await session.get(f"{url}/feed", headers=headers)
            if again.status == 200:
                break
            await asyncio.sleep(0.05)  # no signal comes from another process; the wait is bounded
        assert again.status == 200
        again.close()


async def test_listeners_do_not_hold_up_the_end(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with spikes(tmp_path) as service:
        url = f"http://127.0.0.1:{service.port}"
        headers = {"Authorization": f"Bearer {await login(session, url)}"}
        async with session.get(f"{url}/feed", headers=headers) as response:
            window = Window(response)
            await window.frame()
            began = time.monotonic()
            service.process.terminate()
            assert [frame.fields["event"] for frame in await window.events(1)] == ["drain"]
            assert await window.rest() == b""
            assert await service.exit_code() == 0
            assert time.monotonic() - began < 9
        assert service.all("requests cut off") == []
