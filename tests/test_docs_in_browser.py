"""/docs in a real browser: it draws the API, and breaks no rule of its content security policy."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.console.browser import CHROMIUM, needs_chromium
from tests.storm import spikes

OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--log-level=0")
TIMEOUT = 60


@needs_chromium
async def test_the_page_shows_the_api_within_its_policy(tmp_path: Path) -> None:
    async with spikes(tmp_path / "data") as service:
        url = f"http://127.0.0.1:{service.port}/docs#/Notes/createNote"
        page, log = await drawn(url, tmp_path / "profile")
    assert "Write a note" in page
    assert "First note" in page, "the example of an operation is not shown"
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []


async def drawn(url: str, profile: Path) -> tuple[str, str]:
    """Return the page as the browser has it once its scripts have run, and the browser's log with its console."""
    assert CHROMIUM is not None, "CI needs Chromium: .ci/setup installs it"
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode(), err.decode()
