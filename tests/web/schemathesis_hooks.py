"""Hooks of schemathesis: who asks, and what JSON Schema can't say: that a tag exists, that a cursor is a list's."""

from __future__ import annotations

import itertools
import os
import unicodedata
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import TestPhase

from tests.web.schemathesis_targets import PASSWORD, Maker

EXAMPLE_ID = "0SAJWHS03CF2T"
ENDS_THE_SESSION = {("DELETE", "/users"), ("POST", "/users/logout"), ("DELETE", "/sessions/{tsid}")}
_emails = itertools.chain(["ada@example.com"], (f"tester{number}@example.com" for number in itertools.count()))
NOT_AT_RANDOM = {"currentPassword", "noteId", "parent"}
_ids: set[str] = set()
_numbers = itertools.count(1)
_tokens: set[str] = set()
_spare: list[str] = []

schemathesis.openapi.format("date", st.dates(date(1900, 1, 1), date(2010, 12, 31)).map(str))
schemathesis.openapi.format(
    "date-time",
    st.integers(1, 5000).map(lambda days: f"{date(2100, 1, 1) + timedelta(days)}T10:00:00.000Z"),
)
schemathesis.openapi.format("email", st.integers(0, 10**9).map(lambda number: f"somebody{number}@example.org"))


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Let passwords be made by `_make_right`: to find texts for a pattern that looks ahead takes minutes."""
    for schema in raw_schema["components"]["schemas"].values():
        if schema.get("properties", {}).get("password"):
            schema["properties"]["password"].pop("pattern", None)


@schemathesis.auth(refresh_interval=3600)
class Somebody:
    """All requests come from one account."""

    def get(self, case: Any, context: Any) -> str:
        return token(case.operation.base_url)

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


def token(base_url: str) -> str:
    """Register somebody and log in: first the one of whom the examples speak."""
    base, account = base_url.rstrip("/"), {"email": next(_emails), "password": PASSWORD}
    requests.post(f"{base}/users", json={"name": "Tester", "born": "1990-12-10", **account}, timeout=10)
    answer = requests.post(f"{base}/users/login", json=account, timeout=10)
    _tokens.add(f"Bearer {answer.json()['access_token']}")
    return str(answer.json()["access_token"])


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Let other sessions be ended, and make what is meant to be right quite right."""
    if _ends_a_session(case) and (case.headers or {}).get("Authorization") in _tokens:
        if not _spare:
            _spare.append(token(case.operation.base_url))
        case.headers["Authorization"] = f"Bearer {_spare[0]}"
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _make_right(case)
        if (case.headers or {}).get("Idempotency-Key"):
            case.headers["Idempotency-Key"] = str(next(_numbers))
        if case.meta.phase.name != TestPhase.STATEFUL or not _follows_a_link(case):
            _aim(case)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Throw the session away that was ended, and write down what was answered."""
    with Path(os.environ["SPIKES_TEST_ANSWERS"]).open("a") as answers:
        answers.write(f"{case.meta.phase.name.value} {case.method.upper()} {case.path} {response.status_code}\n")
    if response.status_code < 300 and response.headers.get("Content-Type") == ["application/json"]:
        _note_ids(response.json())
    if _ends_a_session(case) and response.status_code < 300:
        _spare.clear()


def _ends_a_session(case: Any) -> bool:
    return (case.method.upper(), case.path) in ENDS_THE_SESSION


def _follows_a_link(case: Any) -> bool:
    """Tell whether the names in the path come from an answer."""
    return set((case.path_parameters or {}).values()) <= _ids


def _note_ids(content: Any) -> None:
    """Keep all ids of an answer."""
    match content:
        case dict():
            _ids.update(value for name, value in content.items() if name == "id" and isinstance(value, str))
            _note_ids(list(content.values()))
        case list():
            for each in content:
                _note_ids(each)


def _aim(case: Any) -> None:
    """Put names of what is there into the path, and into the body where that has the id."""
    authorization = (case.headers or {}).get("Authorization")
    maker = Maker(case.operation.base_url.rstrip("/"), authorization if authorization in _tokens else min(_tokens))
    if case.path_parameters:
        case.path_parameters = {**case.path_parameters, **maker.names(case.path)}
    if not isinstance(case.body, dict) or case.method.upper() != "PUT":
        return
    match case.path:
        case "/notes":
            case.body["id"] = maker.note()
        case "/tags":
            case.body["id"] = maker.tag()
        case "/notes/{tsid}/comments":
            case.body["id"] = maker.comment(case.path_parameters["tsid"])


def _make_right(case: Any) -> None:
    if case.query and "cursor" in case.query:
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}
    if case.query and "version" in case.query:  # not together with as_of
        case.query = {"version": 1}
    for name in ("If-Match", "If-None-Match"):
        if not (case.headers or {}).get(name, '"').startswith(('"', "W/")):
            del case.headers[name]
    if case.method.upper() != "GET" and "-" in (case.path_parameters or {}).get("tsid", ""):
        case.path_parameters["tsid"] = EXAMPLE_ID
    if isinstance(case.body, dict):
        case.body = {key: value for key, value in case.body.items() if key not in NOT_AT_RANDOM}
        if "{" in case.path:
            case.body.pop("id", None)
        if isinstance(case.body.get("stars"), float):  # to JSON Schema 2.0 is a whole number
            case.body["stars"] = int(case.body["stars"])
        if case.body.get("version"):
            case.body["version"] = 1
        if case.path.startswith("/tags") and isinstance(case.body.get("title"), str):
            case.body["title"] = f"{case.body['title'][:30]} {next(_numbers)}"
        if case.body.get("tags"):
            case.body["tags"] = []
        if isinstance(case.body.get("email"), str) and case.path == "/users":
            case.body["email"] = f"new{next(_numbers)}@example.com"
        if case.body.get("due"):
            case.body["due"] = "2100-01-01T00:00:00Z"
        if isinstance(case.body.get("password"), str):
            case.body["password"] = PASSWORD
        if case.path == "/users" and isinstance(case.body.get("name"), str):
            case.body["name"] = _assigned(case.body["name"])


def _assigned(name: str) -> str:
    """Return the name without what is no letter in this Python: the classes of schemathesis are a bit wider."""
    letters = "".join(one for one in name if one in " '\u2019-" or unicodedata.category(one)[0] in "LM")
    return letters if any(map(str.isalpha, letters)) else "Ada"
