"""The command line: real processes, their output and exit codes."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from spikes import __version__
from spikes.bootstrap import start_entities
from spikes.cli.environment import variables
from spikes.domain.note.command import CreateNote
from spikes.domain.user.command import Authenticate, GetCredentials, Login, Register
from spikes.domain.user.entity import Credentials
from spikes.exits import Exit
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer, Success
from spikes.settings import SettingError, Settings
from spikes.web.passwords import Passwords
from tests.processes import SPIKES, TIMEOUT, environment

COMMANDS = [
    "serve",
    "migrate",
    "verify",
    "rebuild",
    "events",
    "backup",
    "export",
    "import",
    "user",
    "user reset-password",
    "version",
]
ANN = "0SAN2TY66E7QE"
NOTE = "0SAN2V09YE97J"
NEW_PASSWORD = "Another-1"


def spikes(*arguments: str, said: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, *SPIKES, *arguments]
    return subprocess.run(
        command, input=said, capture_output=True, text=True, timeout=TIMEOUT, env=environment(**environ), check=False
    )


@pytest.fixture
async def store(tmp_path: Path) -> str:
    """The URL of a journal with Ann and a note of hers."""
    url = f"sqlite:///{tmp_path}/data/spikes.db"
    async with start_entities(Settings(journal=url)) as (entities, _):
        ann = PersistenceId.of("user", ANN)
        await entities.ask(ann, Register(ANN, "Ann", "ann@example.com", "old hash", "1990-12-31"))
        await entities.ask(ann, Login("S1", "token hash", int(time.time() * 1000) + 60_000, None, "old hash"))
        create = CreateNote(NOTE, "Title", "Body", None, "New", "Public", ())
        await entities.ask(PersistenceId.of("note", NOTE), create, principal=ANN)
    return url


async def ask_ann(url: str, command: object) -> Answer:
    async with start_entities(Settings(journal=url)) as (entities, _):
        return await entities.ask(PersistenceId.of("user", ANN), command)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    done = spikes(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: spikes {command}".rstrip())


def test_help_lists_commands_and_exit_codes() -> None:
    text = spikes("--help").stdout
    assert all(f"    {command.split()[0]} " in text for command in COMMANDS)
    assert all(f"  {code.value}  {code.meaning}" in text for code in Exit)


def test_the_version_needs_no_right_settings() -> None:
    for way in ("version", "--version"):
        assert spikes(way, SPIKES_PORT="wrong").stdout == f"spikes {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [(), ("sing",), ("serve", "--workers", "0"), ("serve", "--prot", "1"), ("events",)]
)
def test_a_wrong_command_line_is_code_two(arguments: tuple[str, ...]) -> None:
    done = spikes(*arguments)
    assert done.returncode == 2
    assert "usage: spikes" in done.stderr


@pytest.mark.parametrize("command", ["serve", "verify", "rebuild", "events note|1", "user reset-password a@b.c"])
def test_a_wrong_setting_is_code_two(command: str) -> None:
    done = spikes(*command.split(), SPIKES_TOKEN_TTL="long")
    assert done.returncode == 2
    assert done.stderr.startswith("spikes: SPIKES_TOKEN_TTL='long' is wrong: it must be a whole number from 1")


def test_a_wrong_flag_is_named_as_it_was_given() -> None:
    done = spikes("serve", "--port", "http")
    assert (done.returncode, done.stderr[:30]) == (2, "spikes: --port='http' is wrong")


@pytest.mark.parametrize("command", ["verify", "rebuild", "events note|1", "user reset-password a@b.c"])
def test_a_journal_that_is_not_there_is_code_three(command: str, tmp_path: Path) -> None:
    done = spikes(*command.split(), SPIKES_DATA_DIR=str(tmp_path))
    assert done.returncode == 3
    assert f"there is no journal at {tmp_path}/spikes.db" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_migrating_makes_a_journal_and_keeps_one(tmp_path: Path, store: str) -> None:
    new = f"sqlite:///{tmp_path}/new/spikes.db"
    for url, events in ((new, 0), (new, 0), (store, 3)):
        done = spikes("migrate", "--journal", url)
        assert (done.returncode, done.stderr) == (0, f"{url} is ready for release {__version__}\n")
        assert f"{events} events" in spikes("rebuild", "--journal", url).stdout


def test_migrating_memory_is_code_three() -> None:
    assert spikes("migrate", "--journal", "memory:").returncode == 3


def test_serving_a_damaged_journal_is_code_three(tmp_path: Path) -> None:
    (tmp_path / "spikes.db").write_text("no database, " * 1000)
    done = spikes("serve", "--port", "0", SPIKES_DATA_DIR=str(tmp_path))
    assert done.returncode == 3
    assert f"spikes: {tmp_path}/spikes.db is damaged" in done.stderr


def test_a_healthy_journal_verifies(store: str) -> None:
    done = spikes("verify", "--journal", store)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no problems found\n")


def test_damage_is_found_and_is_code_one(store: str) -> None:
    damage(store, "DELETE FROM events WHERE persistence_id LIKE 'user|%' AND sequence_nr = 1")
    done = spikes("verify", "--journal", store)
    assert done.returncode == 1
    assert f"user|{ANN}" in done.stdout


def test_rebuilding_a_healthy_journal_changes_nothing(store: str) -> None:
    done = spikes("rebuild", "--journal", store)
    assert (done.returncode, done.stdout) == (0, "2 entities, 3 events, 0 rows differed\n")


def test_rebuilding_at_a_terminal_shows_progress(store: str) -> None:
    code, shown = at_terminal("rebuild", "--journal", store)
    assert code == 0
    assert "rebuilding" in shown
    assert "100%" in shown


def test_events_are_printed_as_json_lines(store: str) -> None:
    done = spikes("events", f"user|{ANN}", "--journal", store)
    first, second = map(json.loads, done.stdout.splitlines())
    assert list(first) == ["sequence_nr", "type", "time", "who", "metadata", "payload"]
    assert (first["sequence_nr"], first["type"], first["payload"]["name"]) == (1, "user-registered@1", "Ann")
    assert (second["sequence_nr"], second["type"]) == (2, "session-opened@1")
    assert first["time"].endswith("Z")


def test_an_entity_without_events_is_code_one(store: str) -> None:
    assert spikes("events", "note|0N2ZBXJ5C4V7K", "--journal", store).returncode == 1


def test_an_impossible_persistence_id_is_code_two(store: str) -> None:
    done = spikes("events", "note", "--journal", store)
    assert done.returncode == 2
    assert "must be like 'note|" in done.stderr


def test_who_reads_no_further_is_no_problem(store: str) -> None:
    shell = f"{sys.executable} -m spikes events 'user|{ANN}' --journal {store} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, timeout=TIMEOUT, env=environment(), check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_password_reset_ends_all_sessions(store: str) -> None:
    done = spikes(
        "user", "reset-password", "ANN@example.com", "--password-stdin", "--journal", store, said=NEW_PASSWORD
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "ANN@example.com has the new password" in done.stderr
    assert await has_password(store, NEW_PASSWORD)
    assert not isinstance((await ask_ann(store, Authenticate("token hash"))).status, Success)
    last = json.loads(spikes("events", f"user|{ANN}", "--journal", store).stdout.splitlines()[-1])
    assert (last["type"], last["metadata"]["request_id"]) == ("password-changed@1", "command-line")


async def test_a_password_is_asked_for_twice_without_echo(store: str) -> None:
    code, shown = reset_at_terminal(store, [NEW_PASSWORD, NEW_PASSWORD])
    assert code == 0
    assert "New password:" in shown
    assert NEW_PASSWORD not in shown
    assert await has_password(store, NEW_PASSWORD)


async def test_two_different_passwords_are_refused(store: str) -> None:
    code, shown = reset_at_terminal(store, [NEW_PASSWORD, NEW_PASSWORD + "x"])
    assert code == 1
    assert "the two passwords differ" in shown
    assert not await has_password(store, NEW_PASSWORD)


def test_an_interrupt_at_the_prompt_ends_it(store: str) -> None:
    assert reset_at_terminal(store, [signal.SIGINT])[0] == 130


def test_no_password_at_all_is_refused(store: str) -> None:
    code, shown = reset_at_terminal(store, ["\x04"])
    assert code == 1
    assert shown.endswith("spikes: no password was given\r\n")


def test_a_weak_password_is_refused_with_the_rule(store: str) -> None:
    done = spikes("user", "reset-password", "ann@example.com", "--password-stdin", "--journal", store, said="weakness")
    assert done.returncode == 1
    assert "the password must have 8 to 128 characters" in done.stderr
    assert "weakness" not in done.stderr


def test_a_password_of_nobody_is_refused(store: str) -> None:
    done = spikes("user", "reset-password", "bob@example.com", "--journal", store)
    assert (done.returncode, done.stderr) == (1, "spikes: no user has the e-mail address bob@example.com\n")


def test_a_file_of_variables_is_read_as_shells_write_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("# comment\n\nA=1\nexport B=\"two words\"\nC='x'\nD=\n")
    assert variables(str(file)) == {"A": "1", "B": "two words", "C": "x", "D": ""}


def test_a_line_that_is_no_variable_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("A=1\nB 2\n")
    with pytest.raises(SettingError, match="line 2 is wrong: it must be NAME=value"):
        variables(str(file))


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("SPIKES_TOKEN_TTL=long\n")
    file = f"--env-file={tmp_path}/file"
    assert spikes("verify", file, SPIKES_DATA_DIR=str(tmp_path)).returncode == 2
    assert spikes("verify", file, SPIKES_DATA_DIR=str(tmp_path), SPIKES_TOKEN_TTL="60").returncode == 3


def damage(url: str, statement: str) -> None:
    """Change the file behind the journal's back; in another process, as rule S4 wants it."""
    code = "import apsw, sys; apsw.Connection(sys.argv[1]).execute(sys.argv[2])"
    path = url.removeprefix("sqlite:///")
    subprocess.run([sys.executable, "-c", code, path, statement], check=True, timeout=TIMEOUT)


async def has_password(url: str, password: str) -> bool:
    status = (await ask_ann(url, GetCredentials())).status
    assert isinstance(status, Success)
    assert isinstance(status.value, Credentials)
    passwords = Passwords()
    try:
        return await passwords.matches(password, status.value.password_hash)
    finally:
        passwords.close()


def reset_at_terminal(url: str, answers: Sequence[str | signal.Signals]) -> tuple[int, str]:
    return at_terminal("user", "reset-password", "ann@example.com", "--journal", url, answers=answers)


def at_terminal(*arguments: str, answers: Sequence[str | signal.Signals] = ()) -> tuple[int, str]:
    """Run a command at a terminal, typing an answer, or a key that makes a signal, at each prompt.

    Returns the exit code and what was shown.
    """
    ours, its = pty.openpty()
    command = [sys.executable, *SPIKES, *arguments]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment(), start_new_session=True)
    os.close(its)
    shown = ""
    try:
        for answer in answers:
            shown += read_until(ours, ": ")
            if isinstance(answer, signal.Signals):
                process.send_signal(answer)
            else:
                os.write(ours, f"{answer}\n".encode())
        shown += read_until(ours, None)
        return process.wait(TIMEOUT), shown
    finally:
        process.kill()
        process.wait(TIMEOUT)
        os.close(ours)


def read_until(descriptor: int, prompt: str | None) -> str:
    """Read what is shown until a prompt, or until the end of the process."""
    shown = ""
    while prompt is None or not shown.endswith(prompt):
        assert select.select([descriptor], [], [], TIMEOUT)[0], f"nothing more is shown after {shown!r}"
        try:
            got = os.read(descriptor, 1024)
        except OSError:  # so says Linux that nobody has the other end any more
            break
        if not got:
            break
        shown += got.decode()
    return shown
