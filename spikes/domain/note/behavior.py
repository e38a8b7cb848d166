"""How a note behaves: which commands make sense in which phase, and the events that they lead to."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from spikes.domain.note.command import CreateNote, GetNote, ImportNote, NoteCommand, PurgeNote, TrashNote, UpdateNote
from spikes.domain.note.entity import (
    Absent,
    Note,
    NoteState,
    Removed,
    created,
    event_handler,
    public_slug_claim,
    unique,
)
from spikes.domain.note.event import NOTE_EVENTS, NoteCreated, NoteEvent, NoteRemoved, NoteTrashed, NoteUpdated
from spikes.domain.note.importing import import_note, import_under_another_slug
from spikes.domain.note.response import NOTE_ROWS, row
from spikes.domain.refusals import Conflict, Forbidden, IdTaken, InvalidField, NotFound, Refusal
from spikes.domain.rules import IN_FUTURE
from spikes.domain.slug import slug_of, with_suffix
from spikes.domain.times import to_rfc3339
from spikes.domain.validation import invalid
from spikes.journal.port import Claim
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.effect import Effect
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import StatusReply


def command_handler(state: NoteState, command: NoteCommand, context: Context) -> Effect[NoteEvent]:
    """Decide what happens; which commands make sense depends on the phase of the note."""
    if isinstance(command, ImportNote):
        return import_note(state, command, context)
    match state:
        case Absent():
            return _absent(command, context)
        case Note():
            return _existing(state, command, context)
        case Removed():
            return _removed(command)


def claim_handler(
    state: NoteState, command: NoteCommand, claim: Claim, holder: str, context: Context
) -> Effect[NoteEvent]:
    """Decide again after a slug turned out to be taken: another owner's gives way, the caller's own is a conflict."""
    match state, command:
        case _, ImportNote():
            return import_under_another_slug(command, claim, context)
        case Absent(), CreateNote():
            event = _created(command, context)
            slug = with_suffix(event.slug, event.id)
            if claim == public_slug_claim(event.slug):
                return _persist(msgspec.structs.replace(event, slug=slug))
            return _refuse(_slug_conflict(claim, event.slug, holder))
        case Note(), UpdateNote():
            slug = with_suffix(state.slug, state.id)
            if claim == public_slug_claim(state.slug):
                return _persist(_difference(state, command, context, slug))
            return _refuse(_slug_conflict(claim, slug, holder))
        case _:
            return Effect.unhandled()


# ------------------------------------------------------------------------------------------------------------ by phase


def _absent(command: NoteCommand, context: Context) -> Effect[NoteEvent]:
    match command:
        case CreateNote():
            return _create(command, context)
        case PurgeNote():
            return Effect.reply(StatusReply.success(None))
        case _:
            return _refuse(NotFound("note"))


def _existing(note: Note, command: NoteCommand, context: Context) -> Effect[NoteEvent]:
    match command:
        case GetNote():
            return Effect.reply(StatusReply.success(note)) if _visible(note, context) else _refuse(NotFound("note"))
        case UpdateNote():
            return _refused_to(context, note) or _update(note, command, context)
        case TrashNote():
            return _refused_to(context, note) or _persist(NoteTrashed(context.now))
        case CreateNote():
            return _created_before(note, command, context)
        case PurgeNote():
            return _purge(note, command, context)
        case _:
            return Effect.unhandled()


def _removed(command: NoteCommand) -> Effect[NoteEvent]:
    match command:
        case CreateNote():
            return _refuse(IdTaken(command.id))
        case PurgeNote():
            return Effect.reply(StatusReply.success(None))
        case _:
            return _refuse(NotFound("note"))


# ---------------------------------------------------------------------------------------------------------- by command


def _create(command: CreateNote, context: Context) -> Effect[NoteEvent]:
    if context.principal is None:
        return _refuse(Forbidden("nobody is logged in who could own the note"))
    return _wrong_due(command.due, context) or _persist(_created(command, context))


def _created_before(note: Note, command: CreateNote, context: Context) -> Effect[NoteEvent]:
    """Tell the own note of an earlier run of this very command (rule C5) from another one with its id."""
    event = _created(command, context)
    if note == created(msgspec.structs.replace(event, slug=note.slug)):
        return Effect.reply(StatusReply.success(note))
    return _refuse(IdTaken(command.id))


def _update(note: Note, command: UpdateNote, context: Context) -> Effect[NoteEvent]:
    event = _difference(note, command, context, note.slug)
    if event == NoteUpdated(context.now):
        return Effect.reply(StatusReply.success(note))
    due = None if event.due is UNSET else event.due
    return _wrong_due(due, context) or _persist(event)


def _purge(note: Note, command: PurgeNote, context: Context) -> Effect[NoteEvent]:
    if note.owner != command.owner:
        return _refuse(NotFound("note"))
    effect: Effect[NoteEvent] = Effect.persist(NoteRemoved(context.now))
    return effect.then_reply(lambda _: StatusReply.success(None))


# --------------------------------------------------------------------------------------------------------------- parts


def _created(command: CreateNote, context: Context) -> NoteCreated:
    return NoteCreated(
        id=command.id,
        owner=context.principal or "",
        title=command.title,
        body=command.body,
        slug=slug_of(context.now, command.title, command.id),
        due=command.due,
        status=command.status,
        access=command.access,
        tags=command.tags,
        created=context.now,
    )


def _difference(note: Note, command: UpdateNote, context: Context, slug: str) -> NoteUpdated:
    tags = note.tags if command.tags is None else command.tags
    return NoteUpdated(
        updated=context.now,
        title=UNSET if command.title == note.title else command.title,
        body=UNSET if command.body == note.body else command.body,
        slug=UNSET if slug == note.slug else slug,
        due=UNSET if command.due == note.due else command.due,
        status=UNSET if command.status == note.status else command.status,
        access=UNSET if command.access == note.access else command.access,
        tags=UNSET if tags == note.tags else tags,
    )


def _visible(note: Note, context: Context) -> bool:
    return note.trashed is None and (note.access == "Public" or note.owner == context.principal)


def _refused_to(context: Context, note: Note) -> Effect[NoteEvent] | None:
    if not _visible(note, context):
        return _refuse(NotFound("note"))
    return None if note.owner == context.principal else _refuse(Forbidden("only its owner may change a note"))


def _wrong_due(due: int | None, context: Context) -> Effect[NoteEvent] | None:
    if due is None or due > context.now:
        return None
    return _refuse(InvalidField("Note.due", invalid(to_rfc3339(due), IN_FUTURE)))


def _slug_conflict(claim: Claim, slug: str, holder: str) -> Conflict:
    if claim.kind != "slug-own":
        return Conflict(f"slug {slug} already in use")
    return Conflict(f"you already have a note with the slug {slug}", PersistenceId.parse(holder).entity_id)


def _refuse(reason: Refusal) -> Effect[NoteEvent]:
    return Effect.reply(StatusReply.error(reason))


def _persist(event: NoteEvent) -> Effect[NoteEvent]:
    effect: Effect[NoteEvent] = Effect.persist(event)
    return effect.then_reply(StatusReply.success)


note_behavior: EventSourcedBehavior[NoteCommand, NoteEvent, NoteState] = EventSourcedBehavior(
    schema=NOTE_ROWS,
    empty_state=Absent(),
    state_type=NoteState,
    events=NOTE_EVENTS,
    command_handler=command_handler,
    event_handler=event_handler,
    claim_handler=claim_handler,
    unique=unique,
    row=row,
)
"""What a note is to the actors. A client key's repeat is answered with the note as it was (the default)."""
