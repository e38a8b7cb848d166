"""Knowing whether other processes write to the same file, so as to leave them their turn (rule S6)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

_LOOK_EVERY = 0.1
"""Seconds between two looks for other processes."""

_PAUSE = 0.0007
"""Seconds without a transaction after a commit: a little longer than a waiting process sleeps at most."""


class Neighbours:
    """Every process holds a shared lock on a file beside the journal; who could get it alone has no neighbours.

    The lock goes with its process, however that ends. Only fairness depends on it, so a file that can't be made
    or locked just means that no turn is left.
    """

    def __init__(self, path: str) -> None:
        self._looked = 0.0
        self._alone = True
        self._handle = -1
        with contextlib.suppress(OSError):
            self._handle = os.open(f"{path}-processes", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def give_way(self) -> None:
        """Pause for a moment if another process may be waiting for its turn."""
        now = time.monotonic()
        if now - self._looked > _LOOK_EVERY:
            self._looked = now
            self._alone = self._look()
        if not self._alone:
            time.sleep(_PAUSE)

    def _look(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(self._handle, fcntl.LOCK_SH)
        except BlockingIOError:
            # Changing a lock gives up the old one first, so it has to be taken again.
            with contextlib.suppress(OSError):
                fcntl.flock(self._handle, fcntl.LOCK_SH)
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Let go of the lock. Safe to call twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
