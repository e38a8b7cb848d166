"""Schemathesis asks the service everything that /openapi.json allows, and much that it doesn't."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from spikes.web.routes import ROUTES
from tests.web.conftest import Api

ROOT = Path(__file__).parent.parent.parent
TIMEOUT = 600
"""Seconds after which something must hang: it takes 30 on two idle cores."""


@pytest.fixture
def url() -> str:
    return "memory:"


async def test_the_service_does_what_its_document_says(api: Api, tmp_path: Path) -> None:
    """What it finds can be repeated by the curl lines it prints; every operation is asked for with success, too."""
    answers = tmp_path / "answers"
    document = str(api.client.make_url("/openapi.json"))
    command = ["--config-file", "tests/web/schemathesis.toml", "run", document, "--checks", "all", "--no-color"]
    code, text = await output(*command, SPIKES_TEST_ANSWERS=str(answers))
    assert code == 0, text
    phases = re.findall(r"✅  (Examples|Coverage|Fuzzing|Stateful)", text)
    assert set(phases) == {"Examples", "Coverage", "Fuzzing", "Stateful"}
    assert unreached(answers.read_text()) == set()


NOT_ASKED = {"GET /feed", "POST /users/me/import", "POST /users/login", "GET /openapi.json"}
"""What schemathesis.toml leaves out, what nobody can do at random, and what schemathesis has read before."""


def unreached(answers: str) -> set[str]:
    """Return the operations that were never done."""
    done = {f"{method} {path}" for _, method, path, status in map(str.split, answers.splitlines()) if status < "300"}
    routes = {route.name for route in ROUTES} - {"GET /notes/{slug}"}
    return routes - done - NOT_ASKED


async def output(*arguments: str, **environment: str) -> tuple[int | None, str]:
    """Run schemathesis and return its exit code and what it said."""
    code = "from schemathesis.cli import schemathesis; schemathesis()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
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
