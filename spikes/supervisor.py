"""`serve --workers N`: one process that opens the listening sockets and keeps N serving processes at work.

A worker is a fresh process by exec, never a fork (rule S4), started by the same command line as the supervisor; it
inherits the sockets, those of the management listener too, and one end of a socket pair. On that it reports `ready`,
or `failed` and why; when the other end closes, the supervisor is gone and the worker drains.

All workers accept from one listening socket, rather than from one each by SO_REUSEPORT:

- its queue belongs to whoever is there: a connection that waits when a worker ends is taken by another, where a
  socket's own queue would be reset, or wait for that worker's successor;
- a second service started on the port by mistake is refused; with SO_REUSEPORT it would silently take half of the
  requests;
- load spreads as well: uvloop takes one connection at a turn of the loop, so that busy workers leave the rest to
  others, and `serving.COURTESY` does the same among idle ones.

No request fails when a worker is replaced: the supervisor keeps the sockets open, the new worker is ready before the
old one is told to end, and that one finishes as `serving` says.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL

import structlog

from spikes.ending import LIMIT
from spikes.exits import Exit
from spikes.listening import Inheritance, Sockets

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 30.0
"""Seconds before a worker that ended is started again; doubled each time."""

SETTLED = 30.0
"""Seconds of life after which an end counts as the first one again."""

START = 60.0
"""Seconds that a replacement may take until it is ready."""

INHERIT = "--inherit"
"""The flag by which a worker learns what it inherits."""

log = structlog.get_logger()


def pause_after(failures: int) -> float:
    """Return how many seconds to wait before a worker is started again that has ended so often in a row."""
    doublings = min(failures - 1, 30)  # after a night of failures no float is that large
    return min(FIRST_PAUSE * 2.0**doublings, LONGEST_PAUSE)


class Worker:
    """One serving process, from its start to its end."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.pid = process.pid
        self.ended = loop.create_task(process.wait())
        self.reason = "it ended without saying why"
        self.left = asyncio.Event()
        """Set once it has ended, or another has taken its place."""
        self.age = 0.0
        """Seconds that it has lived, once it has ended."""
        self._began = loop.time()
        self._process = process
        reader, writer = line
        self._report = loop.create_task(self._listen(reader))
        self.ended.add_done_callback(self._note_end)
        self.ended.add_done_callback(lambda _: self._report.add_done_callback(lambda _: writer.close()))

    @classmethod
    async def start(cls, command: list[str], sockets: Sockets, peers: str | None = None) -> Worker:
        """Start a process that inherits `sockets` and meets others in `peers`; raises OSError if there can be none."""
        mine, its = socket.socketpair()
        line = await asyncio.open_connection(sock=mine)
        with its:
            public, management = ([each.fileno() for each in s] for s in (sockets.public, sockets.management))
            passed = Inheritance(its.fileno(), public, management, peers)
            command = [*command, f"{INHERIT}={passed}"]
            try:
                process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, pass_fds=passed.descriptors)
            except BaseException:
                line[1].close()
                raise
        return cls(process, line)

    async def ready(self, within: float | None = None) -> bool:
        """Wait until it serves; False, and `reason`, if it can't, or ended, or took longer than `within` seconds."""
        if not (await asyncio.wait({self._report}, timeout=within))[0]:
            self.reason = f"it was not ready within {within:g} s"
            return False
        return self._report.result()

    def _note_end(self, _: object) -> None:
        self.age = asyncio.get_running_loop().time() - self._began
        self.left.set()

    async def _listen(self, reader: asyncio.StreamReader) -> bool:
        """Read what it says of its start; at the end of the line it has ended without a word."""
        try:
            said = (await reader.readline()).decode(errors="replace").strip()
        except (ConnectionError, ValueError):  # an overlong line is no report
            return False
        if said.startswith("failed "):
            self.reason = said.removeprefix("failed ")
        return said == "ready"

    async def end(self, *, by_itself: bool = False) -> int:
        """Let it drain, or end `by_itself`, and kill it when its time is over; return its exit code."""
        if not self.ended.done() and not by_itself:
            self._process.terminate()
        if not (await asyncio.wait({self.ended}, timeout=LIMIT))[0]:
            log.error("worker killed", worker=self.pid, reason="it did not end in time")
            self.kill()
        return await self.ended

    def kill(self) -> None:
        """End it now."""
        if not self.ended.done():
            self._process.kill()


class Slot:
    """The place of one worker; `changing` is held while it gets another."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.changing = asyncio.Lock()


class Supervisor:
    """Keeps `count` workers at work until a signal comes."""

    def __init__(self, command: list[str], sockets: Sockets, count: int, peers: str | None = None) -> None:
        self._command = command
        self._sockets = sockets
        self._peers = peers
        self._count = count
        self._workers: set[Worker] = set()
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self) -> int:
        """Start the workers and look after them; return the exit code once all have ended."""
        self._heed_signals()
        work = asyncio.create_task(self._work())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if work.done():
            return work.result()
        work.cancel()
        await asyncio.wait({work})
        return await self._end()

    async def _work(self) -> int:
        """Start the first worker, then the others; return only if the first can't serve, with its exit code."""
        first = await self._start()
        if not await first.ready():
            code = await first.end(by_itself=True)
            log.error("no worker can serve", reason=first.reason, exit_code=code)
            return code if code > 0 else Exit.UNFINISHED
        slots = [Slot(first)] + [Slot(await self._start()) for _ in range(1, self._count)]
        async with asyncio.TaskGroup() as group:
            for slot in slots:
                group.create_task(self._keep(slot))
            group.create_task(self._replace_when_asked(slots))
        raise AssertionError("looking after workers has no end")

    async def _keep(self, slot: Slot) -> None:
        """Start a worker anew whenever it has ended and no other has taken its place."""
        failures = 0
        while True:
            worker = slot.worker
            await worker.left.wait()
            if worker is not slot.worker:
                continue
            code = await asyncio.shield(worker.ended)
            failures = 1 if worker.age > SETTLED else failures + 1
            pause = pause_after(failures)
            reason = "" if await worker.ready() else worker.reason
            log.error("worker ended", worker=worker.pid, exit_code=code, reason=reason, next_in_seconds=pause)
            await asyncio.sleep(pause)
            async with slot.changing:
                if worker is slot.worker:
                    slot.worker = await self._start_again(worker)

    async def _start_again(self, ended: Worker) -> Worker:
        try:
            worker = await self._start()
        except OSError as problem:
            log.error("worker can't be started", problem=str(problem))  # noqa: TRY400 - the system says why
            return ended
        log.info("worker started", worker=worker.pid)
        return worker

    async def _replace_when_asked(self, slots: list[Slot]) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            log.info("replacing workers", workers=len(slots))
            for slot in slots:
                if not await self._replace(slot):
                    break
            else:
                log.info("workers replaced", workers=len(slots))

    async def _replace(self, slot: Slot) -> bool:
        """Put a new worker in the place of the old one, which ends; False if the new one can't serve."""
        async with slot.changing:
            old, new = slot.worker, await self._start_again(slot.worker)
            if new is old:
                return False
            if not await new.ready(within=START):
                log.error("replacement failed", worker=new.pid, reason=new.reason, goes_on=old.pid)
                await new.end()
                return False
            slot.worker = new
            old.left.set()
        log.info("worker replaced", old=old.pid, new=new.pid)
        await old.end()
        return True

    async def _start(self) -> Worker:
        worker = await Worker.start(self._command, self._sockets, self._peers)
        self._workers.add(worker)
        worker.ended.add_done_callback(lambda _: self._workers.discard(worker))
        return worker

    async def _end(self) -> int:
        """Let all workers drain at once, and refuse new connections meanwhile."""
        self._sockets.close()
        codes = await asyncio.gather(*(worker.end() for worker in self._workers))
        finished = all(code in (Exit.OK, -signal.SIGTERM) for code in codes)  # the signal's: one not yet started
        log.info("ended", workers=len(codes))
        return Exit.OK if finished else Exit.UNFINISHED

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_end, number)

    def _asked_to_end(self, number: signal.Signals) -> None:
        if not self._stop.is_set():
            log.info("draining", reason=number.name)
            self._stop.set()
            return
        for worker in self._workers:
            worker.kill()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def run(command: list[str], sockets: Sockets, count: int) -> int:
    """Keep `count` processes of `command` serving on `sockets` until a signal comes; return the exit code (`Exit`)."""

    async def supervise() -> int:
        with tempfile.TemporaryDirectory(prefix="spikes-") as peers:  # only this user may enter it
            return await Supervisor(command, sockets, count, peers).run()

    return asyncio.run(supervise())
