"""A disk that fails on demand, under SQLite itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import apsw

Fault = Callable[[str], None]


class Disk(apsw.VFS):
    """An SQLite file system over the real one. `on_write` and `on_sync` see the file's name before it is done."""

    def __init__(self, name: str = "faulty") -> None:
        self.name = name
        self.on_write: Fault = _works
        self.on_sync: Fault = _works
        super().__init__(name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open a file of this disk."""
        return _File(self, name, flags)

    def repair(self) -> None:
        """Let everything work again."""
        self.on_write = self.on_sync = _works

    def fill_up(self) -> None:
        """Let nothing be written any more."""
        self.on_write = _full

    def die(self) -> None:
        """Let every write and sync fail."""
        self.on_write = self.on_sync = _broken

    def lose_next_sync(self) -> None:
        """Let the next sync of the log fail, although everything has been written."""

        def once(name: str) -> None:
            if name.endswith("-wal"):
                self.on_sync = _works
                _broken(name)

        self.on_sync = once

    def hold_sync(self) -> Held:
        """Let syncs of the log wait."""
        held = Held()
        self.on_sync = held
        return held


class Held:
    """A sync that waits. `reached` is set when it has begun; `release` lets it end."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.release = threading.Event()

    def __call__(self, name: str) -> None:
        if name.endswith("-wal"):
            self.reached.set()
            self.release.wait(10)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        self._disk.on_write(self._name)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.on_sync(self._name)
        super().xSync(flags)


def _works(name: str) -> None:
    return


def _full(name: str) -> None:
    raise apsw.FullError(f"no room for {name}")


def _broken(name: str) -> None:
    raise apsw.IOError(f"{name} is broken")
