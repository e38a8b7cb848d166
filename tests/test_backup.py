"""`spikes backup`: the file of a service that goes on writing, copied whole or not at all."""

from __future__ import annotations

import asyncio
import copy
import resource
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from spikes.exits import Exit
from spikes.journal import sqlite_backup
from spikes.journal.sqlite_backup import back_up
from tests.journal.test_sqlite_verify import edit, history
from tests.processes import SPIKES, TIMEOUT, environment
from tests.storm import Ledger, compare, spikes, spikes_command, sqlite, storm
from tests.test_cli import spikes as command


@pytest.fixture
async def journal(tmp_path: Path) -> str:
    """The file of a journal with a few events."""
    path = f"{tmp_path}/data/spikes.db"
    Path(path).parent.mkdir()
    await history(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def generation(file: str) -> int:
    return int(apsw.Connection(file).execute("SELECT generation FROM meta").get)


def test_a_copy_holds_what_the_journal_does(journal: str, tmp_path: Path) -> None:
    done = command("backup", f"{tmp_path}/copy.db", "--journal", f"sqlite:///{journal}")
    assert (done.returncode, done.stderr.startswith(f"3 events backed up to {tmp_path}/copy.db, ")) == (0, True)
    one, other = (command("export", "--journal", f"sqlite:///{file}") for file in (journal, f"{tmp_path}/copy.db"))
    assert one.stdout == other.stdout
    assert command("verify", "--journal", f"sqlite:///{tmp_path}/copy.db").returncode == 0


def test_a_copy_is_one_file_for_its_owner_alone(journal: str, tmp_path: Path) -> None:
    done = back_up(journal, tmp_path / "copy.db")
    assert names(tmp_path) == ["copy.db", "data"]
    file = (tmp_path / "copy.db").stat()
    assert (stat.S_IMODE(file.st_mode), file.st_size) == (0o600, done.bytes)


def test_a_file_that_is_there_is_never_overwritten(journal: str, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("of yesterday")
    done = command("backup", f"{tmp_path}/copy.db", "--journal", f"sqlite:///{journal}")
    assert done.returncode == Exit.USAGE
    assert f"'{tmp_path}/copy.db' can't be written: " in done.stderr
    assert "is there already" in done.stderr
    assert (tmp_path / "copy.db").read_text() == "of yesterday"


def test_a_file_made_meanwhile_is_not_overwritten(journal: str, tmp_path: Path, one_page: None) -> None:
    target = tmp_path / "copy.db"

    def another(done: int, total: int) -> None:
        target.write_text("faster")

    with pytest.raises(FileExistsError):
        back_up(journal, target, another)
    assert target.read_text() == "faster"
    assert names(tmp_path) == ["copy.db", "data"]


def test_writes_meanwhile_neither_enter_nor_hold_up(journal: str, tmp_path: Path, one_page: None) -> None:
    steps: list[int] = []

    def write(done: int, total: int) -> None:
        edit(journal, "UPDATE meta SET generation = generation + 1")
        steps.append(done)

    before = generation(journal)
    back_up(journal, tmp_path / "copy.db", write)
    assert steps == list(range(1, len(steps) + 1))  # each page once: no write made it begin anew
    assert generation(journal) == before + len(steps) > before
    assert generation(f"{tmp_path}/copy.db") == before


def test_a_damaged_journal_gives_no_copy(journal: str, tmp_path: Path) -> None:
    edit(journal, "DELETE FROM events WHERE sequence_nr = 2")
    done = command("backup", f"{tmp_path}/copy.db", "--journal", f"sqlite:///{journal}")
    assert done.returncode == Exit.PROBLEMS
    assert "note|1: 2 events, numbered 1 to 3" in done.stdout
    assert f"{tmp_path}/copy.db was not made" in done.stderr
    assert names(tmp_path) == ["data"]


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.db").write_text("no database, " * 1000)
    done = command("backup", f"{tmp_path}/copy.db", "--journal", f"sqlite:///{tmp_path}/data.db")
    assert done.returncode == Exit.JOURNAL
    assert "is damaged or no SQLite file" in done.stderr
    assert names(tmp_path) == ["data.db"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("memory:", "ends with its process"),
        ("sqlite:///none/spikes.db", "there is no journal at none/spikes.db"),
        ("cassandra://localhost/spikes", "back it up by snapshots of Cassandra, or by spikes export"),
    ],
)
def test_what_is_no_file_is_refused(url: str, why: str, tmp_path: Path) -> None:
    done = command("backup", f"{tmp_path}/copy.db", "--journal", url)
    assert (done.returncode, why in done.stderr) == (Exit.JOURNAL, True)
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_named(journal: str, tmp_path: Path) -> None:
    done = command("backup", f"{tmp_path}/none/copy.db", "--journal", f"sqlite:///{journal}")
    expected = f"spikes: '{tmp_path}/none/copy.db' can't be written: No such file or directory\n"
    assert (done.returncode, done.stderr) == (Exit.USAGE, expected)


def test_a_full_disk_leaves_nothing_behind(journal: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *SPIKES, "backup", f"{tmp_path}/copy.db", "--journal", f"sqlite:///{journal}"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=environment(),
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384)),
    )
    assert (done.returncode, "there must be room for the whole journal" in done.stderr) == (Exit.USAGE, True)
    assert names(tmp_path) == ["data"]


async def test_a_backup_under_load_restores_what_was_acknowledged(tmp_path: Path) -> None:
    ledger, copied = Ledger(), tmp_path / "restored" / "spikes.db"
    copied.parent.mkdir()
    async with spikes(tmp_path / "data") as service, storm(ledger, [service.port]) as writers:
        await ledger.reaches(300)
        before = copy.copy(ledger)
        before.notes, before.emails = copy.deepcopy(ledger.notes), ledger.emails.copy()
        backing_up = asyncio.create_task(spikes_command(tmp_path / "data", "backup", str(copied)))
        await ledger.reaches(ledger.acknowledged + 100)
        assert await backing_up == Exit.OK
        await ledger.reaches(ledger.acknowledged + 100)
    assert [writer.failures for writer in writers if writer.failures] == []
    assert ledger.refused.total() == ledger.refused[409]  # the same title on one day
    assert await compare(ledger, sqlite(tmp_path / "data")) == []
    assert await compare(before, sqlite(copied.parent)) == []
    async with spikes(copied.parent) as restored, storm(ledger := Ledger(), [restored.port], writers=2):
        await ledger.reaches(10)


@pytest.fixture
def one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a copy be made page by page."""
    monkeypatch.setattr(sqlite_backup, "PAGES", 1)
