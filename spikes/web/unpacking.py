"""Archives that come from outside: nothing of them is believed before it is checked, and nothing is written to disk.

Exception
├── BadArchive     it is no zip archive, is damaged, or has names that reach out of it
└── TooMuch        it is, or would become, more than this service takes in
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO

import msgspec

from spikes.web.markdown import LONGEST, Document, NotImportable, read
from spikes.web.packing import ACCOUNT, EVENTS

PACKED = 100 * 1024 * 1024
"""The largest archive, in bytes."""

UNPACKED = 1024 * 1024 * 1024
"""The most bytes that its files may have together."""

FILES = 100_000
"""The most files in it."""

RATIO = 100
"""How many times smaller than its files an archive may be."""

HARMLESS = 1024 * 1024
"""Up to this size of all files together their ratio does not matter, in bytes."""

LONGEST_NAME = 1000
"""The longest name of a file with its folders, in characters."""

MARKDOWN = {".md", ".markdown", ".mdown", ".txt"}
"""How the names of files end that become notes."""

DIRECTORY_ENTRY = b"PK\x01\x02"
"""What each entry of an archive's directory starts with."""

_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError, OverflowError, struct.error)


class BadArchive(Exception):
    """The archive is refused as a whole; the text says why and which file is the reason."""


class TooMuch(Exception):
    """The archive is refused as a whole because of its size; the text says which limit it breaks."""


class Unpacked(msgspec.Struct, frozen=True):
    """One file: the note that it holds, or the reason why it holds none. `digest` is of path and content."""

    path: str
    digest: bytes = b""
    document: Document | None = None
    reason: str | None = None


class Archive:
    """An opened archive whose directory is checked. None of this may run on the loop."""

    def __init__(self, file: IO[bytes]) -> None:
        """Open it; raises BadArchive or TooMuch."""
        _check_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGES as problem:
            raise BadArchive(f"it is no zip archive, or a damaged one: {problem}") from None
        self._files = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        _check_names(self._zip.infolist())
        _check_sizes(self._files, file.seek(0, 2))

    def batches(self, size: int) -> Iterator[Sequence[zipfile.ZipInfo]]:
        """Yield the files in the order of the archive, so many at a time."""
        for start in range(0, len(self._files), size):
            yield self._files[start : start + size]

    def read(self, batch: Sequence[zipfile.ZipInfo]) -> list[Unpacked]:
        """Read some files. What can't become a note says why."""
        return [self._read(entry) for entry in batch]

    def _read(self, entry: zipfile.ZipInfo) -> Unpacked:
        try:
            content = self._content(entry)
            digest = hashlib.sha256(f"{entry.filename}\0".encode() + content).digest()
            return Unpacked(entry.filename, digest, read(entry.filename, content))
        except NotImportable as problem:
            return Unpacked(entry.filename, reason=str(problem))
        except _DAMAGES as problem:
            return Unpacked(entry.filename, reason=f"it can't be unpacked: {problem}")

    def _content(self, entry: zipfile.ZipInfo) -> bytes:
        path = PurePosixPath(entry.filename)
        if entry.filename in (EVENTS, ACCOUNT):
            raise NotImportable("it is for reading only")
        if path.suffix.lower() not in MARKDOWN or any(part.startswith((".", "__MACOSX")) for part in path.parts):
            raise NotImportable("it is not a Markdown file")
        if entry.file_size > LONGEST:
            raise NotImportable(f"it has more than {LONGEST:,} bytes")
        if entry.flag_bits & 1:
            raise NotImportable("it is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImportable("it is compressed in another way than by DEFLATE")  # others can't be stopped in time
        with self._zip.open(entry) as file:
            return file.read(LONGEST + 1)  # with a bound, as the size in the directory may be wrong


def _check_directory(file: IO[bytes]) -> None:
    """Refuse what has too many files, before the directory is read and takes memory for each.

    What an archive says about their number may be wrong, so the entries themselves are counted.
    """
    file.seek(0)
    entries, end = 0, b""
    while piece := file.read(1024 * 1024):
        piece = end + piece
        entries += piece.count(DIRECTORY_ENTRY)
        end = piece[-len(DIRECTORY_ENTRY) + 1 :]
    if entries > FILES:
        raise TooMuch(f"an archive may have at most {FILES:,} files, with those of archives in it")


def _check_names(entries: Sequence[zipfile.ZipInfo]) -> None:
    for entry in entries:
        if problem := _wrong_with(entry):
            shown = entry.orig_filename[:100].encode("unicode_escape").decode()
            raise BadArchive(f"the name {shown!r} in the archive {problem}; no file of it was taken in")


def _wrong_with(entry: zipfile.ZipInfo) -> str | None:
    """Return what is wrong with a name, None for nothing."""
    name = entry.orig_filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if re.match(r"[/\\]|[A-Za-z]:[/\\]", name):
        return "is absolute"
    if ".." in name.replace("\\", "/").split("/"):
        return "leads out of it"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is of a link or a device"
    if not name or len(name) > LONGEST_NAME:
        return f"must have 1 to {LONGEST_NAME} characters"
    if "\\" in name or any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "has characters that no name should have"
    return None


def _check_sizes(files: Sequence[zipfile.ZipInfo], packed: int) -> None:
    total = sum(entry.file_size for entry in files if entry.filename != EVENTS)
    if total > UNPACKED:
        raise TooMuch(f"the files of an archive may have at most {UNPACKED:,} bytes together")
    smallest = min(packed, sum(entry.compress_size for entry in files))
    if total > HARMLESS and total > RATIO * smallest:
        raise TooMuch(f"an archive may be at most {RATIO} times smaller than its files")
