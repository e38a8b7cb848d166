"""The yardstick: an aiohttp server that only decodes and encodes the JSON of a note. Prints its port.

It runs on asyncio's own loop, as a bare aiohttp server does, or with the argument `uvloop` on that.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
import uvloop
from aiohttp import web

from spikes.domain.note.command import CreateNote
from spikes.domain.note.entity import Note
from spikes.domain.note.request import CreateNoteRequest
from spikes.domain.note.response import NoteResponse, note_response

NOTE = Note("0" * 13, "0" * 13, "A title", "A body. " * 25, "slug", None, "New", "Public", (), 0, 0)

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(CreateNoteRequest).decode


async def create(request: web.Request) -> web.Response:
    command: CreateNote = decode(await request.read()).command(NOTE.id)
    note = Note(NOTE.id, NOTE.owner, command.title, command.body, "slug", None, "New", "Public", (), 0, 0)
    return answer(201, note_response(note, 1))


async def read(request: web.Request) -> web.Response:
    return answer(200, note_response(NOTE, 1))


def answer(status: int, note: NoteResponse) -> web.Response:
    return web.Response(body=encode(note), status=status, content_type="application/json")


async def main() -> None:
    app = web.Application()
    app.router.add_post("/notes", create)
    app.router.add_get("/notes/{id}", read)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    (uvloop if sys.argv[1:] == ["uvloop"] else asyncio).run(main())
