"""A whole journal as JSON lines, to keep or to move: `spikes export` writes them, `spikes import` reads them.

    {"spikes": 1, "journal": IDENTITY, "events": NUMBER}                       the first line
    {"id": "note|...", "nr": 1, "type": ..., "metadata": ..., "payload": ...}  one line an event, as they happened

Rows and claims are not in it: they follow from the events, and an import makes them anew.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import IO

import msgspec

from spikes.journal.port import Journal, Metadata, PositionedEvent, StoredEvent

FORMAT = 1

WINDOW = 5_000
"""How many events are stored side by side. Nothing of the next ones is stored before all of these are, so an import
that was interrupted has stored all windows but the last, and some of that."""

LONGEST_LINE = 16 * 1024 * 1024
"""The longest line, in bytes; the longest event in base 64 and its metadata take less than half of it."""


class NotImportable(Exception):
    """The lines can't be imported into this journal; the text says which one and why. What was stored stays."""


class Head(msgspec.Struct, frozen=True):
    """The first line: the format, the journal that the events are of, and how many there are."""

    spikes: int
    journal: str
    events: int


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event. Its payload is JSON as it is stored, or, if it is no JSON in one line, in base 64 as `binary`."""

    id: str
    nr: int
    type: str
    metadata: Metadata
    payload: msgspec.Raw
    binary: str | None = None
    tags: tuple[str, ...] = ()
    encoding: str | None = None
    key_id: str | None = None


_encode = msgspec.json.Encoder().encode
_decode_head = msgspec.json.Decoder(Head).decode
_decode_line = msgspec.json.Decoder(Line).decode


async def exported(journal: Journal) -> AsyncIterator[Sequence[bytes]]:
    """Yield the lines of all events that there are at the start, some at a time; a service may run meanwhile."""
    left = (await journal.statistics()).events
    yield [_encode(Head(FORMAT, journal.identity, left)) + b"\n"]
    position = 0
    while left:
        page = (await journal.stream(position, WINDOW))[:left]
        yield [_encode(_line(event)) + b"\n" for event in page]
        position, left = page[-1].position, left - len(page)


def _line(positioned: PositionedEvent) -> Line:
    event = positioned.event
    plain = _is_one_line_of_json(event)
    return Line(
        id=positioned.persistence_id,
        nr=event.sequence_nr,
        type=event.type,
        metadata=event.metadata,
        payload=msgspec.Raw(event.payload if plain else b"null"),
        binary=None if plain else base64.b64encode(event.payload).decode(),
        tags=event.tags,
        encoding=event.encoding,
        key_id=event.key_id,
    )


def _is_one_line_of_json(event: StoredEvent) -> bool:
    if event.encoding is not None or b"\n" in event.payload or b"\r" in event.payload:
        return False
    try:
        msgspec.json.decode(event.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return not event.payload[:1].isspace() and not event.payload[-1:].isspace()


# ------------------------------------------------------------------------------------------------------------- reading


Entry = tuple[int, str, StoredEvent]
"""A line's number, whose event it has, and the event."""


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file; a longer one than there can be comes in parts."""
    return iter(lambda: file.readline(LONGEST_LINE + 1), b"")


def read_head(line: bytes) -> Head:
    """Return the first line; raises NotImportable."""
    try:
        head = _decode_head(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotImportable("the first line is not that of an export") from None
    if head.spikes != FORMAT:
        raise NotImportable(f"the export is of format {head.spikes}; this release reads format {FORMAT}")
    return head


def windows(lines: Iterator[bytes], total: int) -> Iterator[Sequence[Entry]]:
    """Yield what follows the first line, window by window; raises NotImportable, also if there are not `total`."""
    read, numbered = 0, enumerate(lines, start=2)
    while window := [_read(number, line) for number, line in islice(numbered, WINDOW)]:
        read += len(window)
        yield window
    if read != total:
        raise NotImportable(f"there are {read:,} events where the first line says {total:,}; is a part of it missing?")


def _read(number: int, line: bytes) -> Entry:
    if not line.endswith(b"\n"):
        raise NotImportable(f"line {number} ends in the middle")
    try:
        found = _decode_line(line)
        payload = bytes(found.payload) if found.binary is None else base64.b64decode(found.binary, validate=True)
    except (ValueError, RecursionError) as problem:
        raise NotImportable(f"line {number} is no event: {problem}") from None
    event = StoredEvent(found.nr, found.type, payload, found.metadata, found.tags, found.encoding, found.key_id)
    return number, found.id, event
