"""What the service as a whole is doing; written by whoever starts and stops it, read by the health routes."""

from __future__ import annotations

from collections.abc import Callable


class ServiceState:
    """`recovered`: the journal is open. `draining`: the service is about to stop and wants no new requests."""

    def __init__(self, recovered: bool = False, version: str = "unknown", built: str | None = None) -> None:
        self.recovered = recovered
        self.version = version
        self.built = built
        self._draining = False
        self._when_draining: list[Callable[[], None]] = []

    @property
    def draining(self) -> bool:
        """Whether the service is about to stop; whoever wants to know is told when that becomes true."""
        return self._draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        began = draining and not self._draining
        self._draining = draining
        for tell in self._when_draining if began else ():
            tell()

    def when_draining(self, tell: Callable[[], None]) -> None:
        """Call once the service is about to stop: what lasts long has to end itself then."""
        self._when_draining.append(tell)
