"""The three ends of a decision about a note, and who may make it."""

from __future__ import annotations

from spikes.domain.note.entity import Note, may_see
from spikes.domain.note.event import NoteEvent
from spikes.domain.refusals import Forbidden, NotFound, Refusal
from spikes.persistence.behavior import Context
from spikes.persistence.effect import Effect
from spikes.persistence.reply import StatusReply

NOTE_NOT_FOUND = NotFound("note")


def answer(value: object) -> Effect[NoteEvent]:
    """Answer without an event."""
    return Effect.reply(StatusReply.success(value))


def refuse(reason: Refusal) -> Effect[NoteEvent]:
    """Refuse, without an event."""
    return Effect.reply(StatusReply.error(reason))


def persist(event: NoteEvent) -> Effect[NoteEvent]:
    """Store an event and answer with the note after it."""
    effect: Effect[NoteEvent] = Effect.persist(event)
    return effect.then_reply(StatusReply.success)


def persist_in_silence(event: NoteEvent) -> Effect[NoteEvent]:
    """Store an event and answer with None, to a sweeper who has no use for the note."""
    effect: Effect[NoteEvent] = Effect.persist(event)
    return effect.then_reply(lambda _: StatusReply.success(None))


def refused_to_see(context: Context, note: Note) -> Effect[NoteEvent] | None:
    """Refuse whoever may not see the note."""
    return None if may_see(note, context.principal) else refuse(NOTE_NOT_FOUND)


def refused_to_change(context: Context, note: Note) -> Effect[NoteEvent] | None:
    """Refuse everybody but the owner; what may not be seen is not there."""
    if not may_see(note, context.principal):
        return refuse(NOTE_NOT_FOUND)
    return None if note.owner == context.principal else refuse(Forbidden("only its owner may change a note"))
