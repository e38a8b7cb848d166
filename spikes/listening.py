"""Listening sockets: opened once, before anything else; a port that is taken says by whom."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

BACKLOG = 1024
"""Connections that may wait to be accepted; the kernel cuts it at net.core.somaxconn."""

LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""


PUBLIC = ("--host or SPIKES_HOST", "--port or SPIKES_PORT")
MANAGEMENT = ("SPIKES_ADMIN_HOST", "SPIKES_ADMIN_PORT")
"""How an operator chooses address and port of the API, and of the console."""


class CannotListen(Exception):
    """The address can't be listened on; the message says why, by whom a port is taken, and what would be right."""


class Sockets(msgspec.Struct, frozen=True):
    """What a process listens on: for the API, and for the management listener (nothing if that is off)."""

    public: list[socket.socket]
    management: list[socket.socket] = []

    def close(self) -> None:
        """Close all of them."""
        for listening in (*self.public, *self.management):
            listening.close()


class Inheritance(msgspec.Struct, frozen=True):
    """What a worker gets from its supervisor: descriptors, and the directory where the workers find each other."""

    control: int
    public: list[int]
    management: list[int] = []
    peers: str | None = None

    @classmethod
    def parse(cls, text: str) -> Inheritance:
        """Return what `str` made a text of, to be given on a command line."""
        return msgspec.json.decode(text, type=cls)

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()

    @property
    def descriptors(self) -> list[int]:
        """All that has to be handed on."""
        return [self.control, *self.public, *self.management]

    def sockets(self) -> Sockets:
        """Return the listening sockets."""
        return Sockets(*([socket.socket(fileno=each) for each in part] for part in (self.public, self.management)))


def listen(host: str, port: int, chosen_by: tuple[str, str] = PUBLIC) -> list[socket.socket]:
    """Return a listening socket for each address of `host`, all on one port (0: any free one).

    Raises CannotListen, which says what `chosen_by` names.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            sockets.append(_listening(family, (address, port), chosen_by))
            port = sockets[0].getsockname()[1]
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    return sockets


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


def _listening(family: int, address: tuple[str, int], chosen_by: tuple[str, str]) -> socket.socket:
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
        raise CannotListen(_why(problem, *address, *chosen_by)) from None
    return opened


def _why(problem: OSError, host: str, port: int, host_by: str, port_by: str) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"{host}:{port} is in use by {holder(port)}; stop that, or choose another port by {port_by}"
    if problem.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; choose another by {host_by}"
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
