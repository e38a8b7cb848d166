"""A body that comes late is still judged by who may ask when it is there (rule C9)."""

from __future__ import annotations

import asyncio
import json

from tests.web.conftest import Api, Person

NOTE = json.dumps({"title": "Late", "body": "Too late"}).encode()


async def held_back(api: Api, who: Person, until_then: asyncio.Event) -> int:
    """Send the head of a request, then its body when told; return the status."""
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
    head = f"POST /notes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {who.token}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(NOTE)}\r\nConnection: close\r\n\r\n".encode() + NOTE[:1])
    await writer.drain()
    await until_then.wait()
    writer.write(NOTE[1:])
    status = int((await asyncio.wait_for(reader.readline(), 10)).split()[1])
    writer.close()
    return status


async def test_c9_a_removed_account_writes_no_note_however_slowly(api: Api, ann: Person) -> None:
    removed = asyncio.Event()
    sending = asyncio.create_task(held_back(api, ann, removed))
    assert await seen(api)
    assert (await api.delete("/users", ann)).status == 200
    removed.set()
    assert await sending == 401


async def test_a_slow_body_of_a_live_session_is_taken(api: Api, ann: Person) -> None:
    at_once = asyncio.Event()
    at_once.set()
    assert await held_back(api, ann, at_once) == 201


async def seen(api: Api) -> bool:
    """Give the service a turn: an answer to a later request shows that the earlier head was read."""
    return (await api.get("/liveness")).status == 200
