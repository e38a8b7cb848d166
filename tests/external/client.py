"""A client of the API that writes down what it asks."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

TIMEOUT = 30.0
"""Seconds that an answer may take."""

PATIENCE = 3
"""How often a 429 is taken for an answer to wait for: a deployment may limit how much is asked of it."""

Test = TypeVar("Test", bound=Callable[..., None])


def covers(*routes: str) -> Callable[[Test], Test]:
    """Say which routes a test asks: "GET /notes/{tsid}". That it does is checked when it ends."""

    def mark(test: Test) -> Test:
        test.covers = routes  # type: ignore[attr-defined]
        return test

    return mark


class Answer(NamedTuple):
    """What came back; `content` is decoded if it is JSON."""

    status: int
    headers: http.client.HTTPMessage
    content: Any


class Person(NamedTuple):
    """Somebody with an account and a token."""

    id: str
    email: str
    token: str


class Client:
    """Asks one deployment; `asked` is what it has asked, as `GET /notes/mine`."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._secure, self._host, self._prefix = parts.scheme == "https", parts.netloc, parts.path.rstrip("/")
        self.asked: list[str] = []

    def ask(
        self, method: str, path: str, body: Any = None, who: Person | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Ask and read the answer. Bytes are sent as they are, anything else as JSON."""
        for _ in range(PATIENCE):
            answer = self._ask_once(method, path, body, who, headers or {})
            if answer.status != 429 or answer.content["code"] != "too_many_requests":
                break
            time.sleep(min(int(answer.headers["Retry-After"]), 60))  # what the service asks for
        return answer

    def open(self, path: str, who: Person | None = None) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Ask for a stream, which the caller reads and closes."""
        return self._send("GET", path, None, {} if who is None else {"Authorization": f"Bearer {who.token}"})

    def _ask_once(self, method: str, path: str, body: Any, who: Person | None, more: dict[str, str]) -> Answer:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if who is not None:
            headers["Authorization"] = f"Bearer {who.token}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection, response = self._send(method, path, data, {**headers, **more})
        try:
            content: Any = response.read()
        finally:
            connection.close()
        if content and response.headers.get_content_type() == "application/json":
            content = json.loads(content)
        return Answer(response.status, response.headers, content)

    def _send(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        self.asked.append(f"{method} {path.partition('?')[0]}")
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, timeout=TIMEOUT)
        try:
            connection.request(method, self._prefix + path, data, headers)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise
