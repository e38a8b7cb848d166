"""Listening sockets: opened once, before anything else; a port that is taken says by whom."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

BACKLOG = 1024
"""Connections that may wait to be accepted; the kernel cuts it at net.core.somaxconn."""

LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""


class CannotListen(Exception):
    """The address can't be listened on; the message says why, by whom a port is taken, and what would be right."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of `host`, all on one port (0: any free one).

    Raises CannotListen.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            sockets.append(_listening(family, (address, port)))
            port = sockets[0].getsockname()[1]
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def inherited(descriptors: list[int]) -> list[socket.socket]:
    """Return the listening sockets that the supervisor has opened."""
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def url(listening: socket.socket) -> str:
    """Return where a browser on this machine finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if listening.family == socket.AF_INET6 else f"http://{host}:{port}"


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as problem:
        raise CannotListen(f"{host!r} is no address of this machine: {problem.strerror}") from None
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _listening(family: int, address: tuple[str, int]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError as problem:
        opened.close()
        raise CannotListen(_why(problem, *address)) from None
    return opened


def _why(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"{host}:{port} is in use by {holder(port)}; stop that, or choose another port by --port or SPIKES_PORT"
    if problem.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; choose another by --host or SPIKES_HOST"
    return f"{host}:{port} can't be listened on: {problem.strerror}"


def holder(port: int) -> str:
    """Return who listens on a TCP port, as `name (pid 123)`, as far as this process may see it."""
    found = {pid for inode in _listening_inodes(port) for pid in _owners(inode)}
    first = sorted(pid for pid in found if _parent(pid) not in found)  # who gave the socket to the others
    if not first:
        return "another process, which can't be seen from here"
    return " and ".join(f"{_name(pid)} (pid {pid})" for pid in first)


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            if columns[3] == LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]


def _owners(inode: str) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if any(_link(descriptor) == f"socket:[{inode}]" for descriptor in (process / "fd").iterdir()):
                yield int(process.name)


def _link(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process"
