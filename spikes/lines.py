"""A whole journal as JSON lines, to keep or to move: `spikes export` writes them, `spikes import` reads them.

    {"spikes": 1, "journal": IDENTITY, "events": NUMBER}                       the first line
    {"id": "note|...", "nr": 1, "type": ..., "metadata": ..., "payload": ...}  one line an event, as they happened

A journal that knows no order of all its events gives one stream after another, and their number only at the end:

    {"spikes": 1, "journal": IDENTITY, "events": null, "streams": true}        the first line
    {"end": NUMBER}                                                            the last line

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


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line: the format, the journal that the events are of, and how many there are.

    With `streams` one stream comes after another, and the last line tells how many events there are.
    """

    spikes: int
    journal: str
    events: int | None
    streams: bool = False


class End(msgspec.Struct, frozen=True):
    """The last line where the first one can't tell how many events there are."""

    end: int


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
_decode_end = msgspec.json.Decoder(End).decode
_decode_line = msgspec.json.Decoder(Line).decode


async def exported(journal: Journal) -> AsyncIterator[tuple[int, Sequence[bytes]]]:
    """Yield the lines of all events, some at a time, each time with the number of events among them.

    A service may run meanwhile; what it stores after the start is left out, as far as the journal has a total order.
    """
    lines = _as_it_happened if "total_order" in journal.capabilities else _stream_by_stream
    async for number, some in lines(journal):
        yield number, some


async def _as_it_happened(journal: Journal) -> AsyncIterator[tuple[int, Sequence[bytes]]]:
    left = (await journal.statistics()).events
    yield 0, [_encode(Head(FORMAT, journal.identity, left)) + b"\n"]
    position = 0
    while left:
        page = (await journal.stream(position, WINDOW))[:left]
        yield len(page), [_encode(_line(event)) + b"\n" for event in page]
        position, left = page[-1].position, left - len(page)


async def _stream_by_stream(journal: Journal) -> AsyncIterator[tuple[int, Sequence[bytes]]]:
    yield 0, [_encode(Head(FORMAT, journal.identity, None, streams=True)) + b"\n"]
    done, after = 0, ("", 0)
    while page := await journal.streams(after, WINDOW):
        yield len(page), [_encode(_line(event)) + b"\n" for event in page]
        done, after = done + len(page), (page[-1].persistence_id, page[-1].event.sequence_nr)
    yield 0, [_encode(End(done)) + b"\n"]


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
"""The number of its line, 0 if it comes from no file; whose event it is, and the event."""


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


def windows(lines: Iterator[bytes], head: Head) -> Iterator[Sequence[Entry]]:
    """Yield what follows the first line, window by window; raises NotImportable, also if there is not all.

    Where one stream comes after another each is whole in one window.
    """
    entries, rest = _Entries(lines, head.events), list[Entry]()
    reading = iter(entries)
    while window := list(islice(reading, WINDOW)):
        if head.streams:
            window, rest = whole_streams(rest + window)
        if window:
            yield window
    if rest:
        yield rest
    entries.check()


def whole_streams(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return the entries of all streams but the last one, which may go on, and those of that one."""
    last = entries[-1][1]
    return [each for each in entries if each[1] != last], [each for each in entries if each[1] == last]


class _Entries:
    """The entries of lines, and how many there are and ought to be."""

    def __init__(self, lines: Iterator[bytes], total: int | None) -> None:
        self._lines = lines
        self._says = "first" if total is not None else "last"
        self._total = total
        self._read = 0

    def __iter__(self) -> Iterator[Entry]:
        for number, line in enumerate(self._lines, start=2):
            if self._total is None and line.startswith(b'{"end"'):
                self._total = _read_end(number, line)
            else:
                yield _read(number, line)
                self._read += 1

    def check(self) -> None:
        """Raise NotImportable unless there were as many as there ought to be."""
        if self._total is None:
            raise NotImportable("the last line is not that of an export; is a part of it missing?")
        if self._read != self._total:
            raise NotImportable(
                f"there are {self._read:,} events where the {self._says} line says {self._total:,}; "
                "is a part of it missing?"
            )


def _read_end(number: int, line: bytes) -> int:
    try:
        return _decode_end(line).end
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise NotImportable(f"line {number} is no end: {problem}") from None


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
