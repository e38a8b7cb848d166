"""The processes that serve together, as one of them sees all.

A connection to the management port reaches any worker. That one asks the others over Unix sockets, `DIRECTORY/PID.sock`
each, in a directory that only this user may enter, and puts their answers beside its own.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec
import structlog
from aiohttp import web

from spikes.console.inside import Inside

Question = Callable[[Inside, Mapping[str, str]], Awaitable[Any]]
"""What a process answers about itself, given the parameters of the question: something that msgspec makes JSON of."""

PATIENCE = 2.0
"""Seconds that another worker has to answer, beyond what the question itself may take; then it counts as silent."""

log = structlog.get_logger("spikes.console")


class Answers(dict[str, Any]):
    """What each process answered, as JSON has it, by process id; `silent` are those that are there but did not.

    `silent` says since when each did not, in seconds since the epoch.
    """

    def __init__(self, answers: Mapping[str, Any], silent: Mapping[str, float] = MappingProxyType({})) -> None:
        super().__init__(answers)
        self.silent = silent


class Peers:
    """All serving processes of this service: this one alone, or the workers of one supervisor."""

    def __init__(self, inside: Inside, questions: Mapping[str, Question], directory: str | None = None) -> None:
        self._inside = inside
        self._questions = questions
        self._directory = None if directory is None else Path(directory)
        self._me = str(os.getpid())
        self._silent: dict[str, float] = {}

    @property
    def supervised(self) -> bool:
        """Whether this process is a worker, whose parent looks after it and others."""
        return self._directory is not None

    async def serving(self, _: web.Application) -> AsyncIterator[None]:
        """Answer the others for as long as the application runs."""
        if self._directory is None:
            yield
            return
        app = web.Application()
        app.router.add_get("/peer/{question}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        path = self._directory / f"{self._me}.sock"
        await web.UnixSite(runner, str(path)).start()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        question = self._questions[request.match_info["question"]]
        content = await question(self._inside, dict(request.query))
        return web.Response(body=msgspec.json.encode(content, enc_hook=str), content_type="application/json")

    async def ask(self, name: str, within: float = 0.0, **parameters: str) -> Answers:
        """Ask every process a question of `routes.QUESTIONS`; `within` is how many seconds it may take by itself."""
        others = self._others()
        mine, *theirs = await asyncio.gather(
            self._questions[name](self._inside, parameters),
            *(self._of_other(path, name, within + PATIENCE, parameters) for path in others.values()),
        )
        found = dict(zip(others, theirs, strict=True))
        answers = {pid: msgspec.json.decode(content) for pid, content in found.items() if content}
        answers[self._me] = msgspec.json.decode(msgspec.json.encode(mine, enc_hook=str))
        silent = {pid: self._silent.get(pid, time.time()) for pid, content in found.items() if content == b""}
        self._silent = silent
        return Answers(dict(sorted(answers.items())), silent)

    def _others(self) -> dict[str, Path]:
        if self._directory is None:
            return {}
        return {path.stem: path for path in sorted(self._directory.glob("*.sock")) if path.stem != self._me}

    async def _of_other(self, path: Path, name: str, seconds: float, parameters: Mapping[str, str]) -> bytes | None:
        """Return what another process answers; "" if it is silent, None if it is no more."""
        try:
            async with (
                asyncio.timeout(seconds),
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
                session.get(f"http://peer/peer/{name}", params=parameters, raise_for_status=True) as response,
            ):
                return await response.read()
        except aiohttp.ClientConnectorError:
            path.unlink(missing_ok=True)  # it was killed and left this
            return None
        except (aiohttp.ClientError, TimeoutError) as problem:
            log.warning("worker_silent", worker=path.stem, problem=repr(problem))
            return b""
