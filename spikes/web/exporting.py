"""All that a user has written, as one archive to keep, to read, or to import elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec

from spikes.domain.note.response import NoteItem
from spikes.domain.tag.response import listed_tag
from spikes.domain.times import from_rfc3339, to_rfc3339
from spikes.domain.user.response import UserResponse
from spikes.journal.port import Equal, Listed, Query, Sort, StoredEvent
from spikes.web import markdown
from spikes.web.call import Call
from spikes.web.packing import ACCOUNT, EVENTS, File, packed
from spikes.web.reply import Reply
from spikes.web.users import own_profile

NOTES = 50
"""How many notes are read at a time: at their longest they take a few MiB."""

EVENTS_READ = 100
"""How many events are read at a time."""

_note = msgspec.json.Decoder(NoteItem).decode


async def export(call: Call) -> Reply:
    """GET /users/me/export: the caller's profile and notes with all their events, as a zip archive."""
    now = to_rfc3339(call.services.sources.now())
    headers = (
        ("Content-Type", "application/zip"),
        ("Content-Disposition", f'attachment; filename="spikes-{now[:10]}.zip"'),
    )
    stream = _archive(call, await own_profile(call))
    await anext(stream)  # takes its place, while there still is an answer that says that none is free
    return Reply(200, headers=headers, stream=stream)


async def _archive(call: Call, profile: UserResponse) -> AsyncGenerator[bytes, None]:
    with call.services.transfers.place(call.caller.user_id):
        yield b""
        async for piece in packed(_files(call, profile), EVENTS, _history(call)):
            yield piece


async def _files(call: Call, profile: UserResponse) -> AsyncIterator[Sequence[File]]:
    now = call.services.sources.now()
    yield [(ACCOUNT, now, msgspec.json.format(msgspec.json.encode(profile)))]
    titles: dict[str, str | None] = {}
    async for rows in _notes(call):
        notes = [_note(row.item) for row in rows]
        for tag in {tag for note in notes for tag in note.tags} - titles.keys():
            titles[tag] = await _title(call, tag)
        yield [_file(note, [title for tag in note.tags if (title := titles[tag])]) for note in notes]


async def _notes(call: Call) -> AsyncIterator[Sequence[Listed]]:
    """Yield the caller's notes, those in the trash too, the oldest first, so that new ones don't move the rest."""
    query: Query | None = Query("note", (Equal("owner", call.caller.user_id),), sort=Sort("created"), limit=NOTES)
    while query is not None:
        page = await call.services.views.query(query)
        yield page.rows
        query = msgspec.structs.replace(query, after=page.next) if page.next else None


async def _title(call: Call, tag: str) -> str | None:
    """Return the title of a tag, None for one that is removed."""
    rows = await call.services.views.listed([f"tag|{tag}"])
    return listed_tag(rows[0].item).title if rows else None


def _file(note: NoteItem, tags: Sequence[str]) -> File:
    folder = "trash" if note.trashed else "notes"
    return (f"{folder}/{note.slug}.md", from_rfc3339(note.updated), markdown.write(note, tags))


# -------------------------------------------------------------------------------------------------------------- events


async def _history(call: Call) -> AsyncIterator[Iterable[bytes]]:
    async for rows in _notes(call):
        for row in rows:
            hidden = await _hidden(call, row.persistence_id)
            async for events in _events(call, row.persistence_id):
                yield [_line(row.persistence_id, event, hidden) for event in events]


async def _events(call: Call, persistence_id: str) -> AsyncIterator[Sequence[StoredEvent]]:
    last = 0
    while events := await call.services.views.events(persistence_id, last, EVENTS_READ):
        yield events
        last = events[-1].sequence_nr


class Hidden(msgspec.Struct, frozen=True):
    """Comments of others that were removed, and writers who are to be forgotten with all they commented."""

    comments: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()


async def _hidden(call: Call, persistence_id: str) -> Hidden:
    """Find whose words the note's owner may no longer read: a removed comment is left to its writer alone."""
    writers: dict[str, str] = {}
    removed, forgotten = set(), set()
    async for events in _events(call, persistence_id):
        for event in events:
            if not event.type.startswith("comment-"):
                continue
            payload = msgspec.json.decode(event.payload)
            match event.type.partition("@")[0]:
                case "comment-added":
                    writers[payload["id"]] = payload["writer"]
                case "comment-removed":
                    removed.add(payload["id"])
                case "comment-writer-forgotten":
                    forgotten.add(payload["writer"])
    others = {comment for comment, writer in writers.items() if writer != call.user_id}
    gone = {comment for comment in others if comment in removed or writers[comment] in forgotten}
    return Hidden(frozenset(gone), frozenset(forgotten))


def _line(persistence_id: str, event: StoredEvent, hidden: Hidden) -> bytes:
    who, payload = event.metadata.principal, msgspec.Raw(event.payload)
    if event.type.startswith("comment-"):
        content = _without(hidden, msgspec.json.decode(event.payload))
        payload = msgspec.Raw(msgspec.json.encode(content))
    line = {
        "note": persistence_id.partition("|")[2],
        "version": event.sequence_nr,
        "type": event.type,
        "time": to_rfc3339(event.metadata.time),
        "who": None if who in hidden.writers else who,
        "payload": payload,
    }
    return msgspec.json.encode(line) + b"\n"


def _without(hidden: Hidden, content: dict[str, Any]) -> dict[str, Any]:
    if content.get("id") in hidden.comments:
        content |= {name: None for name in ("title", "body", "color") if name in content}
    if content.get("writer") in hidden.writers:
        content["writer"] = None
    return content
