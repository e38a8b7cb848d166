"""A proxy between a client and a Cassandra that holds, drops or cuts single requests and single answers.

    async with Proxy(node.host, node.port) as proxy:
        lost = proxy.on(lambda request: request.opcode == "BATCH" and request.is_conditional, Action.DROP_ANSWER)
        ...                      # connect to proxy.host, proxy.port, and ask
        await lost.answered()    # Cassandra has done it, and nobody will hear of it

It lives on the loop of the test: what blocks, like the driver's own `execute`, goes into `asyncio.to_thread`.

The driver keeps to the address that it was given for the node behind it (`test_proxy.py` shows it), but learns those of
other nodes from Cassandra. So the nodes of a cluster have to tell the addresses of their proxies: `cluster.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

from tests.cassandra.rules import Action, Match, Request, Rule
from tests.cassandra.wire import OPCODES, PREPARE, RESULT, Frame, Wire, prepared_id, statements

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

CHUNK = 65536
"""Bytes that are read at once."""


class Proxy:
    """Listens at `host:port` (a free port, if none is given) and passes everything on, but for what rules catch."""

    def __init__(self, to_host: str, to_port: int, host: str = "127.0.0.1", port: int = 0) -> None:
        self.target = (to_host, to_port)
        self.host = host
        self.port = port
        self.prepared: dict[bytes, str] = {}
        self.local_ports: set[int] = set()
        """Ports from which Cassandra has been asked, by the proxy."""
        self._failure: ValueError | None = None
        self._rules: list[Rule] = []
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._server: asyncio.Server | None = None

    def on(self, match: Match, action: Action, *, skip: int = 0, times: int | None = 1) -> Rule:
        """Do this to requests that match: to the first after `skip` others, and to `times` in all (None: to each).

        Of several rules the oldest that catches a request has it.
        """
        rule = Rule(match, action, skip, times)
        self._rules.append(rule)
        return rule

    def cut(self) -> None:
        """End all connections; new ones are taken."""
        for link in self._links.values():
            link.cut()

    def check(self) -> None:
        """Raise what went wrong, once: ValueError for what the proxy can't read. It is called in the end, too."""
        failure, self._failure = self._failure, None
        if failure:
            raise failure

    async def rule_for(self, request: Request) -> Rule | None:
        for rule in self._rules:
            if await rule.catches(request):
                return rule
        return None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        tasks = list(self._links)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.check()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        try:
            server_reader, server_writer = await asyncio.open_connection(*self.target)
        except OSError:  # no Cassandra there: the client sees that as it would without a proxy
            writer.transport.abort()
            return
        self.local_ports.add(server_writer.get_extra_info("sockname")[1])
        self._links[task] = link = _Link(self, (reader, writer), (server_reader, server_writer))
        try:
            await link.run()
        except ValueError as failure:  # nobody awaits this task; `check` tells the test
            self._failure = failure
        finally:
            del self._links[task]


class _Pending:
    """A request that has no answer yet."""

    def __init__(self, request: Request | None, rule: Rule | None) -> None:
        self.request = request
        self.rule = rule
        self.answered = asyncio.Event()


class _Link:
    """A client's connection, and the one to Cassandra that carries it on."""

    def __init__(self, proxy: Proxy, client: Streams, server: Streams) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._requests = Wire()
        self._answers = Wire()
        self._pending: dict[int, _Pending] = {}
        self._held: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Carry on until one side has gone; requests that are held are still delivered after their client has."""
        requests = asyncio.create_task(self._carry_requests())
        answers = asyncio.create_task(self._carry_answers())
        try:
            await asyncio.wait([requests, answers], return_when=asyncio.FIRST_COMPLETED)
            while self._held and not answers.done():
                await asyncio.wait([answers, *self._held], return_when=asyncio.FIRST_COMPLETED)
            for task in (requests, answers):
                if task.done():
                    task.result()
        finally:
            for task in (requests, answers, *self._held):
                task.cancel()
            self.cut()

    def cut(self) -> None:
        self._to_client.transport.abort()
        self._to_server.transport.abort()

    async def _carry_requests(self) -> None:
        with suppress(ConnectionError):
            while data := await self._from_client.read(CHUNK):
                for frame in self._requests.feed(data):
                    await self._request(frame)

    async def _carry_answers(self) -> None:
        with suppress(ConnectionError):
            while data := await self._from_server.read(CHUNK):
                for frame in self._answers.feed(data):
                    await self._answer(frame)

    async def _request(self, frame: Frame) -> None:
        request = rule = None
        if frame.opcode in OPCODES:
            request = Request(OPCODES[frame.opcode], statements(frame, self._proxy.prepared))
            rule = await self._proxy.rule_for(request)
        pending = _Pending(request, rule)
        match rule and rule.action:
            case Action.CUT_BEFORE:
                self.cut()
            case Action.DROP_REQUEST:
                pass
            case Action.HOLD_REQUEST:
                self._later(self._request_later(frame, pending))
            case _:
                await self._send_request(frame, pending)

    async def _request_later(self, frame: Frame, pending: _Pending) -> None:
        assert pending.rule
        await pending.rule.released()
        await self._send_request(frame, pending)
        await pending.answered.wait()

    async def _send_request(self, frame: Frame, pending: _Pending) -> None:
        self._pending[frame.stream] = pending
        self._to_server.write(self._requests.encode(frame))
        await self._to_server.drain()

    async def _answer(self, frame: Frame) -> None:
        pending = self._pending.pop(frame.stream, None)  # an event has no request
        rule = pending and pending.rule
        if pending:
            await self._note_answer(frame, pending)
        match rule and rule.action:
            case Action.CUT_AFTER:
                self.cut()
            case Action.DROP_ANSWER:
                pass
            case Action.HOLD_ANSWER:
                assert rule
                self._later(self._answer_later(frame, rule))
            case _:
                await self._send_answer(frame)

    async def _note_answer(self, frame: Frame, pending: _Pending) -> None:
        pending.answered.set()
        if pending.rule:
            await pending.rule.note_answer()
        if pending.request and frame.opcode == RESULT and pending.request.opcode == OPCODES[PREPARE]:
            self._proxy.prepared[prepared_id(frame)] = pending.request.text

    async def _answer_later(self, frame: Frame, rule: Rule) -> None:
        await rule.released()
        await self._send_answer(frame)

    async def _send_answer(self, frame: Frame) -> None:
        if self._to_client.is_closing():
            return
        data = self._answers.encode(frame)
        if frame.begins_segments:  # before the client hears of it, as what it sends then is in segments
            self._requests.segmented = self._answers.segmented = True
        self._to_client.write(data)
        await self._to_client.drain()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._held.add(task)
        task.add_done_callback(self._held.discard)
