"""The management listener over a real service, asked over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from spikes.bootstrap import Service, assemble
from spikes.settings import Settings

Client = TestClient[web.Request, web.Application]

TOKEN, VIEWER_TOKEN = "operators-secret", "viewers-secret"


class Managed:
    """A running service and a client of its management listener."""

    def __init__(self, service: Service, client: Client) -> None:
        self.service = service
        self.client = client

    async def get(self, path: str, token: str | None = None, **headers: str) -> tuple[ClientResponse, str]:
        """Ask for a page; return the answer and its text. A redirect is not followed."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.client.get(path, headers=headers, allow_redirects=False) as response:
            return response, await response.text()

    async def post(self, path: str, token: str = TOKEN, **form: str) -> tuple[ClientResponse, str]:
        """Send a form with a token; a redirect is not followed."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.client.post(path, data=form, headers=headers, allow_redirects=False) as response:
            return response, await response.text()


StartManaged = Callable[..., Coroutine[Any, Any, Managed]]


@pytest.fixture
async def manage() -> AsyncIterator[StartManaged]:
    """Start the service with given settings; it ends with the test."""
    running: list[Managed] = []

    async def manage(**settings: Any) -> Managed:
        service = await assemble(Settings(**{"journal": "memory:", "rate_limits": False, **settings}))
        client = TestClient(TestServer(service.management(None)))
        await client.start_server()
        running.append(Managed(service, client))
        return running[-1]

    yield manage
    for managed in running:
        managed.service.state.draining = True
        await managed.client.close()
        await managed.service.drain()
        await managed.service.close()


@pytest.fixture
async def managed(manage: StartManaged) -> Managed:
    return await manage()


@pytest.fixture
async def operated(manage: StartManaged) -> Managed:
    """A service whose console may change things."""
    return await manage(admin_token=TOKEN, admin_viewer_token=VIEWER_TOKEN, console_writes=True)
