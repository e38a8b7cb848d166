"""All that somebody has written, in one archive."""

from __future__ import annotations

import json

import pytest

from spikes.actors.system import EntitySystem, Limits
from spikes.bootstrap import BEHAVIORS
from spikes.domain.note.command import AddComment, ForgetWriter, RemoveComment
from spikes.persistence.identity import PersistenceId
from spikes.web.errors import Problem
from spikes.web.transfers import PLACES, Transfers
from tests.cassandra.plugin import PATIENCE
from tests.web.archives import export_archive, exports, imports, packed, results
from tests.web.conftest import Api, Person


@pytest.fixture
async def eve(api: Api) -> Person:
    return await api.person("Eve")


def events(files: dict[str, str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in files["events.jsonl"].splitlines()]


async def test_has_the_account_the_notes_and_their_events(api: Api, ann: Person, bob: Person) -> None:
    note = await api.note(ann, title="My note", body="---\nText\r\n", due="2027-01-01T00:00:00Z", access="Private")
    trashed = await api.note(ann, title="Trashed")
    await api.delete(f"/notes/{trashed['id']}", ann)
    await api.note(bob, title="Bob's")
    files = await exports(api, ann)
    assert list(files) == ["account.json", "notes/20261123-my-note.md", "trash/20261123-trashed.md", "events.jsonl"]
    assert json.loads(files["account.json"])["email"] == ann.email
    assert files["notes/20261123-my-note.md"] == (
        f'---\ntitle: "My note"\nid: "{note["id"]}"\ncreated: "2026-11-23T10:00:00.000Z"\n'
        'updated: "2026-11-23T10:00:00.000Z"\ndue: "2027-01-01T00:00:00.000Z"\nstatus: "New"\naccess: "Private"\n'
        "---\n---\nText\r\n"
    )
    assert [(event["note"], event["version"], event["type"]) for event in events(files)] == [
        (note["id"], 1, "note-created@1"),
        (trashed["id"], 1, "note-created@1"),
        (trashed["id"], 2, "note-trashed@1"),
    ]


async def test_what_was_exported_can_be_imported(api: Api, ann: Person) -> None:
    for number in range(120):
        await api.note(ann, title=f"Note {number}")
    archive = await export_archive(api, ann)
    answer = await imports(api, ann, archive)
    assert (answer.content["created"], answer.content["unchanged"], answer.content["skipped"]) == (0, 120, 2)
    await api.delete("/users", ann)
    again = await api.person("Ann")
    assert (await imports(api, again, archive)).content["created"] == 120
    assert len(await exports(api, again)) == 122


async def test_what_others_removed_is_left_out(api: Api, ann: Person, bob: Person, eve: Person) -> None:
    note = PersistenceId.of("note", (await api.note(ann))["id"])
    others = EntitySystem.start(api.journal, BEHAVIORS, Limits(ask_timeout=PATIENCE), now=api.clock)
    for number, who in enumerate((ann, bob, bob, eve), 1):
        comment = AddComment(f"0SAJWHS03CF2{number}", f"title {number}", f"body {number}")
        await others.ask(note, comment, principal=who.id)
    await others.ask(note, RemoveComment("0SAJWHS03CF21"), principal=ann.id)
    await others.ask(note, RemoveComment("0SAJWHS03CF22"), principal=bob.id)
    await others.ask(note, ForgetWriter(eve.id))
    await others.close()
    text = (await exports(api, ann))["events.jsonl"]
    assert [f"body {number}" in text for number in (1, 2, 3, 4)] == [True, False, True, False]
    assert bob.id in text
    assert eve.id not in text


async def test_the_head_has_no_body_and_keeps_no_place(api: Api, ann: Person) -> None:
    for _ in range(PLACES + 1):
        head = await api.ask("HEAD", "/users/me/export", None, ann)
        assert (head.status, head.content) == (200, None)
        assert head.headers["Content-Disposition"] == 'attachment; filename="spikes-2026-11-23.zip"'


async def test_a_journal_that_fails_on_the_way_cuts_the_answer_off(api: Api, ann: Person) -> None:
    await api.note(ann)
    api.journal.fail("events")
    with pytest.raises(Exception, match=r"payload|disconnected|Connection"):
        await export_archive(api, ann)
    assert len(await exports(api, ann)) == 3


# -------------------------------------------------------------------------------------------------------------- places


async def test_one_transfer_a_user_and_few_in_all(api: Api, ann: Person, bob: Person) -> None:
    assert results(await imports(api, ann, packed({"a.md": "# A"}))) == {"a.md": "created"}
    transfers = Transfers(1)
    with transfers.place(ann.id):
        for user, code in ((ann.id, "in_progress"), (bob.id, "not_stored")):
            with pytest.raises(Problem) as refused, transfers.place(user):
                pass
            assert refused.value.code == code
    with transfers.place(bob.id):
        pass
