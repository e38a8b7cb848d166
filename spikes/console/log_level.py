"""More or fewer log lines for a while, after which it is as it was."""

from __future__ import annotations

import asyncio
import time

import structlog

from spikes import log

LONGEST = 3600
"""For how many seconds another level may last."""

logger = structlog.get_logger("spikes.console")


class LogLevel:
    """The level of this process: `usual` by the settings, another one until `until` (seconds since the epoch)."""

    def __init__(self, usual: str) -> None:
        self.usual = usual
        self.until: float | None = None
        self._back: asyncio.TimerHandle | None = None

    @property
    def now(self) -> str:
        """The level at the moment."""
        return log.threshold.name

    def set_for(self, name: str, seconds: float) -> None:
        """Set the level for so many seconds; another call takes the place of the one before."""
        if self._back is not None:
            self._back.cancel()
        self.until = time.time() + seconds
        self._back = asyncio.get_running_loop().call_later(seconds, self.revert)
        log.threshold.set(name)
        logger.warning("log_level_changed", to=name, seconds=seconds)

    def revert(self) -> None:
        """Go back to the usual level now."""
        if self._back is not None:
            self._back.cancel()
        self._back = self.until = None
        log.threshold.set(self.usual)
        logger.warning("log_level_reverted", to=self.usual)
