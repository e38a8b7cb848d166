"""Who may have a say in a note."""

from __future__ import annotations

from spikes.domain.deciding import refuse
from spikes.domain.note.entity import Note, may_see
from spikes.domain.note.event import NoteEvent
from spikes.domain.refusals import Forbidden, NotFound
from spikes.persistence.behavior import Context
from spikes.persistence.effect import Effect

NOTE_NOT_FOUND = NotFound("note")


def refused_to_see(context: Context, note: Note) -> Effect[NoteEvent] | None:
    """Refuse whoever may not see the note."""
    return None if may_see(note, context.principal) else refuse(NOTE_NOT_FOUND)


def refused_to_change(context: Context, note: Note) -> Effect[NoteEvent] | None:
    """Refuse everybody but the owner; what may not be seen is not there."""
    if not may_see(note, context.principal):
        return refuse(NOTE_NOT_FOUND)
    return None if note.owner == context.principal else refuse(Forbidden("only its owner may change a note"))
