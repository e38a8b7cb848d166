"""What the command line accepts, and its help."""

from __future__ import annotations

import argparse

from spikes import __version__
from spikes.exits import Exit
from spikes.listening import Inheritance

DESCRIPTION = "Spikes: an event-sourced note backend."
ENVIRONMENT = """\
Settings come from the environment (SPIKES_HOST, SPIKES_PORT, SPIKES_JOURNAL, SPIKES_DATA_DIR, ...; README has the
table). A flag goes before the environment, the environment before --env-file.
"""
SERVE = """\
Serve the API until SIGTERM or SIGINT; then requests in flight finish, and the process ends within 10 seconds.

With --workers a supervisor opens the port and keeps N serving processes at work: one that dies is started again, and
on SIGHUP they are replaced one after another by new ones, with new code and new settings (--env-file and the files of
secrets are read anew; the address stays), without a failed request. Without it this process serves by itself.
"""
MIGRATE = """\
Make what the journal needs where it is kept, or bring it up to this release: the file, or on Cassandra the keyspace
and its tables. Nothing that is there is lost; run again, it changes nothing. Several may run at once.
"""
VERIFY = """\
Look for damage: of the file, in the streams of events, in the rows made of them. Prints one finding a line; exit code 1
if there is any. A service may run meanwhile.
"""
REBUILD = """\
Make the rows that lists and searches read anew from the events, and say how many differed: none on a healthy store.
A service may run meanwhile.
"""
EVENTS = """\
Print the events of one entity, oldest first, one JSON object a line: sequence_nr, type, time, who, metadata, payload.
"""
BACKUP = """\
Copy the file of events, as it is at this moment, to a new file, and look that for damage. A service may run meanwhile;
what it stores after the start is not in it. A file that is there already is never overwritten. To restore: stop the
service, put the copy where the file was, without any -wal or -shm file beside it, and start.
"""
EXPORT = """\
Write every event, with all that is known of it, as one JSON object a line, in the order in which they happened. A
service may run meanwhile; what it stores after the start is not in it.
"""
IMPORT = """\
Store what `spikes export` wrote, in a journal that is empty, with rows and claims made anew. One that was interrupted
goes on when it is run again; a journal with any other event is left as it is (exit code 1). No service may run
meanwhile.
"""
COPY = """\
Store all events of one journal in another one that is empty, with rows and claims made anew: the way from one file to
Cassandra, and back. No service may run on the new journal meanwhile. One may run on the old one: stop it when the copy
is done and copy once more, which brings what it has stored since. A copy that was interrupted goes on when it is run
again; a journal with any other event is left as it is (exit code 1). Then run `spikes verify` on the new one.
"""
RESET = """\
Give a user a new password, asked for twice on the terminal, and end all sessions of that user.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser; what it returns has `command`, the name of what to do, and that command's arguments."""
    codes = "\n".join(f"  {code.value}  {code.meaning}" for code in Exit)
    top = _described(argparse.ArgumentParser("spikes", epilog=f"{ENVIRONMENT}\nexit codes:\n{codes}"), DESCRIPTION)
    top.add_argument("--version", action="version", version=f"spikes {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    _serve(_described(commands.add_parser("serve", help="serve the API", epilog=ENVIRONMENT), SERVE))
    _store(_described(commands.add_parser("migrate", help="make or update what the journal needs"), MIGRATE))
    _store(_described(commands.add_parser("verify", help="look for damage in the journal"), VERIFY))
    _store(_described(commands.add_parser("rebuild", help="make all rows anew from the events"), REBUILD))
    _events(_described(commands.add_parser("events", help="print the events of one entity"), EVENTS))
    _backup(_described(commands.add_parser("backup", help="copy the file of events while it is in use"), BACKUP))
    _moving(_described(commands.add_parser("export", help="write all events as JSON lines"), EXPORT), "write to")
    _moving(_described(commands.add_parser("import", help="store all events of an export"), IMPORT), "read")
    _copy(_described(commands.add_parser("copy", help="store all events of one journal in another"), COPY))
    _user(commands.add_parser("user", help="manage one user"))
    _described(commands.add_parser("version", help="print the version"), "Print the version.")
    return top


def _described(command: argparse.ArgumentParser, text: str) -> argparse.ArgumentParser:
    command.description = text
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.allow_abbrev = False
    return command


def _serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", metavar="ADDRESS", help="address to listen on (SPIKES_HOST; 127.0.0.1)")
    command.add_argument("--port", metavar="PORT", help="port to listen on, 0 for any free one (SPIKES_PORT; 8080)")
    _store(command)
    command.add_argument("--workers", metavar="N", type=_workers, help="number of serving processes, 1 to 256")
    command.add_argument("--inherit", type=Inheritance.parse, help=argparse.SUPPRESS)


def _store(command: argparse.ArgumentParser) -> None:
    command.add_argument("--journal", metavar="URL", help="where the events are (SPIKES_JOURNAL; in SPIKES_DATA_DIR)")
    _environment(command)


def _environment(command: argparse.ArgumentParser) -> None:
    command.add_argument("--env-file", metavar="FILE", help="a file of NAME=value lines with settings")


def _events(command: argparse.ArgumentParser) -> None:
    command.add_argument("persistence_id", metavar="PERSISTENCE_ID", help="kind and id, like 'note|0N2ZBXJ5C4V7K'")
    _store(command)


def _backup(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", metavar="FILE", help="the new file")
    _store(command)


def _moving(command: argparse.ArgumentParser, does: str) -> None:
    command.add_argument("file", metavar="FILE", nargs="?", default="-", help=f"the file to {does}; - is the default")
    _store(command)


def _copy(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", metavar="FROM_URL", help="the journal that has the events")
    command.add_argument("target", metavar="TO_URL", help="the journal that gets them")
    _environment(command)


def _user(command: argparse.ArgumentParser) -> None:
    _described(command, "Manage one user.")
    actions = command.add_subparsers(title="commands", metavar="COMMAND", dest="action", required=True)
    reset = _described(actions.add_parser("reset-password", help="give a user a new password"), RESET)
    reset.add_argument("email", metavar="EMAIL", help="the user's e-mail address")
    reset.add_argument("--password-stdin", action="store_true", help="read it from standard input, one line")
    _store(reset)


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError(f"{text!r} is wrong: it must be a whole number from 1 to 256")
    return int(text)
