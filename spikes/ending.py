"""When a serving process ends, and on whose word: signals, and a worker's line to its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from spikes.exits import Exit

LIMIT = 9.5
"""Seconds from the signal to the end, at most."""

log = structlog.get_logger()


class Control:
    """A worker's line to its supervisor: tells whether the start succeeded. Its end: the supervisor is gone."""

    def __init__(self, descriptor: int) -> None:
        self._line = socket.socket(fileno=descriptor)
        self._line.setblocking(False)

    def ready(self) -> None:
        """Tell the supervisor that this process serves."""
        self._send("ready")

    def failed(self, reason: str) -> None:
        """Tell the supervisor why this process can't serve."""
        self._send(f"failed {reason}")

    def when_alone(self, call: Callable[[], None]) -> None:
        """Call once the supervisor is gone."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            with suppress(BlockingIOError):
                if not self._receive():
                    loop.remove_reader(self._line)
                    call()

        loop.add_reader(self._line, look)

    def _receive(self) -> bytes:
        try:
            return self._line.recv(1024)
        except ConnectionError:
            return b""

    def _send(self, text: str) -> None:
        try:
            self._line.send(text.replace("\n", " ").encode() + b"\n")
        except OSError:
            log.warning("supervisor gone", said=text)


class Drain:
    """Whether this process is to end, and since when."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._began = 0.0

    def begin(self, reason: str) -> None:
        """Ask for the end; from now on it comes within `LIMIT`. Asking again changes nothing."""
        if not self._asked.is_set():
            log.info("draining", reason=reason)
            self._began = asyncio.get_running_loop().time()
            self._asked.set()
            limit = threading.Timer(LIMIT, _give_up)
            limit.daemon = True
            limit.start()

    async def wait(self) -> None:
        """Return once the end was asked for."""
        await self._asked.wait()

    def until(self, seconds: float) -> float:
        """Return the loop's time so many seconds after the end was asked for."""
        return self._began + seconds


def heed_signals(drain: Drain, *, supervised: bool) -> None:
    """Let signals ask for the end; without a supervisor a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM,) if supervised else (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def heed(number: signal.Signals) -> None:
        if not supervised:
            for each in signals:
                loop.remove_signal_handler(each)
                signal.signal(each, signal.SIG_DFL)
        drain.begin(number.name)

    for number in signals:
        loop.add_signal_handler(number, heed, number)
    if supervised:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the supervisor tells when to end
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _give_up() -> None:
    log.error("out of time")
    os._exit(Exit.UNFINISHED)
