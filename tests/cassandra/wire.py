"""CQL's native protocol, versions 3 to 5, as far as a proxy has to see into it: frames, and the statements in them.

https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v5.spec
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

import msgspec
from cassandra.segment import CRC24_LENGTH, CRC32_LENGTH, SegmentCodec

HEADER = struct.Struct("!BBhBi")

READY, AUTHENTICATE, RESULT, PREPARE = 0x02, 0x03, 0x08, 0x09
OPCODES = {0x07: "QUERY", PREPARE: "PREPARE", 0x0A: "EXECUTE", 0x0D: "BATCH"}
"""Those of the requests that have statements."""

COMPRESSED, TRACING, CUSTOM_PAYLOAD, WARNING = 0x01, 0x02, 0x04, 0x08
PREPARED = 4
"""The kind of a RESULT that answers PREPARE."""

SEGMENTS_SINCE = 5
"""From this version on, what follows the first answer comes in segments with checksums."""


class Frame(msgspec.Struct, frozen=True):
    """One message, of a client or of a server; the answer has the stream of its request."""

    version: int
    flags: int
    stream: int
    opcode: int
    body: bytes

    def encode(self) -> bytes:
        return HEADER.pack(self.version, self.flags, self.stream, self.opcode, len(self.body)) + self.body

    @property
    def begins_segments(self) -> bool:
        """Whether all that comes after this answer is in segments, both ways."""
        return self.opcode in (READY, AUTHENTICATE) and self.version & 0x7F == SEGMENTS_SINCE


class Wire:
    """One direction of a connection: makes frames of bytes, however they arrive, and bytes of frames."""

    def __init__(self) -> None:
        self.segmented = False
        self._codec = SegmentCodec()
        self._bytes = bytearray()
        self._unpacked = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete with these bytes."""
        self._bytes += data
        if not self.segmented:
            yield from _frames(self._bytes)
            return
        while (payload := self._payload()) is not None:
            self._unpacked += payload
        yield from _frames(self._unpacked)

    def encode(self, frame: Frame) -> bytes:
        if not self.segmented:
            return frame.encode()
        packed = BytesIO()
        self._codec.encode(packed, frame.encode())
        return packed.getvalue()

    def _payload(self) -> bytes | None:
        """Take one segment off what has come; None if it is not complete."""
        size = self._codec.header_length + CRC24_LENGTH
        if len(self._bytes) < size:
            return None
        header = self._codec.decode_header(BytesIO(self._bytes[:size]))
        end = size + header.payload_length + CRC32_LENGTH
        if len(self._bytes) < end:
            return None
        payload: bytes = self._codec.decode(BytesIO(self._bytes[size:end]), header).payload
        del self._bytes[:end]
        return payload


def _frames(come: bytearray) -> Iterator[Frame]:
    """Take the complete frames off what has come. ValueError for a compressed one, into which nobody can see."""
    while len(come) >= HEADER.size:
        version, flags, stream, opcode, length = HEADER.unpack_from(come)
        end = HEADER.size + length
        if len(come) < end:
            return
        if flags & COMPRESSED:
            raise ValueError("the proxy does not understand compressed frames: connect without compression")
        body = bytes(come[HEADER.size : end])
        del come[:end]
        yield Frame(version, flags, stream, opcode, body)


class _Body:
    """Reads what is in a body, from its beginning on."""

    def __init__(self, body: bytes) -> None:
        self._rest = BytesIO(body)

    def number(self, kind: str) -> int:
        """Read a number: `B` byte, `H` short, `i` int."""
        form = struct.Struct("!" + kind)
        return int(form.unpack(self._rest.read(form.size))[0])

    def string(self, kind: str = "H") -> bytes:
        """Read a string, or bytes, after its length; of a negative length there is none."""
        return self._rest.read(max(0, self.number(kind)))


def statements(request: Frame, prepared: dict[bytes, str]) -> tuple[str, ...]:
    """Return the texts of a request's statements; of prepared ones as `prepared` knows them, "" if it does not."""
    body = _Body(request.body)
    if request.flags & CUSTOM_PAYLOAD:
        for _ in range(body.number("H")):
            body.string()
            body.string("i")
    match OPCODES.get(request.opcode):
        case "QUERY" | "PREPARE":
            return (body.string("i").decode(),)
        case "EXECUTE":
            return (prepared.get(body.string(), ""),)
        case "BATCH":
            return tuple(_batch(body, prepared))
    return ()


def _batch(body: _Body, prepared: dict[bytes, str]) -> Iterator[str]:
    body.number("B")
    for _ in range(body.number("H")):
        yield prepared.get(body.string(), "") if body.number("B") else body.string("i").decode()
        for _ in range(body.number("H")):
            body.string("i")


def prepared_id(result: Frame) -> bytes:
    """Return the id that a server gives to a prepared statement, from the RESULT that answers PREPARE."""
    body = _Body(result.body[16:] if result.flags & TRACING else result.body)
    if result.flags & WARNING:
        for _ in range(body.number("H")):
            body.string()
    assert body.number("i") == PREPARED
    return body.string()
