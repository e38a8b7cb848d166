"""The deployment under test: the one at SPIKES_URL, or else services that are started for the tests, one a journal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.external.client import Client, Person

PASSWORD = "Secret-123"
Write = Callable[..., dict[str, Any]]


GIVEN = os.environ.get("SPIKES_URL")
STARTED = ["sqlite", pytest.param("cassandra", marks=pytest.mark.cassandra)]


@pytest.fixture(scope="session", params=[GIVEN] if GIVEN else STARTED)
def base_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if GIVEN:
        yield GIVEN
        return
    folder = tmp_path_factory.mktemp("data")
    if request.param == "cassandra":
        yield from _started(folder, SPIKES_JOURNAL=request.getfixturevalue("fresh_journal_on_cassandra"))
    else:
        yield from _started(folder)


def _started(folder: Path, **settings: str) -> Iterator[str]:
    """Start a service as an operator would, and end it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SPIKES_")}
    environ |= {"SPIKES_DATA_DIR": str(folder), "SPIKES_LOG_FORMAT": "json", "SPIKES_RATE_LIMITS": "off"}
    environ |= {"SPIKES_ADMIN_PORT": "-1", "SPIKES_ASK_TIMEOUT": "20", **settings}
    subprocess.run([sys.executable, "-m", "spikes", "migrate"], env=environ, check=True, timeout=180)
    log = folder / "log"
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "spikes", "serve", "--port", "0"]
        process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)
        assert process.stderr is not None
        address = json.loads(process.stderr.readline())["address"]
        pump = subprocess.Popen(["cat"], stdin=process.stderr, stdout=sink)
        process.stderr.close()
    try:
        yield address
    finally:
        process.terminate()
        process.wait(20)
        pump.wait(20)


@pytest.fixture(scope="session")
def connected(base_url: str) -> Client:
    """Wait until the deployment is ready; it says so itself."""
    client = Client(base_url)
    for _ in range(600):
        try:
            if client.ask("GET", "/readiness").status == 200:
                return client
        except ConnectionError:
            pass
        time.sleep(0.1)  # nothing tells when another process serves; the wait is bounded
    raise AssertionError(f"{base_url} does not become ready")


@pytest.fixture
def client(connected: Client, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Ask the deployment; a test that says what it covers has to ask that."""
    connected.asked.clear()
    yield connected
    for route in getattr(request.function, "covers", ()):
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", route))
        assert any(map(pattern.fullmatch, connected.asked)), f"{route} was never asked, in spite of what the test says"


def account() -> dict[str, str]:
    """Return what somebody new registers with."""
    return {
        "name": "Quality Assurance",
        "email": f"{uuid.uuid4().hex}@example.org",
        "password": PASSWORD,
        "born": "1990-05-17",
    }


def person(client: Client) -> Person:
    """Open an account and log in."""
    somebody = account()
    assert client.ask("POST", "/users", somebody).status == 201
    answer = client.ask("POST", "/users/login", {"email": somebody["email"], "password": PASSWORD})
    assert answer.status == 200
    return Person(answer.content["id"], somebody["email"], answer.content["access_token"])


@pytest.fixture(scope="session")
def ann(connected: Client) -> Person:
    return person(connected)


@pytest.fixture(scope="session")
def bob(connected: Client) -> Person:
    return person(connected)


@pytest.fixture
def write(client: Client, ann: Person) -> Write:
    """Write a note of Ann's, with a title that nobody has."""

    def write(**fields: Any) -> dict[str, Any]:
        note = {"title": f"Note {uuid.uuid4().hex}", "body": "Text", "access": "Private", **fields}
        answer = client.ask("POST", "/notes", note, ann)
        assert answer.status == 201, answer.content
        return dict(answer.content)

    return write
