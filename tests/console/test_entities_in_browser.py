"""The pages about entities and the journal in a real browser: for everybody, by keyboard, and whatever users wrote."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.console.browser import looking, needs_chromium
from tests.console.conftest import TOKEN, VIEWER_TOKEN, Managed
from tests.console.reading.world import NOTE, World, event, store

pytestmark = needs_chromium

HOSTILE = '<script>window.attacked = 1</script>"><img src=x onerror="window.attacked = 1">\u202egnp.exe\0'
MEGABYTE = 1024 * 1024
PID = quote(f"note|{NOTE}")
PAGES = (
    *("/entities?q=" + quote(HOSTILE), "/entities/check?sample=5"),
    *(f"/entity{each}?id={PID}" for each in ("", "/history", "/event", "/version", "/check")),
    *(f"/entity{each}?id=tag%7C{quote(HOSTILE)}" for each in ("", "/history", "/check")),
    *("/activity?type=" + quote(HOSTILE), "/errors", "/requests", "/request?id=request-1"),
    *("/actors", "/actors/tree", "/journal?count=1"),
)


def address(managed: Managed) -> str:
    return f"http://127.0.0.1:{managed.client.port}"


@pytest.fixture
async def hostile(operated: Managed) -> Managed:
    """A service with texts of attackers: in a note, in an event that can't be decoded, as long as it may be."""
    world = World(operated.service.journal, operated.service.entities)
    await world.write(HOSTILE, HOSTILE + "x" * 60_000)
    await world.change(HOSTILE + "!", HOSTILE)
    payload = b'{"' + HOSTILE.replace('"', "").encode() + b'": "' + b"x" * MEGABYTE + b'"}'
    await store(world.journal, f"tag|{HOSTILE}", event(1, HOSTILE, payload), event(2, "tag-created@1", b"\xff\0"))
    return operated


async def test_every_page_is_for_everybody_whatever_users_wrote(hostile: Managed) -> None:
    async with looking(address(hostile)) as look:
        await look.log_in(TOKEN)
        for path in PAGES:
            assert await look.wrong(path) == []
        assert await look.page.evaluate("window.attacked") is None
        assert look.complaints == []


async def test_texts_are_revealed_with_a_reason_and_do_no_harm(hostile: Managed) -> None:
    async with looking(address(hostile)) as look:
        await look.log_in(TOKEN)
        for path in ("/entity", "/entity/history", "/entity/version"):
            await look.go(f"{path}?id={PID}")
            assert "window.attacked" not in await look.page.inner_text("main")
            await look.page.click("summary:has-text('Reveal')")
            await look.page.fill("[name=reason]", "a support case")
            await look.page.press("[name=reason]", "Enter")
            await look.page.wait_for_selector("text=Users' texts are revealed.")
            assert "window.attacked" in await look.page.inner_text("main")
        assert await look.page.evaluate("window.attacked") is None
        assert look.complaints == []


async def test_the_slider_goes_through_versions_by_keyboard(hostile: Managed) -> None:
    async with looking(address(hostile)) as look:
        await look.log_in(VIEWER_TOKEN)
        await look.go(f"/entity/version?id={PID}")
        await look.page.focus("[type=range]")
        await look.page.keyboard.press("ArrowLeft")
        await look.page.wait_for_selector("#version strong:has-text('Version 1')")
        assert await look.page.evaluate("document.activeElement.name") == "version"
        assert look.complaints == []


async def test_time_travel_needs_no_javascript(hostile: Managed) -> None:
    async with looking(address(hostile), java_script_enabled=False) as look:
        await look.log_in(VIEWER_TOKEN)
        await look.go(f"/entity/version?id={PID}")
        await look.page.focus("[type=range]")
        await look.page.keyboard.press("ArrowLeft")
        await look.page.click("text=Show")
        await look.page.wait_for_selector("#version strong:has-text('Version 1')")


async def test_what_happens_appears_while_one_looks(operated: Managed) -> None:
    world = World(operated.service.journal, operated.service.entities)
    async with looking(address(operated)) as look:
        await look.log_in(VIEWER_TOKEN)
        await look.go("/activity")
        await look.next_message()
        await world.write()
        await look.page.wait_for_selector(f"#events td:has-text('note|{NOTE}')")
        assert look.complaints == []
