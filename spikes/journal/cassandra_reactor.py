"""The driver's connections on an event loop of ours, rather than on the driver's own thread.

The driver's reactors (libev, asyncio) run on a thread, so for each answer that thread has to get the interpreter's lock
from the loop that works on requests, up to 5 ms each time (`sys.getswitchinterval`), and then to wake that loop. Here
the same loop reads the socket and goes on with whatever waited for the answer. docs/performance.md has figures.

Connecting, preparing and changes of the schema block, and the driver does them on threads of its own. So everything
here may be called from any thread, and what watches the socket is done on the loop.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from cassandra.connection import Connection, ConnectionShutdown

AT_ONCE = 64 * 1024
"""Bytes that are read, or joined and written, in one call of the system."""

_AGAIN = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def on_loop(loop: asyncio.AbstractEventLoop) -> type[LoopConnection]:
    """Return the class of connections of this loop, which the calling thread runs, or will run."""
    return type("LoopConnection", (LoopConnection,), {"loop": loop, "thread": threading.get_ident()})


class Timer:
    """What the driver cancels when an answer has come in time. Then it holds nothing: what it calls holds the timer."""

    __slots__ = ("_call", "_connections", "_handle")

    def __init__(self, connections: type[LoopConnection], seconds: float, call: Callable[[], Any]) -> None:
        self._connections = connections
        self._call: Callable[[], Any] | None = call
        self._handle: asyncio.TimerHandle | None = None
        connections.soon(self._start, seconds)

    def _start(self, seconds: float) -> None:
        if self._call is not None:
            self._handle = self._connections.loop.call_later(seconds, self._over)

    def _over(self) -> None:
        call, self._call, self._handle = self._call, None, None
        if call is not None:
            call()

    def cancel(self) -> None:
        """Let it not happen, if it has not."""
        handle, self._call, self._handle = self._handle, None, None
        if handle is not None:
            self._connections.soon(handle.cancel)


class LoopConnection(Connection):  # type: ignore[misc] # the driver has no types
    """One connection to a node. See `Connection` of the driver for what a reactor has to do."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    thread: ClassVar[int]
    in_buffer_size = AT_ONCE
    is_closed: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Connect, which blocks: the driver calls this on a thread of its own."""
        super().__init__(*arguments, **options)
        self._out = bytearray()
        self._flushing = False
        self._full = False
        self._connect_socket()
        self._socket.setblocking(False)
        self._file = self._socket.fileno()
        self.soon(self._begin)
        self._send_options_message()

    @classmethod
    def soon(cls, call: Callable[..., object], *arguments: Any) -> None:
        """Call on the loop: at once if this is its thread, else soon. A loop that has ended has no use for it."""
        if threading.get_ident() == cls.thread:
            call(*arguments)
            return
        with suppress(RuntimeError):
            cls.loop.call_soon_threadsafe(call, *arguments)

    @classmethod
    def create_timer(cls, timeout: float, callback: Callable[[], Any]) -> Timer:
        """Call back after so many seconds, unless it is cancelled."""
        return Timer(cls, timeout, callback)

    def push(self, data: bytes) -> None:
        """Send; what is pushed in one turn of the loop goes out together."""
        self.soon(self._push, data)

    def close(self) -> None:
        """Close the socket, and fail whatever still waits for an answer."""
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
        if self.loop.is_closed():
            self._socket.close()
        else:
            self.soon(self._end)
        if not self.is_defunct:  # else the driver does it
            self.error_all_requests(ConnectionShutdown(f"the connection to {self.endpoint} was closed"))
            self.connected_event.set()

    # --------------------------------------------------------------------------------------------------- on the loop

    def _begin(self) -> None:
        if not self.is_closed:
            self.loop.add_reader(self._file, self._readable)

    def _end(self) -> None:
        self.loop.remove_reader(self._file)
        self.loop.remove_writer(self._file)
        self._socket.close()

    def _push(self, data: bytes) -> None:
        self._out += data
        if not self._flushing and not self._full:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        try:
            while self._out and not self.is_closed:
                sent = self._socket.send(memoryview(self._out)[:AT_ONCE].tobytes())
                del self._out[:sent]
        except _AGAIN:
            pass
        except OSError as problem:
            self.defunct(problem)
            return
        self._wait_for_room(bool(self._out) and not self.is_closed)

    def _wait_for_room(self, full: bool) -> None:
        if full and not self._full:
            self.loop.add_writer(self._file, self._flush)
        elif self._full and not full and not self.is_closed:
            self.loop.remove_writer(self._file)
        self._full = full

    def _readable(self) -> None:
        """Read a piece and hand it on; where nothing more will come, the node has closed the connection.

        One piece at a turn: for each answer the driver copies all that was read and not yet handed on.
        """
        if self.is_closed:
            return
        try:
            data = self._socket.recv(AT_ONCE)
            self._iobuf.write(data)
            while self._pending():
                self._iobuf.write(self._socket.recv(AT_ONCE))
        except _AGAIN:
            return
        except OSError as problem:
            self.defunct(problem)
            return
        self.process_io_buffer()
        if not data:
            self.close()

    def _pending(self) -> int:
        """TLS may have decrypted more than was asked for, and the file does not tell."""
        return self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
