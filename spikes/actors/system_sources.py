"""Actor code loaded at run time: held here, imported by Thespian's own loader once the source authority agreed."""

import hashlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

from thespian.actors import ActorAddress, LoadedSource, UnloadedSource, ValidatedSource, ValidateSource
from thespian.system.sourceLoader import SourceHashFinder

logger = logging.getLogger(__name__)

Send = Callable[[ActorAddress, object], None]


class Sources:
    """Loaded sources by hash, the actor that decides on them, and the actors that want to know."""

    __slots__ = ("_listeners", "_send", "authority", "loaded")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._listeners: dict[str, ActorAddress] = {}
        self.loaded: dict[str, bytes] = {}
        """Zip files by hash; only what the authority has let through."""
        self.authority: ActorAddress | None = None
        """The actor that validates; without one nothing is ever loaded."""

    @property
    def listeners(self) -> list[ActorAddress]:
        """Who is told of loaded and unloaded sources."""
        return list(self._listeners.values())

    def submit(self, source: str | Path | IO[bytes]) -> str:
        """Have a file or open file validated; gives its hash at once. Raises what reading it raises."""
        data = read(source)
        source_hash = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if self.authority is not None:
            self._send(self.authority, ValidateSource(source_hash, data))
        return source_hash

    def validated(self, verdict: ValidatedSource) -> None:
        """Load what the authority let through; an answer without a zip file is its refusal."""
        if verdict.sourceZip is None:
            logger.warning("source %s was refused by the source authority", verdict.sourceHash)
        elif readable(verdict.sourceHash, verdict.sourceZip):
            self.loaded[verdict.sourceHash] = verdict.sourceZip
            self._tell(LoadedSource(verdict.sourceHash, ""))

    def unload(self, source_hash: str) -> None:
        """Forget a source and the modules imported from it; actors made of it live on."""
        if self.loaded.pop(source_hash, None) is not None:
            self._tell(UnloadedSource(source_hash, ""))
        forget_modules(source_hash)

    def unload_all(self) -> None:
        """Forget every source."""
        for source_hash in list(self.loaded):
            self.unload(source_hash)

    def notify(self, address: ActorAddress, enable: bool) -> None:
        """Tell `address` of every source, beginning with those loaded already, or no longer."""
        self._listeners.pop(address.actorAddressString, None)
        if enable:
            self._listeners[address.actorAddressString] = address
            for source_hash in self.loaded:
                self._send(address, LoadedSource(source_hash, ""))

    def forget(self, address: ActorAddress) -> None:
        """An actor ended: it neither listens nor decides any more."""
        self._listeners.pop(address.actorAddressString, None)
        if self.authority is not None and self.authority.actorAddressString == address.actorAddressString:
            self.authority = None

    def _tell(self, message: object) -> None:
        for listener in self.listeners:
            self._send(listener, message)


def read(source: str | Path | IO[bytes]) -> bytes:
    """The bytes of a file named or open; an open one is closed, as Thespian does."""
    if isinstance(source, (str, Path)):
        return Path(source).read_bytes()
    with source:
        return source.read()


def readable(source_hash: str, zip_file: bytes) -> bool:
    """Whether Thespian's loader can read it; logs why not."""
    try:
        names = SourceHashFinder(source_hash, lambda data: data, zip_file).getZipNames()
    except (BadZipFile, OSError, ValueError, TypeError) as error:
        logger.error("source %s was validated but is corrupt: %s", source_hash, error)  # noqa: TRY400 - no bug of ours
        return False
    logger.info("source %s is loaded, modules: %s", source_hash, ", ".join(names[:10]))
    return True


def forget_modules(source_hash: str) -> None:
    """Take the source's finder and modules out of the interpreter."""
    finders: list[Any] = [finder for finder in sys.meta_path if getattr(finder, "srcHash", None) == source_hash]
    for finder in finders:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.startswith(finder.hashRoot())]:
            del sys.modules[name]
