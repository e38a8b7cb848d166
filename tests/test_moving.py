"""A whole journal as JSON lines, and back: everything comes over, and nothing comes over wrong."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes import lines
from spikes.bootstrap import BEHAVIORS, open_store
from spikes.domain.tag.entity import title_claim
from spikes.domain.user.entity import email_claim
from spikes.journal.errors import JournalUnavailable
from spikes.journal.faulty import FaultyJournal
from spikes.journal.port import Journal, Metadata, PositionedEvent, StoredEvent
from spikes.lines import Head, NotImportable, exported, windows
from spikes.moving import imported
from tests.histories import EMAIL, LAST, check_rows, live, name_tags

Open = Callable[[], Coroutine[None, None, FaultyJournal]]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "WINDOW", 7)


@pytest.fixture(params=["memory", "sqlite"])
async def new_journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Journal] = []

    async def new_journal() -> FaultyJournal:
        url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/{len(opened)}.db"
        opened.append(await open_store(url))
        return FaultyJournal(opened[-1])

    yield new_journal
    for journal in opened:
        await journal.close()


@pytest.fixture
async def export(new_journal: Open) -> bytes:
    """The export of a journal in which an e-mail address went from one user to the next, and notes were changed."""
    journal = await new_journal()
    await live(journal)
    return await whole(journal)


async def whole(journal: Journal) -> bytes:
    return b"".join([line for some in [some async for _, some in exported(journal)] for line in some])


async def import_(journal: Journal, export: bytes) -> int:
    """Import, and return how many events were there already."""
    return (await imported(journal, BEHAVIORS, io.BytesIO(export))).known


def events(export: bytes) -> list[bytes]:
    """Return the lines of the events, whatever their order between entities."""
    return sorted(export.splitlines()[1:])


async def check(journal: Journal, export: bytes) -> None:
    """See that a journal holds just the export, and that its rows and claims are those of the events."""
    assert events(await whole(journal)) == events(export)
    await check_rows(journal)
    assert await journal.holder(email_claim(EMAIL)) == LAST


# ------------------------------------------------------------------------------------------------------- good exports


async def test_everything_comes_over(new_journal: Open, export: bytes) -> None:
    journal = await new_journal()
    assert await import_(journal, export) == 0
    await check(journal, export)


async def test_it_says_how_far_it_is(new_journal: Open, export: bytes) -> None:
    told: list[tuple[int, int | None]] = []
    journal = await new_journal()
    await imported(journal, BEHAVIORS, io.BytesIO(export), lambda *so_far: told.append(so_far))
    assert told == [(7, 34), (14, 34), (21, 34), (28, 34), (34, 34)]


async def test_a_second_import_finds_everything_there(new_journal: Open, export: bytes) -> None:
    journal = await new_journal()
    await import_(journal, export)
    assert await import_(journal, export) == 34
    await check(journal, export)


async def test_an_empty_journal_comes_over(new_journal: Open) -> None:
    nothing = await whole(await new_journal())
    assert await import_(await new_journal(), nothing) == 0


@pytest.mark.parametrize("kept", range(1, 34, 3))
async def test_an_interrupted_import_goes_on(new_journal: Open, export: bytes, kept: int) -> None:
    journal = await new_journal()
    with pytest.raises(NotImportable, match="is a part of it missing"):
        await import_(journal, b"".join(export.splitlines(True)[: kept + 1]))
    assert await import_(journal, export) == kept
    await check(journal, export)


@pytest.mark.parametrize("window", [7, 14, 34])
@pytest.mark.parametrize("failing", range(1, 7))
async def test_a_window_that_was_stored_in_part_goes_on(
    new_journal: Open, export: bytes, window: int, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "WINDOW", window)
    journal = await new_journal()
    journal.fail("append", failing)
    with pytest.raises(JournalUnavailable):
        await import_(journal, export)
    for _ in range(failing):
        with suppress(JournalUnavailable):
            await import_(journal, export)
    await check(journal, export)


async def test_unique_values_that_were_swapped_come_over(new_journal: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "WINDOW", 4)
    old, journal = await new_journal(), await new_journal()
    await name_tags(old, *((tag, tag) for tag in "ABCD"), ("A", "X"), ("B", "A"), ("A", "B"))
    await import_(journal, await whole(old))
    assert events(await whole(journal)) == events(await whole(old))
    assert [await journal.holder(title_claim(title)) for title in ("A", "B", "X")] == ["tag|B", "tag|A", None]


async def test_little_memory_is_enough(new_journal: Open, export: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikes.storing.FOLDS", 14)
    journal = await new_journal()
    await import_(journal, export)
    await check(journal, export)


@given(st.binary(max_size=30) | st.sampled_from([b'{"a": 1}', b"[]", b"{\n}", b"7 ", b"\xff", b""]), st.booleans())
def test_any_payload_comes_over(payload: bytes, encoded: bool) -> None:
    metadata = Metadata(1, "a", "principal", "request", None, None, "command", "writer")
    event = StoredEvent(1, "x@1", payload, metadata, ("tag",), "zip" if encoded else None, "key")
    line = lines._encode(lines._line(PositionedEvent(1, "note|1", event))) + b"\n"
    assert list(windows(iter([line]), Head(1, "", 1))) == [[(2, "note|1", event)]]


# -------------------------------------------------------------------------------------------------------- bad exports


def changed(export: bytes, number: int, **fields: object) -> bytes:
    """Return the export with some fields of one line changed."""
    all_lines = export.splitlines(True)
    line = {**msgspec.json.decode(all_lines[number]), **fields}
    return b"".join((*all_lines[:number], msgspec.json.encode(line) + b"\n", *all_lines[number + 1 :]))


async def refusal(journal: Journal, export: bytes) -> str:
    with pytest.raises(NotImportable) as refused:
        await import_(journal, export)
    return str(refused.value)


@pytest.mark.parametrize(
    ("number", "fields", "said"),
    [
        (0, {"spikes": 2}, "the export is of format 2; this release reads format 1"),
        (0, {"events": 33}, "there are 34 events where the first line says 33"),
        (0, {"events": 35}, "there are 34 events where the first line says 35"),
        (3, {"nr": 3}, "line 3: note|0SAN2TY66E0N0: event 3 follows event 1: the stream has a gap"),
        (5, {"nr": 1}, "line 5: note|0SAN2TY66E0N1: event 1 follows event 1: the stream has a gap"),
        (1, {"nr": 0}, "line 2: user|0SAN2TY66E7Q0: event 0 follows event 0"),
        (2, {"id": "boat|1"}, "line 3: there is nothing of the kind of 'boat|1'"),
        (2, {"id": "note"}, "line 3: there is nothing of the kind of 'note'"),
        (2, {"type": "note-sunk@1"}, "line 3: note|0SAN2TY66E0N0: event 1 of type 'note-sunk@1' can't be decoded"),
        (2, {"payload": {}}, "line 3: note|0SAN2TY66E0N0: event 1 of type 'note-created@1' can't be decoded"),
        (2, {"metadata": {}}, "line 3 is no event: "),
        (2, {"binary": "%"}, "line 3 is no event: "),
    ],
)
async def test_a_line_that_is_wrong_is_named(
    new_journal: Open, export: bytes, number: int, fields: dict[str, object], said: str
) -> None:
    assert (await refusal(await new_journal(), changed(export, number, **fields))).startswith(said)


@pytest.mark.parametrize("first", [b"", b"\n", b"# Notes\n", b"[1]\n", b"\xff\xfe\n"])
async def test_what_is_no_export_is_refused(new_journal: Open, first: bytes) -> None:
    assert await refusal(await new_journal(), first) == "the first line is not that of an export"


async def test_a_line_that_is_cut_is_refused(new_journal: Open, export: bytes) -> None:
    assert await refusal(await new_journal(), export[:-5]) == "line 35 ends in the middle"


async def test_a_unique_value_that_two_have_is_refused(new_journal: Open, export: bytes) -> None:
    removals = [b"user-removal-started@1", b"user-removed@1"]
    kept = [line for line in export.splitlines(True) if not any(removal in line for removal in removals)]
    text = await refusal(await new_journal(), changed(b"".join(kept), 0, events=len(kept) - 1))
    assert "the email is already taken by user|0SAN2TY66E7Q0" in text


@pytest.mark.parametrize("number", [1, 7, 20, 34])
async def test_a_journal_with_another_event_is_refused(new_journal: Open, export: bytes, number: int) -> None:
    journal = await new_journal()
    metadata = {"time": 7, "attempt_id": "other"}
    await import_(journal, changed(export, number, metadata=metadata))
    before = await whole(journal)
    assert "the journal has another event" in await refusal(journal, export)
    assert await whole(journal) == before


async def test_a_journal_with_more_events_is_refused(new_journal: Open, export: bytes) -> None:
    journal = await new_journal()
    await import_(journal, export)
    for kept in (7, 20):
        shorter = b"".join(export.splitlines(True)[: kept + 1])
        text = await refusal(journal, changed(shorter, 0, events=kept))
        assert "another event" in text or "more events" in text
    await check(journal, export)
