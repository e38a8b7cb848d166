"""A note as a Markdown file with front matter in YAML, as many note tools read and write it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec
import yaml

from spikes.domain.note.command import ACCESSES, STATUSES
from spikes.domain.note.response import NoteItem
from spikes.domain.rules import BODY, BODY_RULE, TAGS, TITLE, TITLE_RULE
from spikes.domain.times import from_rfc3339
from spikes.domain.tsid import is_tsid

LONGEST = BODY + 65_536
"""The most bytes of a file: the longest body, and front matter of up to 64 KiB."""

TIMES = ("created", "created_at", "createdat", "date")
"""Where note tools put the time at which a note was written; the first that is there counts."""

_FRONT = re.compile(r"---[ \t]*\r?\n(.*?)(?:\r?\n)?^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*)$", re.MULTILINE)
_ZONE = re.compile(r"[ \t]*([+-][0-9]{2}):?([0-9]{2})\Z")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class NotImportable(Exception):
    """A file can't become a note; the text says why."""


class Document(msgspec.Struct, frozen=True):
    """What a file says of a note; None where it says nothing. Times are milliseconds since the epoch, tags titles.

    `ignored` says what stands in the front matter but can't be taken over.
    """

    title: str
    body: str
    id: str | None = None
    created: int | None = None
    due: int | None = None
    status: Any = "New"
    access: Any = "Private"
    tags: tuple[str, ...] = ()
    trashed: bool = False
    ignored: tuple[str, ...] = ()


def write(note: NoteItem, tags: Sequence[str]) -> bytes:
    """Return a note as a file; `tags` are titles."""
    known: dict[str, Any] = {
        "title": note.title,
        "id": note.id,
        "created": note.created,
        "updated": note.updated,
        "due": note.due,
        "status": note.status,
        "access": note.access,
        "tags": tags,
        "trashed": note.trashed,
    }
    lines = [f"{name}: {_quoted(value)}\n" for name, value in known.items() if value]
    return "".join(("---\n", *lines, "---\n", note.body)).encode()


def read(path: str, content: bytes) -> Document:
    """Return what a file holds; raises NotImportable.

    The title is the one of the front matter, or the first heading, or the name of the file.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotImportable("it is not text in UTF-8") from None
    found = _FRONT.match(text)
    front = _front(found[1]) if found else None
    body = text[found.end() :] if found and front is not None else text
    if not BODY_RULE.check(body, 0):
        raise NotImportable(f"its body is not {BODY_RULE.right}")
    return _document(_title(front or {}, body, path), body, front or {})


def _front(text: str) -> dict[str, Any] | None:
    """Return the front matter by names in lower case; None for what only looks like it."""
    try:
        content = yaml.load(text, _loader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if content is None or content == "":
        return {}
    return {str(name).lower(): value for name, value in content.items()} if isinstance(content, dict) else None


def _title(front: dict[str, Any], body: str, path: str) -> str:
    candidates = (front.get("title"), _heading(body), PurePosixPath(path).stem)
    for candidate in candidates:
        if isinstance(candidate, str) and TITLE_RULE.check(title := candidate[:TITLE], 0):
            return title
    raise NotImportable("it has no title")


def _heading(body: str) -> str | None:
    """Return the text of the first heading, without the # that may close it after a space."""
    found = _HEADING.search(body)
    if found is None:
        return None
    text = found[1].strip()
    opened = text.rstrip("#")
    return opened.rstrip() if opened != text and opened[-1:] in ("", " ", "\t") else text


def _document(title: str, body: str, front: dict[str, Any]) -> Document:
    given = {name: front[name] for name in ("id", "due", "status", "access") if front.get(name)}
    ignored = [name for name, value in given.items() if not _fits(name, value)]
    moment = next((front[name] for name in TIMES if front.get(name)), None)
    created = _milliseconds(moment)
    if moment is not None and created is None:
        ignored.append("created")
    fitting = {name: value for name, value in given.items() if name not in ignored}
    fitting["id"] = fitting["id"].upper() if "id" in fitting else None
    fitting["due"] = _milliseconds(fitting.get("due"))
    return Document(
        title=title,
        body=body,
        created=created,
        tags=_tags(front.get("tags")),
        trashed=bool(front.get("trashed")),
        ignored=tuple(ignored),
        **fitting,
    )


def _fits(name: str, value: Any) -> bool:
    match name:
        case "id":
            return isinstance(value, str) and is_tsid(value)
        case "due":
            return _milliseconds(value) is not None
        case "status":
            return value in STATUSES
        case _:
            return value in ACCESSES


def _milliseconds(value: Any) -> int | None:
    """Return a time or a date; note tools also write the zone apart and without its colon."""
    if not isinstance(value, str):
        return None
    text = _ZONE.sub(r"\1:\2", value.strip()) if len(value) > 16 else value.strip()
    try:
        return from_rfc3339(text if len(text) > 10 else f"{text}T00:00")
    except ValueError:
        return None


def _tags(value: Any) -> tuple[str, ...]:
    """Return titles of tags: of a list, or of a text with commas or, without any, spaces between."""
    if isinstance(value, str):
        value = value.split("," if "," in value else None)
    if not isinstance(value, list):
        return ()
    titles = (title.strip().removeprefix("#") for title in value[: 2 * TAGS] if isinstance(title, str))
    return tuple(dict.fromkeys(filter(None, titles)))


def _quoted(value: Any) -> str:
    """Return a value as JSON, which is YAML too once no character is left that YAML has no room for."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(value).decode())
