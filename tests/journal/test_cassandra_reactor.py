"""The driver's connections on our loop, to a server that speaks just enough of the protocol to be connected to."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cassandra.connection import Connection

from spikes.journal.cassandra_reactor import AT_ONCE, LoopConnection, on_loop

OPTIONS, SUPPORTED, READY = 0x05, 0x06, 0x02
HEADER = struct.Struct(">BBhBi")
ANSWER = 1000
"""Bytes of each answer in a backlog."""


def frame(stream: int, opcode: int, body: bytes) -> bytes:
    return HEADER.pack(0x84, 0, stream, opcode, len(body)) + body


def supported() -> bytes:
    """Say that only CQL 3 is spoken, and that nothing is compressed."""
    version = b"\0\1" + b"\0\x053.4.7"
    return b"\0\2" + b"\0\x0bCQL_VERSION" + version + b"\0\x0bCOMPRESSION" + b"\0\0"


class Node:
    """Greets one client, then sends what it is told to."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._greet)
        self._thread.start()

    def _greet(self) -> None:
        self._client, _ = self._listening.accept()
        for _ in range(2):
            _, _, stream, opcode, length = HEADER.unpack(self._client.recv(HEADER.size, socket.MSG_WAITALL))
            if length:
                self._client.recv(length, socket.MSG_WAITALL)
            answer = frame(stream, SUPPORTED, supported()) if opcode == OPTIONS else frame(stream, READY, b"")
            self._client.sendall(answer)

    def send(self, data: bytes) -> threading.Thread:
        """Send on a thread of its own: more than the sockets hold waits for its reader."""
        assert self._client is not None
        sending = threading.Thread(target=self._client.sendall, args=(data,))
        sending.start()
        return sending

    def close(self) -> None:
        """End the conversation."""
        self._thread.join()
        for each in (self._client, self._listening):
            if each is not None:
                each.close()


@contextmanager
def node() -> Iterator[Node]:
    there = Node()
    try:
        yield there
    finally:
        there.close()


async def connected(to: Node) -> LoopConnection:
    kind = on_loop(asyncio.get_running_loop())
    made = await asyncio.to_thread(kind.factory, "127.0.0.1", 10, port=to.port, protocol_version=4)
    assert isinstance(made, LoopConnection)
    return made


async def test_a_backlog_is_worked_on_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the driver copies for each answer is what was read at once: all that waits would hold up the loop."""
    sizes, seen, all_came = [], [0], asyncio.Event()
    count = 4 * 1024 * 1024 // ANSWER

    def process(self: Connection) -> None:
        sizes.append(self._iobuf.tell())
        Connection.process_io_buffer(self)

    def message(self: Connection, header: object, body: bytes) -> None:
        seen[0] += 1
        if seen[0] == count:
            all_came.set()

    with node() as there:
        connection = await connected(there)
        monkeypatch.setattr(LoopConnection, "process_io_buffer", process)
        monkeypatch.setattr(LoopConnection, "process_msg", message)
        sending = there.send(frame(200, READY, b"x" * (ANSWER - HEADER.size)) * count)
        time.sleep(0.1)  # noqa: ASYNC251 - the loop is held up, so that much waits when it looks
        await asyncio.wait_for(all_came.wait(), 20)
        sending.join()
        connection.close()
    assert max(sizes) <= AT_ONCE + ANSWER


async def test_a_node_that_hangs_up_fails_what_waits() -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    with node() as there:
        connection = await connected(there)
        connection._requests[7] = (lambda error: loop.call_soon_threadsafe(over.set), None, None)
    await asyncio.wait_for(over.wait(), 10)
    assert connection.is_closed


async def test_more_than_the_socket_takes_is_sent_in_the_end() -> None:
    with node() as there:
        connection = await connected(there)
        data = bytes(range(256)) * 64 * 1024  # 16 MiB
        received = bytearray()

        def read() -> None:
            assert there._client is not None
            while len(received) < len(data):
                received.extend(there._client.recv(1024 * 1024))

        reading = asyncio.create_task(asyncio.to_thread(read))
        connection.push(data)
        await asyncio.wait_for(reading, 20)
        connection.close()
    assert received == data
