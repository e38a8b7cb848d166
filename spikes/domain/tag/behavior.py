"""How a tag behaves: which commands make sense in which phase, and the events that they lead to."""

from __future__ import annotations

from spikes.domain.deciding import answer, persist, persist_and_tell, persist_in_silence, refuse
from spikes.domain.refusals import Conflict, Forbidden, IdTaken, NotFound
from spikes.domain.tag.command import CreateTag, DisownTag, GetTag, RemoveTag, TagCommand, UpdateTag
from spikes.domain.tag.entity import Absent, Removed, Tag, TagState, created, event_handler, unique
from spikes.domain.tag.event import TAG_EVENTS, TagCreated, TagDisowned, TagEvent, TagRemoved, TagUpdated
from spikes.domain.tag.response import TAG_ROWS, row
from spikes.journal.port import Claim
from spikes.persistence.behavior import Context, EventSourcedBehavior
from spikes.persistence.effect import Effect
from spikes.persistence.identity import PersistenceId


def command_handler(state: TagState, command: TagCommand, context: Context) -> Effect[TagEvent]:
    """Decide what happens; which commands make sense depends on the phase of the tag."""
    match state:
        case Absent():
            return _absent(command, context)
        case Tag():
            return _existing(state, command, context)
        case Removed():
            return _removed(command)


def claim_handler(
    state: TagState, command: TagCommand, claim: Claim, holder: str, context: Context
) -> Effect[TagEvent]:
    """Refuse a title that another tag has; its id is told, so that the caller may use that one."""
    if isinstance(command, CreateTag | UpdateTag):
        other = PersistenceId.parse(holder).entity_id
        return refuse(Conflict(f"a tag with the title {command.title} exists already", other))
    return Effect.unhandled()


# ------------------------------------------------------------------------------------------------------------ by phase


def _absent(command: TagCommand, context: Context) -> Effect[TagEvent]:
    match command:
        case CreateTag() if context.principal is None:
            return refuse(Forbidden("nobody is logged in who could own the tag"))
        case CreateTag():
            return persist(_created(command, context))
        case _:
            return _nowhere(command)


def _existing(tag: Tag, command: TagCommand, context: Context) -> Effect[TagEvent]:
    match command:
        case GetTag():
            return answer(tag)
        case CreateTag():
            return _created_before(tag, command, context)
        case DisownTag():
            return _disown(tag, command, context)
        case _ if tag.owner is None or tag.owner != context.principal:
            return refuse(Forbidden("only its creator may change a tag"))
        case UpdateTag():
            return _update(tag, command, context)
        case RemoveTag():
            return persist_and_tell(TagRemoved(context.now), what=lambda _: tag)


def _removed(command: TagCommand) -> Effect[TagEvent]:
    return refuse(IdTaken(command.id)) if isinstance(command, CreateTag) else _nowhere(command)


def _nowhere(command: TagCommand) -> Effect[TagEvent]:
    return answer(None) if isinstance(command, DisownTag) else refuse(NotFound("tag"))


# ---------------------------------------------------------------------------------------------------------- by command


def _created_before(tag: Tag, command: CreateTag, context: Context) -> Effect[TagEvent]:
    """Tell the own tag of an earlier run of this very command (rule C5) from another one with its id."""
    return answer(tag) if tag == created(_created(command, context)) else refuse(IdTaken(command.id))


def _update(tag: Tag, command: UpdateTag, context: Context) -> Effect[TagEvent]:
    if (command.title, command.color) == (tag.title, tag.color):
        return answer(tag)
    return persist(TagUpdated(command.title, command.color, context.now))


def _disown(tag: Tag, command: DisownTag, context: Context) -> Effect[TagEvent]:
    if tag.owner is None:
        return answer(None)
    if tag.owner != command.user_id:
        return refuse(NotFound("tag"))
    return persist_in_silence(TagDisowned(context.now))


# --------------------------------------------------------------------------------------------------------------- parts


def _created(command: CreateTag, context: Context) -> TagCreated:
    return TagCreated(command.id, context.principal or "", command.title, command.color, context.now)


tag_behavior: EventSourcedBehavior[TagCommand, TagEvent, TagState] = EventSourcedBehavior(
    schema=TAG_ROWS,
    empty_state=Absent(),
    state_type=TagState,
    events=TAG_EVENTS,
    command_handler=command_handler,
    event_handler=event_handler,
    claim_handler=claim_handler,
    unique=unique,
    row=row,
)
"""What a tag is to the actors. A client key's repeat is answered with the tag as it was (the default)."""
