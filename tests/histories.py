"""What happens to a journal before it is moved, and what a journal must be afterwards."""

from __future__ import annotations

from spikes.actors.system import EntitySystem
from spikes.bootstrap import BEHAVIORS
from spikes.domain.note.command import CreateNote, TrashNote, UpdateNote
from spikes.domain.tag.command import CreateTag, UpdateTag
from spikes.domain.user.command import FinishRemoval, Register, RemoveUser
from spikes.journal.port import Journal
from spikes.maintenance import rebuild
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Success

EMAIL = "ann@example.org"
LAST = "user|0SAN2TY66E7Q2"
"""Who has that address in the end."""


async def live(journal: Journal) -> None:
    """Let an e-mail address go from one user to the next, and let notes be changed: 34 events."""
    entities = EntitySystem.start(journal, BEHAVIORS)
    for number in range(3):
        user = f"0SAN2TY66E7Q{number}"
        await ask(entities, "user", user, Register(user, "Ann", EMAIL, "hash", "1990-12-31"))
        for other in range(4):
            note = f"0SAN2TY66E{number}N{other}"
            await ask(entities, "note", note, CreateNote(note, f"Note {other}", "Body"), user)
            await ask(entities, "note", note, UpdateNote("New", "Body", None, "Doing", "Private"), user)
        await ask(entities, "note", note, TrashNote(), user)
        if number < 2:
            await ask(entities, "user", user, RemoveUser(), user)
            await ask(entities, "user", user, FinishRemoval())
    await entities.close()


async def name_tags(journal: Journal, *titles: tuple[str, str]) -> None:
    """Give tags (id, title) their titles in this order; a tag that has none yet is made."""
    entities = EntitySystem.start(journal, BEHAVIORS)
    made = {each.partition("|")[2] for each in await journal.persistence_ids()}
    for tag, title in titles:
        command = UpdateTag(title, "000000") if tag in made else CreateTag(tag, title)
        made.add(tag)
        await ask(entities, "tag", tag, command, "0SAN2TY66E7QE")
    await entities.close()


async def ask(entities: EntitySystem, kind: str, entity: str, command: object, who: str | None = None) -> None:
    answer = await entities.ask(PersistenceId.of(kind, entity), command, principal=who)
    assert isinstance(answer.status, Success), answer


async def check_rows(journal: Journal) -> None:
    """See that nothing is damaged, and that the rows are those of the events."""
    assert await journal.verify() == ()
    report = await rebuild(journal, BEHAVIORS)
    assert (report.differed, report.problems) == (0, ())
