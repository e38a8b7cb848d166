"""Archives that come from outside."""

from __future__ import annotations

import asyncio
import random
import zipfile
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from spikes.domain.rules import BODY
from spikes.web import importing, unpacking
from spikes.web.markdown import LONGEST
from tests.abilities import in_memory
from tests.web.archives import (
    SYMLINK,
    encrypted,
    export_archive,
    imports,
    lying_about_size,
    overlapping,
    packed,
    results,
    with_entry,
)
from tests.web.conftest import Api, Person

OLD = '---\ntitle: "An old note"\ncreated: 2021-03-04T05:06:07Z\ndue: 2021-04-01\nstatus: Completed\n---\nText\n'


async def mine(api: Api, who: Person) -> list[dict[str, Any]]:
    return list((await api.get("/notes/mine?limit=200", who)).content)


# ------------------------------------------------------------------------------------------------------ good archives


async def test_a_file_becomes_a_note(api: Api, ann: Person) -> None:
    answer = await imports(api, ann, packed({"folder/old.md": OLD}))
    (note,) = await mine(api, ann)
    assert answer.content == {
        "created": 1,
        "unchanged": 0,
        "skipped": 0,
        "files": [{"file": "folder/old.md", "result": "created", "id": note["id"], "reason": None}],
    }
    assert (note["title"], note["body"], note["slug"]) == ("An old note", "Text\n", "20210304-an-old-note")
    assert (note["created"], note["due"]) == ("2021-03-04T05:06:07.000Z", "2021-04-01T00:00:00.000Z")
    assert (note["status"], note["access"], note["owner"]) == ("Completed", "Private", ann.id)


async def test_a_second_import_makes_nothing_new(api: Api, ann: Person) -> None:
    archive = packed({"a.md": OLD, "b.md": OLD, "c.md": "# No date", "d.md": "# No date"})
    first = await imports(api, ann, archive)
    before = await mine(api, ann)
    api.clock.pass_by(seconds=3 * 86_400)
    ann = await api.login("Ann")
    again = await imports(api, ann, archive)
    assert (first.content["created"], again.content["created"], again.content["unchanged"]) == (4, 0, 4)
    assert await mine(api, ann) == before


async def test_a_note_that_was_changed_or_trashed_stays_so(api: Api, ann: Person) -> None:
    archive = packed({"a.md": "# A", "b.md": "# B"})
    first = {file["file"]: file["id"] for file in (await imports(api, ann, archive)).content["files"]}
    note = {"id": first["a.md"], "title": "A", "body": "New", "status": "New", "access": "Private"}
    await api.put("/notes", note, ann)
    await api.delete(f"/notes/{first['b.md']}", ann)
    again = (await imports(api, ann, archive)).content["files"]
    assert [file["reason"] for file in again] == [
        "you have this note with another title or body",
        "you have this note in the trash",
    ]
    assert [note["body"] for note in await mine(api, ann)] == ["New"]


async def test_two_imports_at_a_time_make_each_note_once(api: Api, ann: Person) -> None:
    archive = packed({f"{number}.md": "# Same title" for number in range(300)})
    answers = await asyncio.gather(imports(api, ann, archive), imports(api, ann, archive))
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert len(await mine(api, ann)) == 200
    assert (await imports(api, ann, archive)).content["unchanged"] == 300


async def test_others_import_the_same_archive_too(api: Api, ann: Person, bob: Person) -> None:
    await api.note(ann, title="Ann's", body="Text")
    archive = await export_archive(api, ann)
    assert results(await imports(api, bob, archive))["notes/20261123-ann-s.md"] == "created"
    (note,) = await mine(api, bob)
    assert (note["owner"], note["body"]) == (bob.id, "Text")
    assert (await imports(api, bob, archive)).content["unchanged"] == 1


async def test_tags_that_exist_are_put_on(api: Api, ann: Person) -> None:
    answer = await imports(api, ann, packed({"a.md": "---\ntags: [Nowhere, nothing]\n---\n# A"}))
    (file,) = answer.content["files"]
    assert (file["result"], file["reason"]) == ("created", "there are no tags Nowhere, nothing")


@in_memory
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.png", b"", "it is not a Markdown file"),
        (".obsidian/a.md", b"", "it is not a Markdown file"),
        ("__MACOSX/a.md", b"", "it is not a Markdown file"),
        ("events.jsonl", b"", "it is for reading only"),
        ("account.json", b"", "it is for reading only"),
        ("a.md", b"\xff\xfe", "it is not text in UTF-8"),
        ("a.md", b"\0", "its body is not"),
        ("a.md", b"---\ntrashed: 2021-01-01\n---\n", "it was in the trash"),
        ("a.md", b"x" * (BODY + 1), "its body is not text of at most 65,536"),
        ("a.md", b"x" * (LONGEST + 1), "it has more than 131,072 bytes"),
    ],
)
async def test_what_can_be_no_note_is_skipped(api: Api, ann: Person, name: str, content: bytes, reason: str) -> None:
    answer = await imports(api, ann, packed({name: content, "good.md": "x" * BODY}))
    skipped, good = answer.content["files"]
    assert (skipped["result"], good["result"]) == ("skipped", "created")
    assert skipped["reason"].replace("65536", "65,536").startswith(reason)


@in_memory
@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
async def test_what_can_be_unpacked_without_bounds_is_skipped(api: Api, ann: Person, compression: int) -> None:
    (file,) = (await imports(api, ann, packed({"a.md": "# A"}, compression))).content["files"]
    assert file["reason"] == "it is compressed in another way than by DEFLATE"


# --------------------------------------------------------------------------------------------------- hostile archives


@in_memory
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("/etc/passwd.md", 0),
        ("\\\\server\\a.md", 0),
        ("C:\\a.md", 0),
        ("c:/a.md", 0),
        ("../a.md", 0),
        ("notes/../../a.md", 0),
        ("notes\\..\\a.md", 0),
        ("..", 0),
        ("notes\\a.md", 0),
        ("a\x00.md", 0),
        ("a\n.md", 0),
        ("a" * 998 + ".md", 0),
        ("link.md", SYMLINK),
        ("pipe.md", 0o010644),
    ],
)
async def test_a_name_that_tricks_refuses_the_whole(api: Api, ann: Person, name: str, mode: int) -> None:
    answer = await imports(api, ann, with_entry(name, mode))
    assert (answer.status, answer.code) == (400, "bad_archive")
    assert "no file of it was taken in" in answer.content["message"]
    assert await mine(api, ann) == []


@in_memory
@pytest.mark.parametrize("name", ["a" * 997 + ".md", "1: intro.md", "…/日本 👩\u200d💻.md", "a..b.md", "...md"])
async def test_a_name_that_is_only_odd_is_fine(api: Api, ann: Person, name: str) -> None:
    assert (await imports(api, ann, with_entry(name))).status == 200


@in_memory
@pytest.mark.parametrize(
    "archive",
    [b"", b"PK", b"no archive", packed({"a.md": "# A"})[:-1], packed({"a.md": "x"})[:40]],
    ids=["empty", "two letters", "text", "the last byte is missing", "the end is missing"],
)
async def test_what_is_no_whole_archive_is_refused(api: Api, ann: Person, archive: bytes) -> None:
    answer = await imports(api, ann, archive)
    assert (answer.status, answer.code) == (400, "bad_archive")


@in_memory
async def test_a_damaged_file_is_skipped(api: Api, ann: Person) -> None:
    archive = packed({"a.md": "# Aaaa", "b.md": "# B"}, zipfile.ZIP_STORED).replace(b"# Aaaa", b"# Abbb")
    assert results(await imports(api, ann, archive)) == {"a.md": "skipped", "b.md": "created"}


@in_memory
async def test_a_size_that_lies_is_found(api: Api, ann: Person) -> None:
    answer = await imports(api, ann, lying_about_size(b"x" * 50_000_001))
    (file,) = answer.content["files"]
    assert file["result"] == "skipped"
    assert file["reason"].startswith("it can't be unpacked")


@in_memory
@pytest.mark.parametrize(("size", "status"), [(unpacking.HARMLESS, 200), (unpacking.HARMLESS + 1, 413)])
async def test_a_bomb_is_refused(api: Api, ann: Person, size: int, status: int) -> None:
    answer = await imports(api, ann, packed({"bomb.bin": bytes(size)}))
    assert answer.status == status


@in_memory
async def test_the_ratio_is_of_the_whole(api: Api, ann: Person) -> None:
    noise = random.Random(1).randbytes(100_000)
    assert (await imports(api, ann, packed({"a.bin": bytes(9_000_000), "b.bin": noise}))).status == 200
    assert (await imports(api, ann, packed({"a.bin": bytes(12_000_000), "b.bin": noise}))).status == 413


async def test_a_file_that_is_there_many_times_counts_once(api: Api, ann: Person) -> None:
    noise = random.Random(1).randbytes(10_000)
    assert (await imports(api, ann, overlapping(noise, 100))).status == 200
    assert (await imports(api, ann, overlapping(noise, 5000))).status == 413


@in_memory
async def test_an_encrypted_file_is_skipped(api: Api, ann: Person) -> None:
    (file,) = (await imports(api, ann, encrypted())).content["files"]
    assert (file["result"], file["reason"]) == ("skipped", "it is encrypted")


@in_memory
@pytest.mark.parametrize(("files", "status"), [(100, 200), (101, 413)])
async def test_the_number_of_files_is_bounded(
    api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch, files: int, status: int
) -> None:
    monkeypatch.setattr(unpacking, "FILES", 100)
    answer = await imports(api, ann, packed({f"{number}.bin": "" for number in range(files)}))
    assert answer.status == status


@in_memory
@pytest.mark.parametrize(("limit", "status"), [(2000, 200), (1999, 413)])
async def test_the_unpacked_size_is_bounded(
    api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch, limit: int, status: int
) -> None:
    monkeypatch.setattr(unpacking, "UNPACKED", limit)
    archive = packed({"a.bin": bytes(1000), "b.bin": bytes(1000), "events.jsonl": bytes(5000)})
    assert (await imports(api, ann, archive)).status == status


@in_memory
@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
async def test_the_packed_size_is_bounded(
    api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch, says_length: bool, more: int, status: int
) -> None:
    archive = packed({"a.bin": random.Random(1).randbytes(300_000)})
    monkeypatch.setattr(importing, "PACKED", len(archive) - more)

    async def pieces() -> AsyncIterator[bytes]:
        yield archive

    headers = {"Content-Type": "application/zip", "Authorization": f"Bearer {ann.token}"}
    data = archive if says_length else pieces()
    async with api.client.post("/users/me/import", data=data, headers=headers) as answer:
        assert answer.status == status


@in_memory
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
async def test_takes_nothing_but_archives(api: Api, ann: Person, content_type: str) -> None:
    answer = await imports(api, ann, packed({}), Content_Type=content_type)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@in_memory
async def test_a_client_that_stops_sending_is_told_so(api: Api, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "STALLED", 0.05)
    stop = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"PK"
        await stop.wait()

    headers = {"Content-Type": "application/zip", "Authorization": f"Bearer {ann.token}"}
    async with api.client.post("/users/me/import", data=pieces(), headers=headers) as answer:
        assert answer.status == 408
    stop.set()


@in_memory
async def test_an_upload_that_breaks_off_leaves_nothing(api: Api, ann: Person) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield packed({"a.md": "# A"})
        raise ConnectionResetError

    headers = {"Content-Type": "application/zip", "Authorization": f"Bearer {ann.token}"}
    with suppress(aiohttp.ClientError, ConnectionError):
        await api.client.post("/users/me/import", data=pieces(), headers=headers)
    assert await mine(api, ann) == []
    async with asyncio.timeout(5):
        while (await imports(api, ann, packed({}))).status != 200:
            continue
