"""Zip archives for tests of export and import, good ones and hostile ones."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from typing import Any

from tests.web.conftest import Answer, Api, Person


def packed(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of files by name."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


def with_entry(name: str, mode: int = 0) -> bytes:
    """Return an archive of one good file, and one with a name and a mode that it should not have."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("good.md", "# Good")
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = entry.orig_filename = name
        entry.external_attr = mode << 16
        archive.writestr(entry, "evil.md")
    return whole.getvalue()


SYMLINK = stat.S_IFLNK | 0o777


def lying_about_size(content: bytes) -> bytes:
    """Return an archive whose directory says that its one big file has one byte."""
    whole = packed({"a.md": content})
    size = len(content).to_bytes(4, "little")
    assert whole.count(size) == 2
    return whole.replace(size, (1).to_bytes(4, "little"))


def encrypted() -> bytes:
    """Return an archive whose one file is marked as encrypted."""
    whole = bytearray(packed({"a.md": "# A"}))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(header) + flags] |= 1
    return bytes(whole)


def overlapping(content: bytes, times: int) -> bytes:
    """Return an archive whose directory names the same file again and again."""
    whole = packed({"a.bin": content}, zipfile.ZIP_STORED)
    start, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    directory = whole[start:end] * times
    count, size = times.to_bytes(2, "little"), len(directory).to_bytes(4, "little")
    return whole[:start] + directory + whole[end : end + 8] + count + count + size + whole[end + 16 :]


async def imports(api: Api, who: Person | None, archive: bytes, **headers: str) -> Answer:
    """Send an archive."""
    return await api.post("/users/me/import", archive, who, **{"Content_Type": "application/zip", **headers})


async def exports(api: Api, who: Person) -> dict[str, str]:
    """Return the files of somebody's export."""
    headers = {"Authorization": f"Bearer {who.token}"}
    async with api.client.get("/users/me/export", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "application/zip")
        return unpacked(await answer.read())


async def export_archive(api: Api, who: Person) -> bytes:
    """Return somebody's export as it is."""
    async with api.client.get("/users/me/export", headers={"Authorization": f"Bearer {who.token}"}) as answer:
        assert answer.status == 200
        return await answer.read()


def unpacked(archive: bytes) -> dict[str, str]:
    """Return the files of an archive, which must be whole."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name).decode() for name in opened.namelist()}


def results(answer: Answer) -> dict[str, Any]:
    """Return what became of each file."""
    assert answer.status == 200
    return {file["file"]: file["result"] for file in answer.content["files"]}
