"""One serving process: sockets, the service, signals, and an end at which no request fails.

SIGTERM, SIGINT or the supervisor's death, in this order, 10 s in all:

1. readiness answers 503 and every answer says `Connection: close`, so that clients move on;
2. the door: new connections are taken while requests that were there before are in flight, for `DOOR` at most;
3. requests in flight finish, and connections that are kept alive get `GRACE` to send what may be on its way;
4. the entities flush, the management listener, which answered until now, ends, the journal closes, exit code 0.

Without a supervisor a second signal ends the process at once. A worker ignores it: who signals a whole process group
(systemd does) signals each worker twice, once by itself and once through the supervisor.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import structlog
from aiohttp import web

from spikes.console.probes import starting_app
from spikes.ending import Control, Drain, heed_signals
from spikes.exits import Exit
from spikes.listening import BACKLOG, Sockets
from spikes.settings import Settings

DOOR = 2.0
GRACE = 2.0
IN_FLIGHT = 6.5
FLUSH = 9.0
"""Seconds after the signal: up to these each step may last; `ending.LIMIT` ends what is left."""

POLL = 0.01
"""Seconds between two looks at what is still open."""

COURTESY = 3e-6
"""Seconds for each connection it has, up to 100, that a worker leaves a new one to others. Measured with 64 clients of
2 workers that connect at once: often 10 to 54 and worse without it, mostly 31 to 33 with it, 23 to 41 at worst."""

log = structlog.get_logger()


class State(Protocol):
    """What serving sets of the service's state."""

    draining: bool


class Service(Protocol):
    """What `bootstrap.assemble` makes: the application and how to end what is behind it."""

    @property
    def app(self) -> web.Application:
        """The application, not yet started."""
        ...

    @property
    def state(self) -> State:
        """What the health routes read."""
        ...

    def management(self, peers: str | None) -> web.Application:
        """Make the application of the management listener; `peers` is the directory where workers find each other."""
        ...

    async def drain(self) -> None:
        """Finish what the entities have taken in; no new request comes."""
        ...

    async def close(self) -> None:
        """Let go of the journal."""
        ...


Assemble = Callable[[Settings], Awaitable[Service]]


class InFlight:
    """The requests being handled now, and the closing of connections once the service drains."""

    def __init__(self, app: web.Application, state: State) -> None:
        self.requests: set[object] = set()
        self._state = state
        app.middlewares.insert(0, self._count)
        app.on_response_prepare.append(self._last_answer)

    @web.middleware
    async def _count(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        token = object()  # a request can't be an element of a set
        self.requests.add(token)
        try:
            return await handler(request)
        finally:
            self.requests.discard(token)

    async def _last_answer(self, _: web.Request, response: web.StreamResponse) -> None:
        if self._state.draining:
            response.force_close()
            if response.headers.get("Connection", "keep-alive").lower() == "keep-alive":
                response.headers["Connection"] = "close"


def run(
    settings: Settings,
    assemble: Assemble,
    sockets: Sockets,
    control: Control | None = None,
    peers: str | None = None,
) -> int:
    """Serve until a signal comes; return the exit code (`Exit`). Raises JournalUnusable."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(_serve(settings, assemble, sockets, control, peers))


async def _serve(
    settings: Settings, assemble: Assemble, sockets: Sockets, control: Control | None, peers: str | None
) -> int:
    drain = Drain()
    heed_signals(drain, supervised=control is not None)
    if control:
        control.when_alone(lambda: drain.begin("the supervisor is gone"))
    async with _answering_probes(sockets, peers):
        service = await _unless(drain, assemble(settings))
    if service is None:
        return Exit.OK
    in_flight = InFlight(service.app, service.state)
    runner = web.AppRunner(service.app, access_log=None, shutdown_timeout=1.0)
    management = web.AppRunner(service.management(peers), access_log=None, shutdown_timeout=1.0)
    finished, back_doors = False, list[asyncio.Server]()
    try:
        back_doors = await _open(management, sockets.management, shared=control is not None)
        doors = await _open(runner, sockets.public, shared=control is not None)
        _spare_the_collector()
        if control:
            control.ready()
        log.info("ready", pid=os.getpid())
        await drain.wait()
        service.state.draining = True
        finished = await _finish_requests(runner, doors, in_flight, drain)
    finally:
        drain.begin("a problem")
        ended = await _end(runner, management, back_doors, service, drain.until(FLUSH))
    return Exit.OK if finished and ended else Exit.UNFINISHED


@asynccontextmanager
async def _answering_probes(sockets: Sockets, peers: str | None) -> AsyncIterator[None]:
    """Answer the probes while the service is assembled, unless there are workers that serve already: they do it."""
    listening = [] if peers and any(Path(peers).iterdir()) else [each.dup() for each in sockets.management]
    runner = web.AppRunner(starting_app(), access_log=None, shutdown_timeout=0.0)
    doors = await _open(runner, listening, shared=False)
    try:
        yield
    finally:
        for door in doors:
            door.close()
        await runner.cleanup()


def _spare_the_collector() -> None:
    """Let the collector of cycles leave alone what was there at the start, and look less often.

    Reference counts free nearly everything here (`tests/actors/test_garbage.py` sees to it). With the default
    thresholds every 700 objects cost a look, and with many entities in memory a look at all stops the service for
    100 ms and more (measured: p99 of a POST 198 ms to 25 ms). So the young are looked at 10,000 at a time, some 1 to
    3 ms; the older ones only once there are 10 million more than before, and the entities never come to that.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 1_000, 1_000)


async def _unless(drain: Drain, assembling: Awaitable[Service]) -> Service | None:
    """Return the assembled service, or None if this process is to end before there is one."""
    service, end = asyncio.ensure_future(assembling), asyncio.ensure_future(drain.wait())
    await asyncio.wait({service, end}, return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if service.done():
        return service.result()
    service.cancel()
    await asyncio.wait({service})
    return None


async def _open(runner: web.AppRunner, sockets: list[socket.socket], *, shared: bool) -> list[asyncio.Server]:
    await runner.setup()
    server = runner.server
    assert server is not None

    def accepted() -> asyncio.Protocol:
        if shared:  # the kernel wakes all idle workers for each connection; who is awake first would take most
            time.sleep(COURTESY * min(len(server.connections), 100))
        return server()

    loop = asyncio.get_running_loop()
    return [await loop.create_server(accepted, sock=listening, backlog=BACKLOG) for listening in sockets]


async def _finish_requests(
    runner: web.AppRunner, doors: list[asyncio.Server], in_flight: InFlight, drain: Drain
) -> bool:
    """Close the doors, then wait for the requests; False if some take too long."""
    server = runner.server
    assert server is not None
    before = set(in_flight.requests)
    await _until(lambda: not before & in_flight.requests, drain.until(DOOR))
    for door in doors:
        door.close()
    await asyncio.sleep(POLL)  # a connection just accepted is not among the server's yet
    await _until(lambda: not server.connections, drain.until(GRACE))
    finished = await _until(lambda: not in_flight.requests, drain.until(IN_FLIGHT))
    if not finished:
        log.warning("requests cut off", requests=len(in_flight.requests))
    return finished


async def _end(
    runner: web.AppRunner,
    management: web.AppRunner,
    back_doors: list[asyncio.Server],
    service: Service,
    deadline: float,
) -> bool:
    """End connections, entities and journal; False if they have no time to finish."""
    try:
        async with asyncio.timeout_at(deadline):
            await runner.cleanup()
            await service.drain()
            for door in back_doors:
                door.close()
            await management.cleanup()
            await service.close()
    except TimeoutError:
        log.error("end not finished in time")  # noqa: TRY400 - where it was cut off tells nothing
        return False
    log.info("ended", pid=os.getpid())
    return True


async def _until(condition: Callable[[], bool], deadline: float) -> bool:
    loop = asyncio.get_running_loop()
    while not condition():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(POLL)
    return True


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not made for every platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
