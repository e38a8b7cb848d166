"""The frame of the console: every page as HTML, as JSON and live, with headers that let nothing else in."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from spikes.console.rendering import age, shown, size
from spikes.console.routes import ROUTES
from tests.console.conftest import Managed

PAGES = [route.path for route in ROUTES if route.method == "GET" and route.label]


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_html_with_a_verdict(managed: Managed, path: str) -> None:
    response, text = await managed.get(path)
    assert response.status == 200
    assert response.content_type == "text/html"
    assert 'class="verdict ' in text


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_json_as_well(managed: Managed, path: str) -> None:
    response, text = await managed.get(f"{path}?format=json")
    assert (response.status, response.content_type) == (200, "application/json")
    assert isinstance(msgspec.json.decode(text), dict)


async def test_nothing_inline_and_nothing_from_outside_is_let_in(managed: Managed) -> None:
    response, text = await managed.get("/")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert "<style" not in text
    assert " style=" not in text


async def test_scripts_are_asked_for_again_but_not_sent_again(managed: Managed) -> None:
    response, _ = await managed.get("/static/console.js")
    assert response.headers["Cache-Control"] == "no-cache"
    again, _ = await managed.get("/static/console.js", **{"If-None-Match": response.headers["ETag"]})
    assert again.status == 304


@pytest.mark.parametrize("path", ["/nothing", "/static/../listener.py", "/static/vendor/", "/%0d%0aSet-Cookie:x"])
async def test_what_is_not_there_is_404_or_403(managed: Managed, path: str) -> None:
    response, text = await managed.get(path)
    assert response.status in {403, 404}
    assert "def make_management_app" not in text


async def test_the_live_part_comes_again_until_the_service_ends(managed: Managed) -> None:
    async with managed.client.get("/?format=live") as response:
        assert response.content_type == "text/event-stream"
        first = [await response.content.readline() for _ in range(2)]
        managed.service.state.draining = True
        async with asyncio.timeout(30):
            rest = await response.content.read()
    assert first[0] == b"event: verdict\r\n"
    assert b"event: live\r\n" in rest


async def test_a_journal_that_is_away_leaves_a_page_with_the_verdict(managed: Managed) -> None:
    await managed.service.journal.close()
    await managed.service.inside.watch.look()
    _, text = await managed.get("/")
    assert "DOWN" in text
    assert "the journal does not answer" in text


def test_hostile_text_is_shown_and_nothing_else() -> None:
    assert shown("<script>alert(1)</script>") == "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>"
    assert shown("a\0b\x7f") == "<bdi>a\u2400b⟨u+007f⟩</bdi>"
    assert shown("\u202egnp.exe") == "<bdi>⟨right-to-left override⟩gnp.exe</bdi>"
    assert shown("\ud800") == "<bdi>\\ud800</bdi>"


def test_a_megabyte_of_text_is_cut() -> None:
    text = shown("x" * 1_048_576)
    assert len(text) < 400
    assert "and 1,048,276 more characters" in text


def test_times_and_sizes_are_in_units_that_fit() -> None:
    assert [age(seconds) for seconds in (0.4, 61, 90_000)] == ["0 s", "1 min 1 s", "1 d 1 h"]
    assert [size(number) for number in (512, 1536, 3 * 2**30)] == ["512 bytes", "1.5 KiB", "3.0 GiB"]
