"""Real processes of the command line in tests: started, listened to by their log lines, asked over HTTP, and ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

TIMEOUT = 60.0
"""Seconds that a test waits for a line, an answer or an end; each takes a few at most where nobody else is busy."""

TINY = ("-m", "tests.tiny_service")
SPIKES = ("-m", "spikes")


def environment(**more: str) -> dict[str, str]:
    """Return the environment for a process: this one's without its settings, and no management listener."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SPIKES_")}
    return {**inherited, "SPIKES_ADMIN_PORT": "-1", **more}


class Running:
    """A process, in a session of its own, whose log lines are read as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.noise: list[str] = []
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def line(self, event: str, number: int = 1) -> dict[str, Any]:
        """Wait for the `number`-th log line of an event."""
        try:
            async with asyncio.timeout(TIMEOUT), self._more:
                await self._more.wait_for(lambda: len(self.all(event)) >= number)
        except TimeoutError:
            raise AssertionError(f"no line {event!r} ({number}) in {self.lines} {self.noise}") from None
        return self.all(event)[number - 1]

    def all(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of an event so far."""
        return [line for line in self.lines if line["event"] == event]

    async def workers(self, number: int) -> list[int]:
        """Wait until so many processes were ready in all; return their ids."""
        await self.line("ready", number)
        return [line["pid"] for line in self.all("ready")]

    @property
    def port(self) -> int:
        return int(self.lines[0]["address"].rpartition(":")[2])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def exit_code(self, timeout: float = TIMEOUT) -> int:
        async with asyncio.timeout(timeout):
            return await self.process.wait()

    async def silence(self) -> None:
        """Wait until every process that could write a log line has ended."""
        async with asyncio.timeout(TIMEOUT):
            await asyncio.shield(self._reading)

    def stop_reading(self) -> None:
        """Close the pipe that log lines come by."""
        transport = self.process._transport.get_pipe_transport(2)  # type: ignore[attr-defined]
        transport.close()

    async def _read(self) -> None:
        assert self.process.stderr
        async for raw in self.process.stderr:
            async with self._more:
                try:
                    self.lines.append(json.loads(raw))
                except ValueError:
                    self.noise.append(raw.decode())
                self._more.notify_all()


@asynccontextmanager
async def running(*arguments: str, module: Sequence[str] = TINY, **environ: str) -> AsyncIterator[Running]:
    """Start a process; whatever it has started is ended with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *module,
        *arguments,
        env=environment(**environ),
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    it = Running(process)
    try:
        yield it
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await it.exit_code()
        await it.silence()


@asynccontextmanager
async def serving(folder: Path, *arguments: str) -> AsyncIterator[Running]:
    """Start the tiny service on a free port; `folder` is its data directory, with the file that says what it does."""
    told = folder / "told"
    if not told.exists():
        told.write_text("ok")
    environ = {"TINY": str(told), "SPIKES_DATA_DIR": str(folder)}
    async with running("serve", "--port", "0", *arguments, **environ) as it:
        yield it


class Reply:
    """The answer to one request."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"


class Connection:
    """One connection that is kept alive and hides nothing: a request that fails is not tried again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> None:
        sent = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items())
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        await self._writer.drain()

    async def reply(self) -> Reply:
        async with asyncio.timeout(TIMEOUT):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await self._reader.readexactly(int(headers["content-length"]))
        return Reply(int(head[0].split()[1]), headers, body)

    async def get(self, path: str, method: str = "GET") -> Reply:
        await self.send(path, method)
        return await self.reply()

    async def ended(self) -> bool:
        """Wait until the other side closes; True if it did so in order and without another word."""
        async with asyncio.timeout(TIMEOUT):
            return await self._reader.read(1) == b""


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    """Open a connection and close it in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


async def get(port: int, path: str = "/", method: str = "GET") -> Reply:
    """Make one request on a connection of its own."""
    async with connect(port) as connection:
        return await connection.get(path, method)


async def appears(file: Path) -> None:
    """Wait until a file is there, which a process makes to tell that it has come so far."""
    loop = asyncio.get_running_loop()
    end = loop.time() + TIMEOUT
    while not file.exists():
        assert loop.time() < end, f"{file} does not appear"
        await asyncio.sleep(0.005)  # no signal comes from another process; the wait is bounded
