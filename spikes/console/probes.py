"""/livez, /readyz, /startupz: what an orchestrator asks. `?verbose` names the checks, in the manner of Kubernetes' own.

Liveness never depends on the journal: a store that is away is no reason to kill the process that waits for it.
Readiness does. Of several workers each may answer, and answers for all: one that is ready is enough, since the others'
connections come to it.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from spikes.console.peers import Peers
from spikes.console.snapshot import Check


class Probes:
    """The three probes."""

    def __init__(self, peers: Peers, patience: float) -> None:
        """`patience` is how many seconds the journal has to answer."""
        self._peers = peers
        self._patience = patience

    async def livez(self, request: web.Request) -> web.Response:
        """The process answers: its loop runs."""
        return answer(request, [Check("loop")])

    async def startupz(self, request: web.Request) -> web.Response:
        """A worker has opened the journal."""
        return answer(request, await self._of_best("started"))

    async def readyz(self, request: web.Request) -> web.Response:
        """A worker wants requests, and the journal answers."""
        return answer(request, await self._of_best("started", "serving", "journal"))

    async def _of_best(self, *names: str) -> list[Check]:
        """Return these checks of the worker that has the fewest problems with them."""
        answers = await self._peers.ask("checks", within=self._patience)
        found = [
            [check for check in msgspec.convert(answer, list[Check]) if check.name in names]
            for answer in answers.values()
        ]
        return min(found, key=lambda checks: sum(bool(check.problem) for check in checks))


def starting_app() -> web.Application:
    """Return what answers the probes until there is a service: alive, but not started. All else is a 503."""

    async def alive(request: web.Request) -> web.Response:
        return answer(request, [Check("loop")])

    async def not_yet(request: web.Request) -> web.Response:
        return answer(request, [Check("started", "the journal is not open yet")])

    app = web.Application()
    app.router.add_get("/livez", alive)
    app.router.add_get("/{path:[\\s\\S]*}", not_yet)
    return app


def answer(request: web.Request, checks: list[Check]) -> web.Response:
    """Return 200 if nothing is wrong, else 503 and what is; all checks with `?verbose`."""
    problems = [check for check in checks if check.problem]
    lines = [f"[-]{check.name}: {check.problem}" if check.problem else f"[+]{check.name} ok" for check in checks]
    result = f"{request.path.strip('/')} check {'failed' if problems else 'passed'}"
    text = "\n".join([*lines, result]) if "verbose" in request.query or problems else "ok"
    return web.Response(text=text + "\n", status=503 if problems else 200, headers={"Cache-Control": "no-store"})
