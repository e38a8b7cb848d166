"""Archives of Markdown files that become notes: of this service's own export, or of another tool's."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Literal

import msgspec

from spikes.domain.note.command import GetNote, ImportNote
from spikes.domain.note.entity import Note
from spikes.domain.refusals import Conflict, IdTaken, NotFound
from spikes.domain.rules import TAGS
from spikes.domain.tag.entity import title_claim
from spikes.domain.times import from_rfc3339
from spikes.domain.tsid import EPOCH_2020, RANDOM_BITS, TsidFactory
from spikes.persistence.identity import PersistenceId
from spikes.web.call import Call
from spikes.web.errors import Problem, Refused
from spikes.web.markdown import Document
from spikes.web.media import media_of
from spikes.web.reply import Reply, json_reply
from spikes.web.unpacking import PACKED, Archive, BadArchive, TooMuch, Unpacked

MEDIA = {"application/zip", "application/x-zip-compressed", "application/octet-stream"}
"""What archives are sent as."""

IN_MEMORY = 1024 * 1024
"""Up to this size an archive is not written to a temporary file, in bytes."""

STALLED = 60.0
"""How long a client may send nothing, in seconds."""

BATCH = 64
"""How many files are read, and then stored side by side."""

PROBES = 8
"""How many ids a note may try before it is skipped; a second one is rare."""

DAY = 86_400_000
IDS_END = from_rfc3339("2150-01-01T00:00Z")


class ImportedFile(msgspec.Struct, frozen=True):
    """What became of one file. `id` is the note's; `reason` says why it was skipped, or what of it was left out."""

    file: str
    result: Literal["created", "unchanged", "skipped"]
    id: str | None = None
    reason: str | None = None


class ImportResponse(msgspec.Struct, frozen=True):
    """What became of an archive: how many files had each result, and each file in the order of the archive."""

    created: int
    unchanged: int
    skipped: int
    files: list[ImportedFile]


async def take_in(call: Call) -> Reply:
    """POST /users/me/import: make notes of the files of a zip archive; those that were made before stay as they are."""
    if media_of(call.request)[0] not in MEDIA:
        raise Problem(415, "unsupported_media_type", "Content-Type must be application/zip")
    if (call.request.content_length or 0) > PACKED:
        raise _too_large()
    with call.services.transfers.place(call.caller.user_id), tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        await _receive(call, file)
        return json_reply(_response(await _import_all(call, await _open(file))))


async def _receive(call: Call, file: IO[bytes]) -> None:
    received = 0
    while piece := await _piece(call):
        received += len(piece)
        if received > PACKED:
            raise _too_large()
        await asyncio.to_thread(file.write, piece)


async def _piece(call: Call) -> bytes:
    try:
        async with asyncio.timeout(STALLED):
            return await call.request.content.readany()
    except TimeoutError:
        raise Problem(408, "timeout", f"nothing came for {STALLED:.0f} s") from None


async def _open(file: IO[bytes]) -> Archive:
    try:
        return await asyncio.to_thread(Archive, file)
    except BadArchive as problem:
        raise Problem(400, "bad_archive", str(problem)) from None
    except TooMuch as problem:
        raise Problem(413, "too_large", str(problem)) from None


async def _import_all(call: Call, archive: Archive) -> list[ImportedFile]:
    found: list[ImportedFile] = []
    for batch in archive.batches(BATCH):
        files = await asyncio.to_thread(archive.read, batch)
        found += await asyncio.gather(*(_import(call, file) for file in files))
    return found


async def _import(call: Call, file: Unpacked) -> ImportedFile:
    if file.document is None:
        return ImportedFile(file.path, "skipped", reason=file.reason)
    if file.document.trashed:
        return ImportedFile(file.path, "skipped", reason="it was in the trash")
    tags, unknown = await _tags(call, file.document.tags)
    for note_id in identities(call.caller.user_id, file.digest, file.document):
        try:
            await call.ask("note", note_id, _command(call, note_id, file.document, tags))
        except Refused as refused:
            if isinstance(refused.reason, Conflict) and refused.reason.id == note_id:
                return await _existing(call, note_id, file)
            if not isinstance(refused.reason, Conflict | IdTaken):
                raise
        else:
            return ImportedFile(file.path, "created", note_id, _left_out(file.document, unknown))
    return ImportedFile(file.path, "skipped", reason="there are too many notes with its title and day")


def identities(owner: str, digest: bytes, document: Document) -> Iterator[str]:
    """Yield the ids that this note may have, always the same: its own one, then some made of whose it is and of what.

    The time in an id is about when the note was written; where that is not known so exactly, chance fills the rest.
    """
    if document.id is not None:
        yield document.id
    what = document.id.encode() if document.id else digest
    moment = document.created
    if moment is None or not EPOCH_2020 <= moment < IDS_END:
        moment = EPOCH_2020
    spread = DAY if moment % DAY == 0 else 1000 if moment % 1000 == 0 else 1
    for probe in range(PROBES):
        chance = int.from_bytes(hashlib.sha256(b"%s %d " % (owner.encode(), probe) + what).digest())
        yield _tsid(moment + (chance >> RANDOM_BITS) % spread, chance % (1 << RANDOM_BITS))


def _tsid(moment: int, chance: int) -> str:
    return TsidFactory(lambda: moment, lambda _: chance).next()


def _command(call: Call, note_id: str, document: Document, tags: tuple[str, ...]) -> ImportNote:
    return ImportNote(
        id=note_id,
        title=document.title,
        body=document.body,
        created=call.services.sources.now() if document.created is None else document.created,
        due=document.due,
        status=document.status,
        access=document.access,
        tags=tags,
    )


async def _existing(call: Call, note_id: str, file: Unpacked) -> ImportedFile:
    """Tell a note that is as the file says from one that was changed, or trashed, since."""
    assert file.document is not None
    try:
        note: Note = call.value(await call.ask("note", note_id, GetNote()))
    except Refused as refused:
        if not isinstance(refused.reason, NotFound):
            raise
        return ImportedFile(file.path, "skipped", note_id, "you have this note in the trash")
    if (note.title, note.body) == (file.document.title, file.document.body):
        return ImportedFile(file.path, "unchanged", note_id)
    return ImportedFile(file.path, "skipped", note_id, "you have this note with another title or body")


async def _tags(call: Call, titles: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the ids of the tags that exist, and the titles of the others."""
    holders = [await call.services.views.holder(title_claim(title)) for title in titles]
    known = list(dict.fromkeys(PersistenceId.parse(holder).entity_id for holder in holders if holder))
    unknown = [title for title, holder in zip(titles, holders, strict=True) if holder is None]
    return tuple(known[:TAGS]), unknown


def _left_out(document: Document, unknown: Sequence[str]) -> str | None:
    parts = [f"{name} is not one that can be taken over" for name in document.ignored]
    if unknown:
        parts.append(f"there are no tags {', '.join(unknown)}"[:200])
    return "; ".join(parts) or None


def _response(files: list[ImportedFile]) -> ImportResponse:
    results = [file.result for file in files]
    return ImportResponse(results.count("created"), results.count("unchanged"), results.count("skipped"), files)


def _too_large() -> Problem:
    return Problem(413, "too_large", f"an archive may have at most {PACKED:,} bytes")
