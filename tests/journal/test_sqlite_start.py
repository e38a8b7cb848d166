"""Starting on a file: what stops the start, with which words; migrations and declared tables (rules R4, S4, S7)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from spikes.journal import open_journal, sqlite_checkpoint, sqlite_open, sqlite_schema
from spikes.journal.errors import JournalCorrupt, JournalTooNew, JournalUnusable
from spikes.journal.port import Appended, Cursor, Equal, Query, RowSchema, Sort, TextTerm
from spikes.journal.sqlite import SqliteJournal, open_sqlite
from spikes.journal.sqlite_open import refuse_network
from spikes.journal.sqlite_query import _by_column, _placed
from tests.journal.samples import NOTE, SCHEMAS, append, ids, listing
from tests.journal.test_sqlite_processes import checkpointed, line, process


class TestDirectory:
    async def test_s7_a_new_directory_is_on_disk_in_its_parent(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[str] = []
        monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
        journal = await open_sqlite(str(tmp_path / "a" / "b" / "spikes.db"))
        await journal.close()
        assert synced == [str(tmp_path), str(tmp_path / "a")]

    @pytest.mark.parametrize("directory", ["/proc/spikes", "/dev/null/data"])
    async def test_one_that_can_not_be_made_stops_the_start(self, directory: str) -> None:
        with pytest.raises(JournalUnusable, match=r"can't be written.*SPIKES_DATA_DIR"):
            await open_sqlite(f"{directory}/spikes.db")

    def test_a_read_only_one_stops_the_start(self, others: Path) -> None:
        others.chmod(0o555)
        assert "can't be written (Permission denied)" in start_as_nobody(others / "spikes.db")

    def test_a_read_only_file_stops_the_start(self, others: Path) -> None:
        file = others / "spikes.db"
        assert start_as_nobody(file) == ""
        file.chmod(0o444)
        assert "spikes.db can't be written" in start_as_nobody(file)

    @pytest.fixture
    def others(self) -> Iterator[Path]:
        """A directory that another user can reach, which those of pytest are not."""
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o777)
            yield Path(name)

    @pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
    def test_a_network_file_system_stops_the_start(self, tmp_path: Path, kind: str) -> None:
        mounts = tmp_path / "mountinfo"
        mounted = str(tmp_path).replace("p", "\\160")
        mounts.write_text(
            f"1 1 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / {mounted} rw shared:1 - {kind} server:/x rw\n"
        )
        with pytest.raises(JournalUnusable, match=kind):
            refuse_network(tmp_path / "data", mounts)
        refuse_network(Path("/somewhere/else"), mounts)


def start_as_nobody(file: Path) -> str:
    """Return with which words a journal refuses to start for a user without rights, "" if it starts."""
    command = [sys.executable, "-m", "tests.journal.process", str(file), "nobody"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return ended.stderr.strip().rsplit("\n", 1)[-1] if ended.returncode else ""


def overwritten(at: int) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        with file.open("r+b") as handle:
            handle.seek(at)
            handle.write(b"\xa5" * 3000)

    return damage


class TestFile:
    @pytest.mark.parametrize("content", [b"x", b"not a database at all" * 300, bytes(5000)])
    async def test_one_that_is_no_database_stops_the_start(self, path: str, content: bytes) -> None:
        Path(path).write_bytes(content)
        with pytest.raises(JournalCorrupt, match="damaged or no SQLite file"):
            await open_sqlite(path)
        assert Path(path).read_bytes() == content

    @pytest.mark.parametrize("damage", [overwritten(0), overwritten(100)])
    async def test_a_damaged_one_stops_the_start(self, path: str, damage: Callable[[Path], None]) -> None:
        await (await open_sqlite(path, SCHEMAS)).close()
        damage(Path(path))
        with pytest.raises(JournalCorrupt, match="backup"):
            await open_sqlite(path, SCHEMAS)

    async def test_one_of_another_program_is_left_alone(self, path: str) -> None:
        db = apsw.Connection(path)
        db.execute("CREATE TABLE theirs (x)")
        db.close()
        before = Path(path).read_bytes()
        with pytest.raises(JournalCorrupt, match="another program"):
            await open_sqlite(path)
        assert Path(path).read_bytes() == before

    async def test_an_empty_one_is_a_new_journal(self, path: str) -> None:
        Path(path).touch()
        journal = await open_sqlite(path, SCHEMAS)
        assert await journal.append(append()) == Appended(1)
        await journal.close()

    def test_one_that_another_process_is_founding_is_new(self, path: str) -> None:
        """Whatever happens between two looks at the file, they are looks at the same moment."""
        db = sqlite_open.connect_writer(path)
        looks: list[str] = []

        def founded_meanwhile(cursor: object, sql: str, bindings: object) -> bool:
            looks.append(sql)
            if "count(*)" in sql:
                sqlite_open.prepare_file(path, SCHEMAS)
            return True

        db.set_exec_trace(founded_meanwhile)
        assert sqlite_schema.read_meta(db, path) is None
        assert any("count(*)" in look for look in looks)
        assert sqlite_schema.read_meta(db, path) is not None
        db.close()

    async def test_one_held_by_another_program_stops_the_start(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await (await open_sqlite(path)).close()
        monkeypatch.setattr(sqlite_open, "START_BUSY_SECONDS", 0.05)
        async with process(path, "busy") as other:
            assert await line(other) == "held"
            with pytest.raises(JournalUnusable, match="held busy by another program"):
                await open_sqlite(path)

    async def test_its_identity_stays(self, path: str) -> None:
        first = await open_sqlite(path)
        await first.close()
        again = await open_sqlite(path)
        await again.close()
        assert first.identity == again.identity


class TestReleases:
    async def test_r4_a_file_only_newer_releases_may_open_is_refused(self, path: str) -> None:
        await written_by_release(path, version=99, oldest=98)
        with pytest.raises(JournalTooNew, match=r"newer release.*version 98"):
            await open_sqlite(path)

    async def test_r4_a_newer_file_that_allows_it_is_opened(self, path: str) -> None:
        await written_by_release(path, version=99, oldest=1)
        await (await open_sqlite(path)).close()
        db = apsw.Connection(path)
        assert db.execute("SELECT schema_version FROM meta").get == 99
        db.close()

    async def test_r4_migrations_that_are_missing_are_run(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        await (await open_sqlite(path)).close()
        more = (*sqlite_schema.MIGRATIONS, "CREATE TABLE added (x) STRICT".replace("x", "x TEXT"))
        monkeypatch.setattr(sqlite_schema, "MIGRATIONS", more)
        monkeypatch.setattr(sqlite_schema, "VERSION", len(more))
        for _ in range(2):
            await (await open_sqlite(path)).close()
        db = apsw.Connection(path)
        assert db.table_exists("main", "added")
        assert db.execute("SELECT schema_version FROM meta").get == len(more)
        db.close()


async def written_by_release(path: str, version: int, oldest: int) -> None:
    """Make a file as a later release would leave it."""
    await (await open_sqlite(path)).close()
    db = apsw.Connection(path)
    db.execute("UPDATE meta SET schema_version = ?, oldest_version = ?", (version, oldest))
    db.close()


async def reopened(path: str, *schemas: RowSchema) -> SqliteJournal:
    return await open_sqlite(path, schemas)


class TestSchemas:
    NEWER = replace(
        NOTE,
        state_version=2,
        columns={**NOTE.columns, "stars": "integer"},
        indexes=(("stars",),),
        text=(*NOTE.text, "tags"),
    )

    async def test_a_new_column_can_be_read_and_written(self, path: str) -> None:
        journal = await reopened(path, NOTE)
        await journal.append(append(index=listing({"": ("Nuts", "")}, created=1)))
        await journal.close()
        journal = await reopened(path, self.NEWER)
        starred = replace(listing({"": ("Nuts", "", "figs")}), columns={"created": 2, "stars": 5})
        await journal.append(append("note|2", index=starred, version=2))
        assert await ids(journal, sort=Sort("stars")) == ["2", "1"]
        assert await ids(journal, text=(TextTerm(("figs",)),)) == ["2"]
        await journal.close()

    async def test_only_the_newest_release_drops_indexes(self, path: str) -> None:
        for schema, expected in ((NOTE, NOTE), (self.NEWER, self.NEWER), (NOTE, None)):
            await (await reopened(path, schema)).close()
            names = {f"note_rows_by-{'-'.join(index)}" for index in (expected or self.NEWER).indexes}
            assert names <= indexes(path)
        assert "note_rows_by-created" in indexes(path)

    async def test_kinds_of_others_are_left_alone(self, path: str) -> None:
        journal = await reopened(path, NOTE)
        await journal.append(append(index=listing(created=1)))
        await journal.close()
        await (await reopened(path)).close()
        journal = await reopened(path, NOTE)
        assert await ids(journal) == ["1"]
        await journal.close()

    @pytest.mark.parametrize(
        "schema",
        [
            RowSchema('no"te', 1),
            RowSchema("sqlite_x", 1),
            RowSchema("note", 1, {"a b": "text"}),
            RowSchema("note", 1, {"a": "text"}, (("b",),)),
            RowSchema("note", 1, text=("A",)),
        ],
    )
    async def test_names_that_can_be_no_table_are_refused(self, path: str, schema: RowSchema) -> None:
        for url in ("memory:", f"sqlite:///{path}"):
            with pytest.raises(ValueError, match=r"column|kind"):
                await open_journal(url, [schema])

    async def test_lists_use_the_declared_indexes(self, sqlite: SqliteJournal) -> None:
        plan = await sqlite._read(explained)
        assert "USING INDEX note_rows_by-status-created" in plan
        assert "TEMP B-TREE" not in plan


def indexes(path: str) -> set[str]:
    db = apsw.Connection(path)
    found = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index'").fetchall()}
    db.close()
    return found


def explained(db: apsw.Connection) -> str:
    """Return how SQLite reads a page of a list with a status."""
    query = Query("note", where=(Equal("status", "New"),), after=Cursor(5, "note|5"))
    sort = Sort("created", descending=True)
    sql = _by_column(query, sort, _placed(query, sort, with_value=True), (50, 0), with_value=True)
    return " ".join(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.values).fetchall())


class TestLog:
    async def test_s7_the_log_does_not_grow_without_end(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_checkpoint, "MOVE_PAGES", 50)
        monkeypatch.setattr(sqlite_checkpoint, "RESTART_PAGES", 200)
        journal = await open_sqlite(path, SCHEMAS)
        for after in range(400):
            await journal.append(append(after=after, index=listing({"": (f"title {after}", "")}, created=after)))
        assert Path(f"{path}-wal").stat().st_size < 1000 * 4096
        await journal.close()

    async def test_s7_readers_hold_no_transaction_between_pages(
        self, sqlite: SqliteJournal, another: SqliteJournal
    ) -> None:
        await sqlite.append(append(count=20))
        await sqlite.stream(limit=5)
        await sqlite.load("note|1", 1)
        await another.append(append(after=20))
        assert await checkpointed(another)

    async def test_a_clean_end_leaves_one_file_to_copy(self, path: str) -> None:
        journal = await open_sqlite(path, SCHEMAS)
        journal.watch("note|1")
        await journal.append(append())
        await journal.load("note|1", 1)
        await journal.close()
        assert not Path(f"{path}-wal").exists()
