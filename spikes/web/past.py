"""What a note was: its history, and the note as it was at a version or a time. As private as the note."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from spikes.domain.note.command import GetNote
from spikes.domain.note.history import HistoryEntry, Recorded, Version, history, recorded, state_at
from spikes.journal.port import PAGE, Cursor, StoredEvent
from spikes.web.call import Call
from spikes.web.errors import not_found
from spikes.web.paging import next_page, read_cursor, write_cursor
from spikes.web.parameters import bad_query
from spikes.web.reply import Reply, json_reply

NOBODY = b"{}"
"""The list item of a user under removal."""


async def of_note(call: Call) -> Reply:
    """GET /notes/{tsid}/history: what was changed, the newest first."""
    note_id, limit = call.tsid(), call.number("limit")
    path = f"/notes/{note_id}/history"
    before = _before(read_cursor(path, call.text("cursor")))
    await call.ask("note", note_id, GetNote())
    records = await records_of(call, note_id)
    entries = await asyncio.to_thread(history, records, call.user_id, before, limit + 1)
    page = await _without_the_removed(call, entries[:limit])
    more = len(entries) > limit
    cursor = write_cursor(path, Cursor(page[-1].version, f"note|{note_id}")) if more else ""
    return json_reply(page, headers=next_page(path, limit=limit, cursor=cursor) if more else ())


async def at(call: Call, note_id: str, version: int | None = None, as_of: int | None = None) -> Version:
    """Return a note as it was; raises a 404 if that was never, or is not for the caller."""
    records = await records_of(call, note_id)
    then = await asyncio.to_thread(state_at, records, call.user_id, version, as_of)
    if then is None:
        raise not_found("such a version")
    return then


async def records_of(call: Call, note_id: str) -> list[Recorded]:
    """Return all that ever happened to a note."""
    events: list[StoredEvent] = []
    while True:
        page = await call.services.views.events(f"note|{note_id}", len(events))
        events += page
        if len(page) < PAGE:
            return await asyncio.to_thread(recorded, events)


async def _without_the_removed(call: Call, entries: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """Return the entries without the ids of users whose accounts are removed, or about to be."""
    who = {f"user|{entry.who}" for entry in entries}
    rows = await call.services.views.listed(list(who))
    there = {row.persistence_id for row in rows if row.item != NOBODY}
    return [entry if f"user|{entry.who}" in there else replace(entry, who=None) for entry in entries]


def _before(cursor: Cursor | None) -> int | None:
    if cursor is None:
        return None
    if not isinstance(cursor.value, int):
        raise bad_query("cursor must be one that came with this list")
    return cursor.value
