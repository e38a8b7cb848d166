"""A zip archive that is sent while it is made: no more of it is in memory than the piece on its way.

account.json         the profile
notes/SLUG.md        one file a note, with front matter; those in the trash are in trash/
events.jsonl         every event of these notes, one JSON object a line, note by note
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import IO

from spikes.domain.times import EPOCH

PIECE = 256 * 1024
"""How much is gathered before it is sent, in bytes."""

EVENTS = "events.jsonl"
ACCOUNT = "account.json"

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip archive can tell."""

File = tuple[str, int, bytes]
"""A name, a time in milliseconds since the epoch, and the content."""


class _Sink:
    """The end of a pipe that zipfile writes to; it can't seek, so sizes follow the contents."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self.pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written is there."""

    def close(self) -> None:
        """Do nothing: what was written stays."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self.pieces)
        self.pieces, self.size = [], 0
        return data


async def packed(
    files: AsyncIterator[Sequence[File]], log: str, lines: AsyncIterator[Iterable[bytes]]
) -> AsyncGenerator[bytes, None]:
    """Yield a zip archive of the files, which come in batches, and then of one more file, `log`, made of lines.

    Compressing takes place off the loop.
    """
    sink = _Sink()
    archive = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED)
    async for batch in files:
        await asyncio.to_thread(_add, archive, batch)
        if sink.size >= PIECE:
            yield sink.taken()
    with archive.open(log, "w", force_zip64=True) as entry:
        async for some in lines:
            await asyncio.to_thread(_write, entry, some)
            if sink.size >= PIECE:
                yield sink.taken()
    await asyncio.to_thread(archive.close)
    yield sink.taken()


def _add(archive: zipfile.ZipFile, batch: Sequence[File]) -> None:
    for name, moment, content in batch:
        archive.writestr(_entry(name, moment), content)


def _write(entry: IO[bytes], lines: Iterable[bytes]) -> None:
    entry.write(b"".join(lines))


def _entry(name: str, moment: int) -> zipfile.ZipInfo:
    at = (EPOCH + timedelta(milliseconds=moment)).timetuple()[:6]
    entry = zipfile.ZipInfo(name, max(at, EARLIEST) if at[0] <= 2107 else EARLIEST)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry
