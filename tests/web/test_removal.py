"""The removal of an account (rule C9): a process that may end anywhere, and that anybody may go on with."""

from __future__ import annotations

from typing import Any

import pytest

from spikes.actors.environment import bound
from spikes.actors.housekeeping import AccountSweeper
from spikes.actors.port import Entities
from spikes.actors.system import EntitySystem, Limits
from spikes.bootstrap import BEHAVIORS
from spikes.domain.note.command import AddComment
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer, Success
from tests.cassandra.plugin import PATIENCE
from tests.web.conftest import Api, Person
from tests.web.test_tags import tag

SETTLED = 14
"""Longer than any command may take, in seconds."""


class Crash(BaseException):
    """The end of a process."""


class Crashing:
    """Entities of a process that ends when it is about to ask once more after so many times."""

    def __init__(self, entities: Entities, times: int) -> None:
        self.entities = entities
        self.times = times

    async def ask(self, entity: PersistenceId, command: object) -> Answer:
        if self.times == 0:
            raise Crash
        self.times -= 1
        return await self.entities.ask(entity, command)


def sweeper(api: Api, entities: Any = None) -> AccountSweeper:
    """Return a sweeper that goes by the clock of the test."""
    clock = {"now": api.clock, "monotonic": lambda: api.clock.now / 1000}
    given = {"entities": entities or api.entities, "journal": api.journal, "ask_timeout": 3.0, **clock}
    return bound(AccountSweeper, **given)()  # type: ignore[return-value]


async def finish(api: Api, entities: Any = None) -> None:
    """Let one sweeper do as many rounds as a removal takes."""
    keeper = sweeper(api, entities)
    for _ in range(3):
        await keeper.round()
        api.clock.pass_by(seconds=SETTLED)


async def removals(api: Api) -> int:
    return int((await api.get("/info")).content["removals"])


async def leave_much_behind(api: Api, who: Person, other: Person) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let somebody write all there is; return the other's note that they said something about, and their tag."""
    made = await tag(api, who)
    for title, access in ("One", "Public"), ("Two", "Private"), ("Three", "Public"):
        note = await api.note(who, title, access=access)
    await api.delete(f"/notes/{note['id']}", who)
    discussed = await api.note(other, tags=[made["id"]])
    first = await api.post(f"/notes/{discussed['id']}/comments", {"title": "Hm", "body": "Secret", "stars": 1}, who)
    answer = {"title": "What?", "body": "", "parent": first.content["comments"][0]["id"]}
    await api.post(f"/notes/{discussed['id']}/comments", answer, other)
    return discussed, made


async def check_nothing_left(api: Api, who: Person, note: dict[str, Any], made: dict[str, Any]) -> None:
    shown = (await api.get(f"/notes/{note['id']}")).content
    first, second = shown["comments"]
    gone = (first["removed"], first["writer"], first["title"], first["body"], first["color"])
    assert gone == (True, None, None, None, None)
    assert (second["title"], second["parent"], shown["tags"]) == ("What?", first["id"], [made["id"]])
    assert (await api.get(f"/tags/{made['id']}")).content["owner"] is None
    assert [each["id"] for each in (await api.get("/notes")).content] == [note["id"]]
    assert (await api.get("/info")).content["notes"] == 1
    for route in (f"/notes/{note['id']}/history", f"/notes/{note['id']}?version=2"):
        told = str((await api.get(route)).content)
        assert "Secret" not in told
        assert who.id not in told


async def test_c9_everything_goes_or_loses_its_owner(api: Api, ann: Person, bob: Person) -> None:
    note, made = await leave_much_behind(api, ann, bob)
    await api.delete("/users", ann)
    assert await removals(api) == 1
    await finish(api)
    await check_nothing_left(api, ann, note, made)
    assert await removals(api) == 0
    assert (await api.get("/info")).content["users"] == 1


async def test_sessions_end_and_the_email_is_free_at_once(api: Api, ann: Person, bob: Person) -> None:
    await api.delete("/users", ann)
    assert (await api.get("/users/me", ann)).status == 401
    assert (await api.get(f"/users/{ann.id}", bob)).status == 404
    assert (await api.get("/info")).content["users"] == 1
    assert (await api.person("Ann")).id != ann.id


@pytest.mark.parametrize("times", range(6))
async def test_c9_survives_a_crash_at_any_point(api: Api, ann: Person, bob: Person, times: int) -> None:
    note, made = await leave_much_behind(api, ann, bob)
    await api.delete("/users", ann)
    with pytest.raises(Crash):
        await finish(api, Crashing(api.entities, times))
    assert await removals(api) == 1
    another = EntitySystem.start(api.journal, BEHAVIORS, Limits(ask_timeout=PATIENCE), now=api.clock)
    await finish(api, another)
    await another.close()
    await check_nothing_left(api, ann, note, made)
    assert await removals(api) == 0


async def test_c9_two_sweepers_do_no_harm(api: Api, ann: Person, bob: Person) -> None:
    note, made = await leave_much_behind(api, ann, bob)
    await api.delete("/users", ann)
    one, two = sweeper(api), sweeper(api)
    for _ in range(3):
        await one.round()
        await two.round()
        api.clock.pass_by(seconds=SETTLED)
    await check_nothing_left(api, ann, note, made)
    assert await removals(api) == 0


async def test_c9_what_lands_late_goes_too(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(bob)
    await api.delete("/users", ann)
    keeper = sweeper(api)
    await keeper.round()
    late = AddComment("0SAJWHS03CF2T", "Late", "Secret")
    said = await api.entities.ask(PersistenceId("note", note["id"]), late, principal=ann.id)
    assert isinstance(said.status, Success)
    api.clock.pass_by(seconds=SETTLED)
    await keeper.round()
    assert (await api.get(f"/notes/{note['id']}")).content["comments"][0]["body"] is None
    await keeper.round()
    assert await removals(api) == 1
    api.clock.pass_by(seconds=SETTLED)
    await keeper.round()
    assert await removals(api) == 0


async def test_leaves_others_and_their_tags_alone(api: Api, ann: Person, bob: Person) -> None:
    made = await tag(api, bob)
    note = await api.note(bob, tags=[made["id"]])
    said = await api.post(f"/notes/{note['id']}/comments", {"title": "Hm", "body": "Text"}, bob)
    await api.delete("/users", ann)
    await finish(api)
    assert (await api.get(f"/notes/{note['id']}")).content == said.content
    assert (await api.get(f"/tags/{made['id']}")).content == made


async def test_c9_history_names_nobody_who_has_left(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(bob)
    said = await api.post(f"/notes/{note['id']}/comments", {"title": "Hm", "body": ""}, ann)
    await api.delete(f"/notes/{note['id']}/comments/{said.content['comments'][0]['id']}", ann)
    await api.delete("/users", ann)
    told = (await api.get(f"/notes/{note['id']}/history", bob)).content
    assert [entry["who"] for entry in told] == [None, None, bob.id]
    await finish(api)
    assert (await api.get(f"/notes/{note['id']}/history", bob)).content == told
