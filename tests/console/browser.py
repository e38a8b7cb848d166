"""A real Chromium that looks at the console, and holds against a page what it must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from playwright.async_api import Page, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = (Path(__file__).parent / "vendor" / "axe" / "axe.min.js").read_text()
TIMEOUT = 30_000
"""How long a look may take, in milliseconds; a second at most where nobody else is busy."""


class Window(NamedTuple):
    """How people look: pixels of width, and the colours they prefer."""

    width: int
    scheme: Literal["dark", "light"]


WINDOWS = (Window(1280, "dark"), Window(320, "light"))

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true",
    reason="there is no Chromium here: apt-get install chromium",
)


class Look:
    """A window with a page of the console, and what was complained of while it was open."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.complaints: list[str] = []
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        page.set_default_timeout(TIMEOUT)

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.base}/", "data:")):
            self.complaints.append(f"asked {url}")

    async def go(self, path: str) -> None:
        """Open a page of the console."""
        await self.page.goto(self.base + path, wait_until="load")

    async def wrong(self, path: str) -> list[str]:
        """Open a page, look at it in each of `WINDOWS`, and return what is wrong for somebody."""
        await self.go(path)
        found = []
        for window in WINDOWS:
            await self.page.set_viewport_size({"width": window.width, "height": 900})
            await self.page.emulate_media(color_scheme=window.scheme, reduced_motion="reduce")  # no colours in between
            found += [f"{path} at {window.width} in {window.scheme}: {each}" for each in await self.axe()]
            if too_wide := await self.overflow():
                found.append(f"{path} at {window.width}: {too_wide} pixels too wide")
        return found

    async def log_in(self, token: str) -> None:
        """Type a token into the login form."""
        await self.go("/login")
        await self.page.fill("#token", token)
        await self.page.press("#token", "Enter")
        await self.page.wait_for_selector("#verdict")

    async def axe(self) -> list[str]:
        """Return what axe-core finds wrong with the page for people who can't see it, or not well."""
        await self.page.evaluate(AXE)  # by the debugger: the page's own policy would not let it in
        found: dict[str, Any] = await self.page.evaluate("axe.run()")
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        width: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return max(width, 0)

    async def images(self) -> None:
        """Wait until each image has come, or was refused.

        Asked by the debugger in one go: `wait_for_function` looks again by evaluating a string in the page, which the
        page's own policy forbids, so that it fails on whatever is not so at its first look.
        """
        await self.page.evaluate(
            "Promise.all([...document.images].map(each => each.complete || "
            "new Promise(done => { each.onload = each.onerror = done })))"
        )

    async def next_message(self) -> None:
        """Wait until a live part has come and stands on the page."""
        await self.page.evaluate(
            "new Promise(done => document.body.addEventListener('htmx:sseMessage', "
            "event => { if (event.target.id === 'live') done() }))"
        )


@asynccontextmanager
async def looking(base: str, **window: Any) -> AsyncIterator[Look]:
    """Open a window; `window` are options of playwright's `new_context`."""
    assert CHROMIUM is not None, "CI needs Chromium: .ci/setup installs it"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = await chromium.new_context(**window)
            yield Look(await context.new_page(), base)
        finally:
            await chromium.close()
