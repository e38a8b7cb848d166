"""Actions: each needs the role, the switch, a reason and a confirmation; is noted first; and does what it says."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from spikes.domain.audit.behavior import audit_of
from spikes.domain.audit.event import AUDIT_EVENTS, OperatorActed
from spikes.domain.user.behavior import user_behavior
from spikes.domain.user.command import Authenticate, GetUser, Login, Register
from spikes.exits import Exit
from spikes.persistence.reply import Error, Success
from tests.console.conftest import TOKEN, Managed, StartManaged
from tests.storm import spikes

ANN = user_behavior.persistence_id("0MZ4A1B2C3D4E")
ACTIONS = ("passivate", "rebuild", "end-sessions", "drain")


async def register(managed: Managed) -> None:
    command = Register(ANN.entity_id, "Ann", "ann@example.com", "hash", "1990-12-31")
    assert isinstance((await managed.service.entities.ask(ANN, command, new=True)).status, Success)


async def act(managed: Managed, action: str, subject: str = str(ANN), **form: str) -> tuple[int, str]:
    """Send the form of an action; return the status, and what was done or what is wrong."""
    confirmation = "drain" if action == "drain" else subject
    sent = {"id": subject, "reason": "a support case", "confirmation": confirmation, **form}
    response, text = await managed.post(f"/actions/{action}", **sent)
    query = parse_qs(urlsplit(response.headers.get("Location", "")).query)
    return response.status, query["done"][0] if query else msgspec.json.decode(text)["message"]


async def audited(managed: Managed) -> list[OperatorActed]:
    stored = await managed.service.journal.events(f"audit|{audit_of(time.time_ns() // 1_000_000)}")
    return [AUDIT_EVENTS.decode(event) for event in stored]


async def test_passivating_lets_an_entity_leave_memory(operated: Managed) -> None:
    await register(operated)
    assert await act(operated, "passivate") == (303, "passivate")
    async with asyncio.timeout(30):
        while await operated.service.entities.is_active(ANN):
            pass
    assert await act(operated, "passivate") == (303, "not-there")
    assert not await operated.service.entities.is_active(ANN), "an action on what is not in memory brought it there"


async def test_rebuilding_mends_a_row_that_is_wrong(operated: Managed) -> None:
    await register(operated)
    assert await act(operated, "rebuild") == (303, "rebuild")
    journal = operated.service.journal
    loaded = await journal.load(str(ANN), user_behavior.state_version)
    assert loaded.snapshot is not None
    folded = user_behavior.thaw(loaded.snapshot)
    wrong = msgspec.structs.replace(folded, state=msgspec.structs.replace(folded.state, name="Nobody"))
    await journal.replace_rows([user_behavior.entity_row(str(ANN), wrong)])
    assert await act(operated, "rebuild") == (303, "rebuilt")
    mended = await journal.load(str(ANN), user_behavior.state_version)
    assert mended.snapshot == loaded.snapshot


async def test_ending_sessions_logs_the_user_out(operated: Managed) -> None:
    await register(operated)
    ask = operated.service.entities.ask
    login = Login("0MZ4A1B2C3PHN", "token-hash", 2**50, "curl/8", "hash")
    assert isinstance((await ask(ANN, login, principal=ANN.entity_id)).status, Success)
    assert await act(operated, "end-sessions") == (303, "end-sessions")
    assert isinstance((await ask(ANN, Authenticate("token-hash"), principal=ANN.entity_id)).status, Error)
    assert isinstance((await ask(ANN, GetUser(), principal=ANN.entity_id)).status, Success)


async def test_each_action_is_noted_with_its_reason(operated: Managed) -> None:
    await register(operated)
    for action in ACTIONS[:3]:
        await act(operated, action, reason=f"to {action}")
    found = await audited(operated)
    assert [(each.action, each.subject, each.reason) for each in found] == [
        (action, str(ANN), f"to {action}") for action in ACTIONS[:3]
    ]
    assert {(each.role, each.client) for each in found} == {("operator", "127.0.0.1")}


@pytest.mark.parametrize("action", ACTIONS)
async def test_nothing_is_done_unless_the_switch_is_on(manage: StartManaged, action: str) -> None:
    managed = await manage(admin_token=TOKEN)
    await register(managed)
    status, message = await act(managed, action)
    assert (status, message) == (403, "the console may change nothing here: SPIKES_CONSOLE_WRITES=1 would allow it")
    assert (await audited(managed), await managed.service.entities.is_active(ANN)) == ([], True)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"reason": "x"}, "reason is wrong: it must have 3 to 200 characters"),
        ({"reason": "x" * 201}, "reason is wrong: it must have 3 to 200 characters"),
        ({"confirmation": "yes"}, "confirmation is wrong: to do this, type "),
    ],
    ids=["no reason", "too long a reason", "no confirmation"],
)
async def test_nothing_is_done_without_reason_and_confirmation(
    operated: Managed, action: str, form: dict[str, str], problem: str
) -> None:
    await register(operated)
    status, message = await act(operated, action, **form)
    assert (status, message.startswith(problem)) == (400, True)
    assert (await audited(operated), await operated.service.entities.is_active(ANN)) == ([], True)


@pytest.mark.parametrize(
    "subject", ["", "note", "note|", "|x", "a|b|c", "note|\x00", "x" * 201 + "|y", "note|\u202ex"], ids=range(8)
)
async def test_what_is_no_persistence_id_is_refused(operated: Managed, subject: str) -> None:
    status, message = await act(operated, "passivate", subject)
    assert (status, message) == (400, "id is wrong: it must be a persistence id, like note|0MZ4A1B2C3ABC")


@pytest.mark.parametrize(
    ("action", "subject", "status"),
    [
        ("rebuild", "note|NOTHING", 404),
        ("rebuild", "<script>|x", 400),
        ("end-sessions", "note|NOTHING", 400),
        ("end-sessions", "user|NOBODY", 404),
    ],
)
async def test_what_does_not_exist_is_told_so(operated: Managed, action: str, subject: str, status: int) -> None:
    assert (await act(operated, action, subject))[0] == status


async def test_without_the_journal_nothing_is_done(operated: Managed) -> None:
    await register(operated)
    await operated.service.journal.close()
    status, message = await act(operated, "passivate")
    assert status == 503
    assert "this could not be noted, so it was not done" in message
    assert await operated.service.entities.is_active(ANN)


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one process", "two workers"])
async def test_draining_ends_the_whole_service(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    environ: dict[str, Any] = {"SPIKES_ADMIN_PORT": "0", "SPIKES_ADMIN_TOKEN": TOKEN, "SPIKES_CONSOLE_WRITES": "1"}
    async with spikes(tmp_path, *arguments, **environ) as service:
        await service.workers(2 if arguments else 1)
        form = {"reason": "a new disk", "confirmation": "drain"}
        url, headers = f"{service.lines[0]['admin_address']}/actions/drain", {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.post(url, data=form) as response:
            assert "The service finishes what it has begun, then ends." in await response.text()
        assert await service.exit_code() == Exit.OK
        assert service.all("draining")[0]["reason"] == signal.SIGTERM.name
