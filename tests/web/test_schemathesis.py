"""Schemathesis asks the service everything that /openapi.json allows, and much that it doesn't."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.web.conftest import Api

ROOT = Path(__file__).parent.parent.parent
TIMEOUT = 120
"""Seconds after which something must hang: it takes 20 on two idle cores."""


@pytest.fixture
def url() -> str:
    return "memory:"


async def test_the_service_does_what_its_document_says(api: Api) -> None:
    """What it finds can be repeated by the curl lines it prints."""
    document = str(api.client.make_url("/openapi.json"))
    command = ["--config-file", "tests/web/schemathesis.toml", "run", document, "--checks", "all", "--no-color"]
    code, text = await output(*command)
    assert code == 0, text
    phases = re.findall(r"✅  (Examples|Coverage|Fuzzing|Stateful)", text)
    assert set(phases) == {"Examples", "Coverage", "Fuzzing", "Stateful"}


async def output(*arguments: str) -> tuple[int | None, str]:
    """Run schemathesis and return its exit code and what it said."""
    code = "from schemathesis.cli import schemathesis; schemathesis()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode()
