"""People, and what one of them has, for tests that ask every route in everybody's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from spikes.domain.shapes import EXAMPLE_ID
from spikes.web.described import users
from spikes.web.described.comments import EXAMPLE_COMMENT
from spikes.web.openapi import operation_of
from spikes.web.route import Route
from tests.web.conftest import Answer, Api, Person

PRINCIPALS = ("anonymous", "owner", "other", "removed", "expired")
TOKEN_TTL = 7200
EMPTY_ARCHIVE = b"PK\x05\x06" + bytes(18)
ACCESS = Path(__file__).parent.parent.parent / "docs" / "access.md"


class Row(msgspec.Struct, frozen=True):
    """One row of docs/access.md: the status that each principal gets."""

    route: str
    on: str
    statuses: Mapping[str, int]


def access_table() -> list[Row]:
    """Return the rows of docs/access.md."""
    found = re.findall(r"^\| `([A-Z]+ [^`]+)` \|([^|]*)\|([0-9 |]+)\|$", ACCESS.read_text(), re.MULTILINE)
    return [
        Row(route, on.strip(), dict(zip(PRINCIPALS, map(int, statuses.split("|")), strict=True)))
        for route, on, statuses in found
    ]


class World(msgspec.Struct, frozen=True):
    """The principals of the table, and the names in paths by what a row is `on`."""

    api: Api
    people: Mapping[str, Person | None]
    subjects: Mapping[str, Mapping[str, str]]

    async def ask(self, route: Route, on: str, principal: str, body: object = None) -> Answer:
        """Ask for a route, with the documented example as its body unless there is another; a stream is not read."""
        example, headers = self._example(route, on)
        sent = example if body is None else msgspec.json.encode(body)
        if route.name == "POST /users/login":
            await self.api.post("/users", users.REGISTER.example)
        who = self.people[principal]
        if who is not None:
            headers["Authorization"] = f"Bearer {who.token}"
        async with self.api.client.request(route.method, self._path(route, on), data=sent, headers=headers) as r:
            content = await r.read() if r.content_type == "application/json" else b""
            return Answer(r.status, r.headers, msgspec.json.decode(content) if content else None)

    def _path(self, route: Route, on: str) -> str:
        path = route.path
        for name, value in self.subjects[on].items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, f"{route.name} needs something to be on: say in World.subjects what {path} is"
        return path

    def _example(self, route: Route, on: str) -> tuple[bytes | None, dict[str, str]]:
        operation, names = operation_of(route), self.subjects[on]
        if "application/zip" in operation.body:
            return EMPTY_ARCHIVE, {"Content-Type": "application/zip"}
        if operation.request is None and "application/json" not in operation.body:
            return None, {}
        text = msgspec.json.encode(operation.example or {}).decode()
        for example, name in ((EXAMPLE_ID, "tsid"), (EXAMPLE_COMMENT, "comment")):
            text = text.replace(example, names.get(name, example))
        return text.encode(), {"Content-Type": operation.media}


async def build(api: Api) -> World:
    """Make everybody and everything; the clock moves on until the first session has expired."""
    expired = await api.person("Eve")
    api.clock.pass_by(seconds=TOKEN_TTL)
    owner, other, removed = await api.person("Ann"), await api.person("Bob"), await api.person("Carl")
    await api.delete("/users", removed)
    people = {"anonymous": None, "owner": owner, "other": other, "removed": removed, "expired": expired}
    return World(api, people, await _subjects(api, owner, other, removed))


async def _subjects(api: Api, owner: Person, other: Person, removed: Person) -> dict[str, dict[str, str]]:
    tag = (await api.post("/tags", {"title": "A tag"}, owner)).content["id"]
    target = (await api.note(owner, "A related note"))["id"]
    public, private, undone, trashed = [
        await _discussed(api, owner, tag, target, title=f"A {what} note", access=access)
        for what, access in (("public", "Public"), ("private", "Private"), ("undone", "Public"), ("trashed", "Public"))
    ]
    await api.post(f"/notes/{undone['tsid']}/undo", {}, owner)
    await api.delete(f"/notes/{trashed['tsid']}", owner)
    friend, session = await api.person("Dora"), await api.login("Ann")
    await api.put(f"/users/me/relations/{friend.id}", {"title": "knows"}, owner)
    return {
        "": {},
        "a user": {"tsid": owner.id},
        "a removed user": {"tsid": removed.id},
        "a session": {"tsid": await _session(api, session)},
        "a public note": public,
        "a private note": private,
        "a trashed note": trashed,
        "an undone note": undone,
        "the other's comment": {**public, "comment": await _comment(api, other, public["tsid"])},
        "a tag": {"tsid": tag},
        "a friend": {"user": friend.id},
        "a file": {"asset": "docs.js"},
    }


async def _discussed(api: Api, owner: Person, tag: str, target: str, **fields: str) -> dict[str, str]:
    """Write a note that has everything: an update, a comment, a tag, a relation; return its names in paths."""
    note = await api.note(owner, tags=[tag], **fields)
    await api.put("/notes", {**note, "body": "Changed"}, owner)
    await api.put(f"/notes/{note['id']}/relations/{target}", {"title": "blocks"}, owner)
    comment = await _comment(api, owner, note["id"])
    return {"tsid": note["id"], "slug": note["slug"], "comment": comment, "tag": tag, "target": target}


async def _comment(api: Api, who: Person, note_id: str) -> str:
    answer = await api.post(f"/notes/{note_id}/comments", {"title": "Hm", "body": ""}, who)
    return str(answer.content["comments"][-1]["id"])


async def _session(api: Api, who: Person) -> str:
    sessions = (await api.get("/sessions", who)).content
    return str(next(session["id"] for session in sessions if session["current"]))
