"""`spikes export` and `spikes import` as processes, one of which is killed."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from spikes.bootstrap import open_store
from spikes.domain.note.event import NOTE_EVENTS, NoteCreated
from spikes.journal.port import Metadata
from spikes.lines import WINDOW, Head, Line
from tests.processes import SPIKES, appears, environment
from tests.test_cli import at_terminal, spikes

EVENTS = WINDOW * 2 + 500


def made(count: int) -> Iterator[bytes]:
    """Yield the lines of an export of so many notes."""
    yield msgspec.json.encode(Head(1, "a journal", count)) + b"\n"
    for number in range(count):
        note = f"0SAN{number:09}"
        event = NoteCreated(note, "0SAN2TY66E7QE", "T", "B", f"20261123-{number}", None, "New", "Public", (), 1)
        name, payload = NOTE_EVENTS.encode(event)
        metadata = Metadata(number, f"attempt-{number}", "0SAN2TY66E7QE")
        yield msgspec.json.encode(Line(f"note|{note}", 1, name, metadata, msgspec.Raw(payload))) + b"\n"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "export.jsonl"
    file.write_bytes(b"".join(made(20)))
    return file


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/new/spikes.db"


def test_an_export_comes_back_as_it_went(export: Path, url: str, tmp_path: Path) -> None:
    done = spikes("import", str(export), "--journal", url)
    assert (done.returncode, done.stderr) == (0, "20 events imported, 0 were there already\n")
    again = tmp_path / "again.jsonl"
    done = spikes("export", str(again), "--journal", url)
    assert (done.returncode, done.stderr) == (0, "20 events exported\n")
    assert again.read_bytes().splitlines()[1:] == export.read_bytes().splitlines()[1:]
    assert spikes("verify", "--journal", url).returncode == 0
    assert spikes("rebuild", "--journal", url).stdout == "20 entities, 20 events, 0 rows differed\n"


def test_standard_streams_are_the_default(export: Path, url: str) -> None:
    assert spikes("import", "--journal", url, said=export.read_text()).returncode == 0
    assert spikes("export", "--journal", url).stdout.splitlines()[1:] == export.read_text().splitlines()[1:]


def test_other_events_are_code_one(export: Path, url: str) -> None:
    spikes("import", str(export), "--journal", url)
    done = spikes("import", "--journal", url, said=export.read_text().replace('"T"', '"U"'))
    assert done.returncode == 1
    assert done.stderr.startswith("spikes: the journal has another event 1 of note|0SAN000000000")


def test_files_that_can_not_be_opened_are_code_two(export: Path, url: str, tmp_path: Path) -> None:
    spikes("import", str(export), "--journal", url)
    for command, file in (("import", tmp_path / "nowhere"), ("export", export), ("import", tmp_path)):
        done = spikes(command, str(file), "--journal", url)
        assert (done.returncode, "can't be opened" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["export", "import"])
def test_a_journal_in_memory_is_code_three(export: Path, command: str) -> None:
    assert spikes(command, "-", "--journal", "memory:", said=export.read_text()).returncode == 3


def test_a_terminal_shows_progress(export: Path, url: str) -> None:
    code, shown = at_terminal("import", str(export), "--journal", url)
    assert (code, "importing" in shown, "20 events imported" in shown) == (0, True, True)


def test_a_copy_has_all_and_goes_on(export: Path, url: str, tmp_path: Path) -> None:
    spikes("import", str(export), "--journal", url)
    target = f"sqlite:///{tmp_path}/copy/spikes.db"
    for new, known in ((20, 0), (0, 20)):
        done = spikes("copy", url, target)
        assert (done.returncode, done.stderr) == (0, f"{new} events copied, {known} were there already\n")
    assert spikes("verify", "--journal", target).returncode == 0
    assert spikes("rebuild", "--journal", target).stdout == "20 entities, 20 events, 0 rows differed\n"


def test_a_copy_into_other_events_is_code_one(export: Path, url: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path}/copy/spikes.db"
    spikes("import", str(export), "--journal", url)
    spikes("import", "--journal", target, said=export.read_text().replace('"T"', '"U"'))
    done = spikes("copy", url, target)
    assert done.returncode == 1
    assert re.match(r"spikes: the journal has note\|0SAN00000000\d, which the other one has not", done.stderr)


@pytest.mark.parametrize("urls", [("memory:", "sqlite"), ("sqlite", "memory:"), ("sqlite", "boat://x")])
def test_a_copy_of_what_can_not_be_is_code_three(urls: tuple[str, str], export: Path, url: str) -> None:
    spikes("import", str(export), "--journal", url)
    assert spikes("copy", *(url if each == "sqlite" else each for each in urls)).returncode == 3


def test_a_copy_of_nothing_makes_no_file(url: str, tmp_path: Path) -> None:
    done = spikes("copy", url, f"sqlite:///{tmp_path}/copy/spikes.db")
    assert (done.returncode, "there is no journal at" in done.stderr) == (3, True)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_at_a_terminal_shows_progress(export: Path, url: str, tmp_path: Path) -> None:
    spikes("import", str(export), "--journal", url)
    code, shown = at_terminal("copy", url, f"sqlite:///{tmp_path}/copy/spikes.db")
    assert (code, "copying" in shown, "20 events copied" in shown) == (0, True, True)


async def test_an_import_that_was_killed_goes_on(url: str, tmp_path: Path) -> None:
    lines = list(made(EVENTS))
    command = [sys.executable, *SPIKES, "import", "--journal", url]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, env=environment())
    assert process.stdin
    process.stdin.writelines(lines[: 2 * WINDOW + 10])
    await process.stdin.drain()
    at_first = await some_events(tmp_path / "new" / "spikes.db", url)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    file = tmp_path / "export.jsonl"
    file.write_bytes(b"".join(lines))
    done = spikes("import", str(file), "--journal", url)
    assert done.returncode == 0, done.stderr
    known = int(done.stderr.split()[3])
    assert at_first <= known < EVENTS
    assert spikes("verify", "--journal", url).returncode == 0
    assert spikes("rebuild", "--journal", url).stdout == f"{EVENTS} entities, {EVENTS} events, 0 rows differed\n"


async def some_events(file: Path, url: str) -> int:
    """Wait until another process has stored more than a window."""
    await appears(file)
    journal = await open_store(url)
    try:
        for _ in range(4000):  # no signal comes from another process; the wait is bounded
            if (stored := (await journal.statistics()).events) > WINDOW:
                return stored
            await asyncio.sleep(0.01)
    finally:
        await journal.close()
    raise AssertionError(f"only {stored} events were stored")
