"""The console in a real browser: live, calm while somebody reads, within its policy, and for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from spikes.console import listener
from spikes.console.routes import ROUTES
from spikes.domain.user.behavior import user_behavior
from spikes.domain.user.command import Register
from tests.console.browser import Look, looking, needs_chromium
from tests.console.conftest import TOKEN, VIEWER_TOKEN, Managed, StartManaged

pytestmark = needs_chromium

PAGES = ("/", "/system", "/system/dump", "/actions?id=user%7C%22%3E%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE")
ANN = user_behavior.persistence_id("0MZ4A1B2C3D4E")


@pytest.fixture
def _lively(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let live parts come ten times a second."""
    routes = [msgspec.structs.replace(route, every=0.1) if route.every else route for route in ROUTES]
    monkeypatch.setattr(listener, "ROUTES", routes)


@pytest.fixture
async def looker(_lively: None, manage: StartManaged) -> AsyncIterator[tuple[Managed, Look]]:
    """A service without tokens, and a window on its overview."""
    managed = await manage()
    async with looking(address(managed)) as look:
        await look.go("/")
        yield managed, look


def address(managed: Managed) -> str:
    return f"http://127.0.0.1:{managed.client.port}"


async def test_every_page_is_for_everybody_and_keeps_the_policy(operated: Managed) -> None:
    async with looking(address(operated)) as look:
        assert await look.wrong("/login") == []
        await look.log_in(TOKEN)
        for path in PAGES:
            assert await look.wrong(path) == []
        assert look.complaints == []


async def test_the_verdict_changes_while_one_looks(looker: tuple[Managed, Look]) -> None:
    managed, look = looker
    assert await look.page.inner_text("#level") != "DOWN"
    await managed.service.journal.close()
    await managed.service.inside.watch.look()
    await look.page.wait_for_selector(".verdict.down")
    assert "the journal does not answer" in await look.page.inner_text("#verdict")
    assert look.complaints == []


async def test_charts_are_drawn_and_kept(looker: tuple[Managed, Look]) -> None:
    _, look = looker
    assert await look.page.locator(".chart canvas").count() == 6
    await look.page.evaluate("document.querySelector('.chart canvas').id = 'kept'")
    await look.next_message()
    assert await look.page.locator(".chart #kept").count() == 1
    assert await look.page.locator(".chart canvas").count() == 6


async def test_an_update_takes_the_focus_from_nobody(looker: tuple[Managed, Look]) -> None:
    _, look = looker
    await look.page.focus("#routes")
    await look.next_message()
    assert await look.page.evaluate("document.activeElement.id") == "routes"


async def test_pausing_keeps_the_page_as_it_is(looker: tuple[Managed, Look]) -> None:
    managed, look = looker
    await look.page.click("#pause")
    await look.page.evaluate("document.querySelector('#series').id = 'as-it-was'")
    await managed.service.journal.close()
    await managed.service.inside.watch.look()
    await look.page.wait_for_selector(".verdict.down")  # the verdict is never paused
    assert await look.page.locator("#as-it-was").count() == 1
    await look.page.click("#pause")
    await look.page.wait_for_selector("#series", state="attached")


async def test_the_first_key_leads_past_the_navigation(looker: tuple[Managed, Look]) -> None:
    _, look = looker
    await look.page.keyboard.press("Tab")
    await look.page.keyboard.press("Enter")
    assert await look.page.evaluate("document.activeElement.id") == "page"


@pytest.mark.usefixtures("_lively")
async def test_a_page_connects_again_when_the_service_is_back(manage: StartManaged) -> None:
    managed = await manage()
    first, port = await serve(managed, 0)
    async with looking(f"http://127.0.0.1:{port}") as look:
        await look.go("/")
        await look.next_message()
        await first.cleanup()
        await look.page.wait_for_selector("#connection:not(:empty)", state="attached")
        again, _ = await serve(managed, port)
        await look.next_message()
        await look.page.wait_for_selector("#connection:empty", state="attached")
    await again.cleanup()


async def serve(managed: Managed, port: int) -> tuple[web.AppRunner, int]:
    """Serve the console of a running service on a port."""
    runner = web.AppRunner(managed.service.management(None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner, runner.addresses[0][1]


async def test_a_browser_keeps_the_login_and_acts(operated: Managed) -> None:
    command = Register(ANN.entity_id, "Ann", "ann@example.com", "hash", "1990-12-31")
    await operated.service.entities.ask(ANN, command, new=True)
    async with looking(address(operated)) as look:
        await look.log_in(TOKEN)
        await look.go(f"/actions?id={ANN}")
        form = look.page.locator("form[action='/actions/passivate']")
        await form.locator("[name=reason]").fill("a support case")
        await form.locator("[name=confirmation]").fill(str(ANN))
        await form.locator("button").click()
        await look.page.wait_for_selector("[role=status].notice")
        async with asyncio.timeout(30):
            while await operated.service.entities.is_active(ANN):
                pass
        assert look.complaints == []


async def test_all_is_there_without_javascript(operated: Managed) -> None:
    async with looking(address(operated), java_script_enabled=False) as look:
        await look.log_in(VIEWER_TOKEN)
        assert await look.page.inner_text("#level") != "DOWN"
        assert await look.page.locator("#routes tbody tr").count() >= 1
        assert await look.page.locator("noscript meta[http-equiv=refresh]").count() == 1
        await look.page.click("text=Log out")
        await look.page.wait_for_selector("#token")


async def test_an_attacked_page_runs_nothing(operated: Managed) -> None:
    async with looking(address(operated)) as look:
        await look.log_in(TOKEN)
        await look.page.evaluate(
            "document.querySelector('main').innerHTML = '<img src=x onerror=\"window.attacked = 1\">' + "
            "'<img src=\"https://attacker.example/x\">'"
        )
        await look.images()
        assert await look.page.evaluate("window.attacked") is None
        assert any("Content Security Policy" in complaint for complaint in look.complaints)
