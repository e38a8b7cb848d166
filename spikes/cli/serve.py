"""`spikes serve`: in this process, as a supervisor of several, or as one of those."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import TYPE_CHECKING

import structlog

from spikes import __version__
from spikes.listening import MANAGEMENT, Inheritance, Sockets, listen, url
from spikes.settings import Settings

if TYPE_CHECKING:  # a supervisor does without the web server and everything behind it
    from spikes.serving import Assemble

log = structlog.get_logger()


def serve(settings: Settings, arguments: argparse.Namespace, assemble: Assemble | None) -> int:
    """Serve until a signal comes; return the exit code. Raises CannotListen, JournalUnusable."""
    if arguments.inherit:
        return _work(settings, assemble, arguments.inherit.sockets(), arguments.inherit)
    sockets = Sockets(listen(settings.host, settings.port), listen_for_management(settings))
    announce(settings, sockets, arguments.workers)
    if arguments.workers:
        from spikes import supervisor

        return supervisor.run(same_command(), sockets, arguments.workers)
    return _work(settings, assemble, sockets)


def listen_for_management(settings: Settings) -> list[socket.socket]:
    """Return the sockets of the management listener, none if it is off. Raises CannotListen."""
    if settings.admin_port < 0:
        return []
    return listen(settings.admin_host, settings.admin_port, MANAGEMENT)


def announce(settings: Settings, sockets: Sockets, workers: int | None) -> None:
    """Write the first log line: where the data is, and where the service is to be found."""
    log.info(
        "starting",
        version=__version__,
        address=" ".join(map(url, sockets.public)),
        admin_address=" ".join(map(url, sockets.management)) or "off",
        data_directory=os.path.abspath(settings.data_dir),
        journal=settings.journal_shown,
        workers=workers,
        pid=os.getpid(),
    )


def same_command() -> list[str]:
    """Return the command line that this process was started by, so that new code is found where this was found."""
    return [sys.executable, *sys.orig_argv[1:]]


def _work(
    settings: Settings, assemble: Assemble | None, sockets: Sockets, inheritance: Inheritance | None = None
) -> int:
    from spikes import serving
    from spikes.ending import Control

    assemble = assemble or _whole()
    if inheritance is None:
        return serving.run(settings, assemble, sockets)
    return serving.run(settings, assemble, sockets, Control(inheritance.control), inheritance.peers)


def _whole() -> Assemble:
    from spikes import bootstrap

    return bootstrap.assemble
