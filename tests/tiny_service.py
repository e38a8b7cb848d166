"""A tiny service behind the real command line, for tests of processes: `python -m tests.tiny_service serve ...`.

What it does when it starts is up to a file, so that a test can change it between two starts: the first word of the file
named by TINY is `ok`, `refuse` (the journal is unusable), `die` or `hang`; `closed-FILE` beside it tells of the end.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from spikes.__main__ import main
from spikes.journal.errors import JournalUnusable
from spikes.settings import Settings
from spikes.web.state import ServiceState


class TinyService:
    """Answers with its process id; slowly, if asked; records its end."""

    def __init__(self, told: Path, settings: Settings) -> None:
        self.settings = settings
        self.state = ServiceState(recovered=True)
        self.told = told
        self.app = web.Application()
        self.app.router.add_get("/", self.who)
        self.app.router.add_get("/slow", self.slow)
        self.app.router.add_get("/readiness", self.readiness)
        self.gate = asyncio.Event()
        self.app.router.add_post("/gate", self.open_gate)

    async def who(self, _: web.Request) -> web.Response:
        return web.json_response({"pid": os.getpid(), "token_ttl": self.settings.token_ttl})

    async def slow(self, request: web.Request) -> web.Response:
        """Answer once the gate opens, or with `?long` the service drains; a file tells that the request is here."""
        self.told.with_name("slow").touch()
        while not self.gate.is_set() and not ("long" in request.query and self.state.draining):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.gate.wait(), 0.05)
        return web.json_response({"pid": os.getpid()})

    async def open_gate(self, _: web.Request) -> web.Response:
        self.gate.set()
        return web.json_response({})

    async def readiness(self, _: web.Request) -> web.Response:
        return web.json_response({}, status=503 if self.state.draining else 200)

    def management(self, peers: str | None) -> web.Application:
        """Answer with what the supervisor has told."""

        async def told(_: web.Request) -> web.Response:
            return web.json_response({"pid": os.getpid(), "peers": peers})

        app = web.Application()
        app.router.add_get("/", told)
        return app

    async def drain(self) -> None:
        self.told.with_name("drained").touch()

    async def close(self) -> None:
        self.told.with_name(f"closed-{os.getpid()}").touch()


async def assemble(settings: Settings) -> TinyService:
    """Start as the file says."""
    told = Path(os.environ["TINY"])
    match told.read_text().split()[0]:
        case "refuse":
            raise JournalUnusable("the tiny journal is broken; mend it")
        case "die":
            os._exit(9)
        case "hang":
            told.with_name("assembling").touch()
            await asyncio.Event().wait()
    return TinyService(told, settings)


if __name__ == "__main__":
    sys.exit(main(assemble=assemble))
