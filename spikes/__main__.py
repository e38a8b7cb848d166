"""The entry of the command line, `python -m spikes` and `spikes` alike: which command, with which settings."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikes import __version__, log
from spikes.cli.arguments import parser
from spikes.cli.environment import settings_of
from spikes.ending import Control
from spikes.exits import Exit
from spikes.journal.errors import JournalError
from spikes.listening import CannotListen
from spikes.settings import SettingError, Settings

if TYPE_CHECKING:
    from spikes.serving import Assemble

INTERRUPTED = 130
"""The exit code that a shell gives to what Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None, assemble: Assemble | None = None) -> int:
    """Run one command and return its exit code; `assemble` is another service to serve than the one of `bootstrap`."""
    given = parser().parse_args(arguments)
    if given.command == "version":
        print(f"spikes {__version__}")
        return Exit.OK
    try:
        settings = settings_of(given)
        log.set_up(settings)
        return _run(given, settings, assemble)
    except SettingError as problem:
        return _failed(given, problem, Exit.USAGE)
    except CannotListen as problem:
        return _failed(given, problem, Exit.ADDRESS)
    except JournalError as problem:
        return _failed(given, problem, Exit.JOURNAL)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK


def _run(given: argparse.Namespace, settings: Settings, assemble: Assemble | None) -> int:
    match given.command:  # each imports only what it needs: a supervisor stays small, and help comes at once
        case "serve":
            from spikes.cli.serve import serve

            return serve(settings, given, assemble)
        case "migrate":
            from spikes.cli.store import migrate

            return asyncio.run(migrate(settings))
        case "verify":
            from spikes.cli.store import verify

            return asyncio.run(verify(settings))
        case "rebuild":
            from spikes.cli.store import rebuild_rows

            return asyncio.run(rebuild_rows(settings))
        case "events":
            from spikes.cli.store import events

            return asyncio.run(events(settings, given.persistence_id))
        case "backup":
            from spikes.cli.backup import backup

            return backup(settings, given.target)
        case "export":
            from spikes.cli.moving import export

            return asyncio.run(export(settings, given.file))
        case "import":
            from spikes.cli.moving import import_

            return asyncio.run(import_(settings, given.file))
        case "copy":
            from spikes.cli.moving import copy

            return asyncio.run(copy(settings, given.source, given.target))
        case _:
            from spikes.cli.user import reset_password

            return reset_password(settings, given.email, from_input=given.password_stdin)


def _failed(given: argparse.Namespace, problem: Exception, code: Exit) -> int:
    """Say what the problem is: a worker to its supervisor, any other to who looks."""
    if inherit := getattr(given, "inherit", None):
        Control(inherit.control).failed(str(problem))
    else:
        print(f"spikes: {problem}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
