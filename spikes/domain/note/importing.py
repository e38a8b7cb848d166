"""How a note comes in that was written elsewhere: with its own time, and never twice."""

from __future__ import annotations

from msgspec.structs import replace

from spikes.domain.deciding import persist, refuse
from spikes.domain.note.command import ImportNote
from spikes.domain.note.entity import Absent, Note, NoteState, own_slug_claim, public_slug_claim
from spikes.domain.note.event import NoteCreated, NoteEvent
from spikes.domain.refusals import Conflict, Forbidden, IdTaken
from spikes.domain.slug import slug_of, with_suffix
from spikes.journal.port import Claim
from spikes.persistence.behavior import Context
from spikes.persistence.effect import Effect


def import_note(state: NoteState, command: ImportNote, context: Context) -> Effect[NoteEvent]:
    """Make the note, unless the caller has it already."""
    match state:
        case Absent() if context.principal is None:
            return refuse(Forbidden("nobody is logged in who could own the note"))
        case Absent():
            return persist(_created(command, context))
        case Note() if state.owner == context.principal:
            return refuse(Conflict("you have this note already", state.id))
        case _:
            return refuse(IdTaken(command.id))


def import_under_another_slug(command: ImportNote, claim: Claim, context: Context) -> Effect[NoteEvent]:
    """Give the slug a suffix, whoever has it: notes of other tools often share a title and a day."""
    event = _created(command, context)
    if claim in (own_slug_claim(event.owner, event.slug), public_slug_claim(event.slug)):
        return persist(replace(event, slug=with_suffix(event.slug, event.id)))
    return refuse(Conflict(f"slug {with_suffix(event.slug, event.id)} already in use"))


def _created(command: ImportNote, context: Context) -> NoteCreated:
    moment = min(command.created, context.now)
    return NoteCreated(
        id=command.id,
        owner=context.principal or "",
        title=command.title,
        body=command.body,
        slug=slug_of(moment, command.title, command.id),
        due=command.due,
        status=command.status,
        access=command.access,
        tags=command.tags,
        created=moment,
    )
