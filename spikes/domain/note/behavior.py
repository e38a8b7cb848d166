"""How a note behaves: which commands make sense in which phase, and the events that they lead to.

What the owner changes is decided in `changing.py`, what is said about the note in `commenting.py`.
"""

from __future__ import annotations

import msgspec

from spikes.domain import relation
from spikes.domain.deciding import answer, persist, persist_in_silence, refuse
from spikes.domain.note.changing import Change, change, wrong_due
from spikes.domain.note.command import (
    AddComment,
    CreateNote,
    ForgetWriter,
    GetNote,
    ImportNote,
    NoteCommand,
    PurgeNote,
    RedoNote,
    RelateNote,
    RemoveComment,
    RestoreNote,
    TagNote,
    TrashNote,
    UndoNote,
    UnrelateNote,
    UntagNote,
    UpdateComment,
    UpdateNote,
)
from spikes.domain.note.commenting import discuss, forget
from spikes.domain.note.deciding import NOTE_NOT_FOUND, refused_to_change, refused_to_see
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
from spikes.domain.note.event import (
    NOTE_EVENTS,
    NoteCreated,
    NoteEvent,
    NoteRelated,
    NoteRemoved,
    NoteTrashed,
    NoteUnrelated,
)
from spikes.domain.note.importing import import_note, import_under_another_slug
from spikes.domain.note.response import NOTE_ROWS, row
from spikes.domain.refusals import Conflict, Forbidden, IdTaken, NotFound
from spikes.domain.rules import RELATIONS
from spikes.domain.slug import slug_of, with_suffix
from spikes.journal.port import Claim
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.effect import Effect
from spikes.persistence.identity import PersistenceId


def command_handler(state: NoteState, command: NoteCommand, context: Context) -> Effect[NoteEvent]:
    """Decide what happens; which commands make sense depends on the phase of the note."""
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
    if isinstance(command, ImportNote):
        return import_under_another_slug(command, claim, context)
    if isinstance(state, Absent) and isinstance(command, CreateNote):
        event = _created(command, context)
        slug = with_suffix(event.slug, event.id)
        if claim == public_slug_claim(event.slug):
            return persist(msgspec.structs.replace(event, slug=slug))
        return refuse(_slug_conflict(claim, event.slug, holder))
    if isinstance(state, Note) and isinstance(command, Change):
        slug = with_suffix(state.slug, state.id)
        if claim == public_slug_claim(state.slug):
            return change(state, command, context, slug)
        return refuse(_slug_conflict(claim, slug, holder))
    return Effect.unhandled()


# ------------------------------------------------------------------------------------------------------------ by phase


def _absent(command: NoteCommand, context: Context) -> Effect[NoteEvent]:
    match command:
        case CreateNote():
            return _create(command, context)
        case ImportNote():
            return import_note(Absent(), command, context)
        case PurgeNote() | ForgetWriter():
            return answer(None)
        case _:
            return refuse(NOTE_NOT_FOUND)


def _existing(note: Note, command: NoteCommand, context: Context) -> Effect[NoteEvent]:
    match command:
        case GetNote():
            return refused_to_see(context, note) or answer(note)
        case AddComment() | UpdateComment() | RemoveComment():
            return discuss(note, command, context)
        case TrashNote():
            return refused_to_change(context, note) or persist(NoteTrashed(context.now))
        case RelateNote() | UnrelateNote():
            return refused_to_change(context, note) or _relate(note, command, context)
        case CreateNote():
            return _created_before(note, command, context)
        case ImportNote():
            return import_note(note, command, context)
        case PurgeNote():
            return _purge(note, command, context)
        case ForgetWriter():
            return forget(note, command, context)
        case UpdateNote() | TagNote() | UntagNote() | UndoNote() | RedoNote() | RestoreNote():
            return change(note, command, context)


def _removed(command: NoteCommand) -> Effect[NoteEvent]:
    match command:
        case CreateNote() | ImportNote():
            return refuse(IdTaken(command.id))
        case PurgeNote() | ForgetWriter():
            return answer(None)
        case _:
            return refuse(NOTE_NOT_FOUND)


# ---------------------------------------------------------------------------------------------------------- by command


def _create(command: CreateNote, context: Context) -> Effect[NoteEvent]:
    if context.principal is None:
        return refuse(Forbidden("nobody is logged in who could own the note"))
    return wrong_due(command.due, context) or persist(_created(command, context))


def _created_before(note: Note, command: CreateNote, context: Context) -> Effect[NoteEvent]:
    """Tell the own note of an earlier run of this very command (rule C5) from another one with its id."""
    event = _created(command, context)
    if note == created(msgspec.structs.replace(event, slug=note.slug)):
        return answer(note)
    return refuse(IdTaken(command.id))


def _relate(note: Note, command: RelateNote | UnrelateNote, context: Context) -> Effect[NoteEvent]:
    old = relation.found(note.relations, command.target_id)
    match command:
        case UnrelateNote():
            gone = NoteUnrelated(command.target_id, context.now)
            return refuse(NotFound("relation")) if old is None else persist(gone)
        case RelateNote() if command.target_id == note.id:
            return refuse(Conflict("a note can't be related to itself"))
        case RelateNote() if old is not None and old.title == command.title:
            return answer(note)
        case RelateNote() if old is None and len(note.relations) >= RELATIONS:
            return refuse(Conflict(f"a note has at most {RELATIONS} relations"))
        case RelateNote():
            return persist(NoteRelated(command.target_id, command.title, context.now))


def _purge(note: Note, command: PurgeNote, context: Context) -> Effect[NoteEvent]:
    if note.owner != command.owner:
        return refuse(NOTE_NOT_FOUND)
    return persist_in_silence(NoteRemoved(context.now))


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


def _slug_conflict(claim: Claim, slug: str, holder: str) -> Conflict:
    if claim.kind != "slug-own":
        return Conflict(f"slug {slug} already in use")
    return Conflict(f"you already have a note with the slug {slug}", PersistenceId.parse(holder).entity_id)


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
