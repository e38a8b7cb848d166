"""The system page: settings with their source, log levels that go back, threads and tasks, the bundle."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterator

import msgspec
import pytest

from spikes import log
from spikes.console.effective import effective
from spikes.console.log_level import LogLevel
from spikes.settings import Settings
from tests.console.conftest import TOKEN, VIEWER_TOKEN, Managed


@pytest.fixture(autouse=True)
def _level_as_before() -> Iterator[None]:
    before = log.threshold.name
    yield
    log.threshold.set(before)


def test_each_setting_says_where_it_comes_from() -> None:
    settings = Settings(port=1, host="::1", token_ttl=60, admin_token="secret")
    environ = {"SPIKES_PORT": "1", "SPIKES_ADMIN_TOKEN_FILE": "/run/secrets/token"}
    found = {each.variable: each for each in effective(settings, environ, ["spikes", "serve", "--host=::1"])}
    assert found["SPIKES_PORT"].source == "environment, SPIKES_PORT"
    assert found["SPIKES_HOST"].source == "--host"
    assert found["SPIKES_TOKEN_TTL"].source == "--env-file"
    assert found["SPIKES_RATE_LIMITS"].source == "default"
    assert (found["SPIKES_ADMIN_TOKEN"].source, found["SPIKES_ADMIN_TOKEN"].value) == (
        "environment, SPIKES_ADMIN_TOKEN_FILE",
        "set",
    )


def test_no_setting_shows_a_secret() -> None:
    secret = "cassandra://me:hidden@db/notes?ssl_password=hidden"
    settings = Settings(journal=secret, journal_password="hidden", admin_token="hidden", admin_viewer_token="hidden")
    assert "hidden" not in str(effective(settings, {}, []))


async def test_the_page_has_no_secret_of_its_own(operated: Managed) -> None:
    for path in ("/system", "/system?format=json", "/system/dump"):
        _, text = await operated.get(path, VIEWER_TOKEN)
        assert TOKEN not in text
        assert VIEWER_TOKEN not in text


async def test_the_log_level_goes_back_by_itself() -> None:
    level = LogLevel("warning")
    level.set_for("debug", 0.0)
    assert (level.now, level.until is not None) == ("debug", True)
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.001, passed.set)  # what is due sooner is done before
    await passed.wait()
    assert (level.now, level.until) == ("warning", None)


async def test_an_operator_changes_the_log_level_for_a_while(operated: Managed) -> None:
    response, _ = await operated.post("/system/log-level", level="error", minutes="1", reason="too many lines")
    assert (response.status, log.threshold.name) == (303, "error")
    await operated.post("/system/log-level", level="error", minutes="0", reason="seen enough")
    assert log.threshold.name == "info"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"level": "loud"}, "level is wrong: it must be one of debug, info, warning, error"),
        ({"minutes": "61"}, "minutes is wrong: it must be a whole number from 0 (back to the usual) to 60"),
        ({"minutes": "9" * 30}, "minutes is wrong"),
        ({"minutes": "-1"}, "minutes is wrong"),
        ({"reason": " x "}, "reason is wrong: it must have 3 to 200 characters"),
    ],
)
async def test_a_wrong_form_says_what_would_be_right(operated: Managed, form: dict[str, str], problem: str) -> None:
    sent = {"level": "debug", "minutes": "1", "reason": "to look", **form}
    response, text = await operated.post("/system/log-level", **sent)
    assert (response.status, log.threshold.name) == (400, "info")
    assert problem in text


async def test_the_dump_shows_threads_and_tasks(managed: Managed) -> None:
    _, text = await managed.get("/system/dump?format=json")
    (found,) = msgspec.json.decode(text)["processes"].values()
    assert any(stack["name"] == "MainThread" for stack in found["threads"])
    assert any("Watch._look_on" in stack["name"] for stack in found["tasks"])


async def test_the_bundle_is_a_zip_without_secrets(operated: Managed) -> None:
    headers = {"Authorization": f"Bearer {VIEWER_TOKEN}"}
    async with operated.client.get("/system/bundle", headers=headers) as response:
        assert response.headers["Content-Disposition"].startswith('attachment; filename="spikes-2')
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
    texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"settings.json", "dump.json", "metrics.json", "errors.json", "packages.json"} <= set(texts)
    assert all(msgspec.json.decode(text) is not None for text in texts.values())
    assert not any(token in text for text in texts.values() for token in (TOKEN, VIEWER_TOKEN))
