"""`spikes serve`: in this process, as a supervisor of several, or as one of those."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import TYPE_CHECKING

import structlog

from spikes import __version__
from spikes.listening import inherited, listen, url
from spikes.settings import Settings

if TYPE_CHECKING:  # a supervisor does without the web server and everything behind it
    from spikes.serving import Assemble

log = structlog.get_logger()


def serve(settings: Settings, arguments: argparse.Namespace, assemble: Assemble | None) -> int:
    """Serve until a signal comes; return the exit code. Raises CannotListen, JournalUnusable."""
    if arguments.inherit:
        control, *descriptors = arguments.inherit
        return _work(settings, assemble, inherited(descriptors), control)
    sockets = listen(settings.host, settings.port)
    announce(settings, sockets, arguments.workers)
    if arguments.workers:
        from spikes import supervisor

        return supervisor.run(same_command(), sockets, arguments.workers)
    return _work(settings, assemble, sockets)


def announce(settings: Settings, sockets: list[socket.socket], workers: int | None) -> None:
    """Write the first log line: where the data is, and where the service is to be found."""
    log.info(
        "starting",
        version=__version__,
        address=" ".join(map(url, sockets)),
        data_directory=os.path.abspath(settings.data_dir),
        journal=settings.journal_shown,
        workers=workers,
        pid=os.getpid(),
    )


def same_command() -> list[str]:
    """Return the command line that this process was started by, so that new code is found where this was found."""
    return [sys.executable, *sys.orig_argv[1:]]


def _work(
    settings: Settings, assemble: Assemble | None, sockets: list[socket.socket], control: int | None = None
) -> int:
    from spikes import serving
    from spikes.ending import Control

    return serving.run(settings, assemble or _whole(), sockets, None if control is None else Control(control))


def _whole() -> Assemble:
    from spikes import bootstrap

    return bootstrap.assemble
