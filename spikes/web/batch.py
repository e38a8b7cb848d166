"""Many requests in one: each goes the way of any other request, one after the other, without leaving the process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from spikes.domain.validation import FieldError, Invalid, NotJson, Request, Rule, decode, invalid
from spikes.web.addresses import FORWARDED
from spikes.web.call import AskWithin, Call
from spikes.web.errors import MAX_BODY, BadFields, Problem, shown, too_large
from spikes.web.operation import JSON, MERGE_PATCH
from spikes.web.reply import Reply, json_reply

MAX_BATCH = 8 * 1024 * 1024
"""The longest batch, in bytes; of its requests each body may have 1 MiB like any other."""

ITEMS = 100
"""The most requests of a batch."""

ANSWERED = 32 * 1024 * 1024
"""After so many bytes of answers, the rest of a batch is left undone."""

LONGEST_METHOD = 20
"""The longest method, in characters; whether a path has it, the answer says."""

LONGEST_PATH = 4096
"""The longest path with its query, in characters."""

LONGEST_VALUE = 4096
"""The longest value of a header, in characters."""

INHERITED = ("Authorization", "User-Agent", FORWARDED)
"""Headers that all requests of a batch have from the batch itself: who asks, and from where."""

OWN = {"content-type", "if-match", "if-none-match", "idempotency-key", "accept"}
"""Headers that each may have of its own."""

VALUE = f"up to {LONGEST_VALUE:,} characters of ASCII, none of them a control character"

NOTHING = msgspec.Raw(b"null")

_is_path = re.compile(rf'(?=.{{1,{LONGEST_PATH}}}$)/(?:[!"$-.0-~][!"$-~]*)?').fullmatch
_is_value = re.compile(rf"[ -~]{{0,{LONGEST_VALUE}}}").fullmatch
_is_method = re.compile(rf"[A-Za-z]{{1,{LONGEST_METHOD}}}").fullmatch


class BatchItem(Request, frozen=True):
    """One request: the path may have a query; a body that is null is none."""

    method: str
    path: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: msgspec.Raw = NOTHING

    rules: ClassVar[Mapping[str, Rule]] = {
        "method": Rule("a method like GET", lambda value, now: _is_method(value) is not None),
        "path": Rule("a path like /notes/mine?limit=10"),
        "headers": Rule("an object of names and values, all of them texts"),
    }


class BatchAnswer(msgspec.Struct, frozen=True):
    """One answer, as it would have come alone; the body is null if there is none."""

    status: int
    headers: dict[str, str]
    body: Any


async def run(call: Call) -> Reply:
    """POST /batch: do what the requests ask, in their order, whatever becomes of each."""
    items = _items(await call.content(limit=MAX_BATCH), call.services.sources.now())
    assert call.ask_within is not None
    answers: list[BatchAnswer] = []
    answered = 0
    for number, item in enumerate(items):
        reply = await _ask(call, item, f"{call.request_id}-{number}", call.ask_within, answered)
        answered += len(reply.body)
        answers.append(_answer(item, reply))
    return json_reply(answers)


async def _ask(call: Call, item: BatchItem, request_id: str, ask: AskWithin, answered: int) -> Reply:
    try:
        content = _content(item, answered)
        request = _request(call, item, has_body=bool(content))
    except Problem as problem:
        return problem.reply(request_id)
    return await ask(request, content, request_id)


def _content(item: BatchItem, answered: int) -> bytes:
    """Return the body; raises the Problem of one that is too long, or that comes after too many answers."""
    if answered > ANSWERED:
        raise Problem(413, "too_large", f"this was left undone: the answers before it have over {ANSWERED:,} bytes")
    content = bytes(item.body)
    if len(content) > MAX_BODY:
        raise too_large()
    return b"" if content == b"null" else content


def _answer(item: BatchItem, reply: Reply) -> BatchAnswer:
    body = msgspec.Raw(reply.body) if reply.body and item.method != "HEAD" else None
    types = {"Content-Type": JSON} if reply.body else {}
    return BatchAnswer(reply.status, {**types, **dict(reply.headers)}, body)


def _request(call: Call, item: BatchItem, has_body: bool) -> web.Request:
    """Return the head of a request; raises the Problem of a path or a header that can't be."""
    if not _is_path(item.path):
        raise Problem(
            400, "bad_path", f"path must be / and up to {LONGEST_PATH:,} characters of ASCII without # and //"
        )
    outer = call.request
    headers = CIMultiDict((name, value) for name in INHERITED for value in outer.headers.getall(name, ()))
    if call.traceparent is not None:
        headers["traceparent"] = call.traceparent
    if has_body:
        headers["Content-Type"] = MERGE_PATCH if item.method == "PATCH" else JSON
    for name, value in item.headers.items():
        _check_header(name, value)
        headers[name] = value
    path, _, query = item.path.partition("?")
    url = URL.build(path=path, query_string=query, encoded=True)
    return outer.clone(method=item.method, rel_url=url, headers=headers)


def _check_header(name: str, value: str) -> None:
    if name.lower() not in OWN:
        raise Problem(400, "bad_header", f"a request within a batch can't have the header {shown(name)!r}")
    if not _is_value(value):
        raise Problem(400, "bad_header", f"{shown(name)} must be {VALUE}")


def _items(body: bytes, now: int) -> Sequence[BatchItem]:
    """Return all requests; raises NotJson, or one 400 that names all that is wrong."""
    raws = _raws(body)
    if not 1 <= len(raws) <= ITEMS:
        raise BadFields([FieldError("Batch", invalid(f"{len(raws)} requests", f"1 to {ITEMS}"))])
    items = [_item(raw, f"Batch[{number}]", now) for number, raw in enumerate(raws)]
    wrong = [error for item in items if isinstance(item, Invalid) for error in item.fields]
    if wrong:
        raise BadFields(wrong)
    return [item for item in items if isinstance(item, BatchItem)]


def _raws(body: bytes) -> list[msgspec.Raw]:
    try:
        body.decode()
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotJson("the body must be one JSON array, in UTF-8") from None


def _item(raw: msgspec.Raw, name: str, now: int) -> BatchItem | Invalid:
    try:
        return decode(BatchItem, bytes(raw), name, now)
    except Invalid as wrong:
        return wrong
    except NotJson:
        return Invalid([FieldError(name, invalid(bytes(raw).decode(), "an object with method and path"))])
