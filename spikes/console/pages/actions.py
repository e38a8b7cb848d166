"""Actions: what an operator can do to the service. Each needs a reason and a typed confirmation, and is noted."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from spikes.actors.port import AskTimeout
from spikes.console.auditing import audit, todays
from spikes.console.inside import Inside
from spikes.console.page import BadRequest, NotThere, Page, PageContext, Redirect
from spikes.console.subject import LONGEST_ID, entity_of
from spikes.console.writing import check_typed, check_writes
from spikes.domain.user.command import EndSession, ListSessions
from spikes.domain.user.entity import Session
from spikes.journal.errors import JournalUnavailable
from spikes.journal.port import PAGE
from spikes.persistence.codec import UndecodableEvent
from spikes.persistence.identity import PersistenceId
from spikes.persistence.rebuild import RowFold
from spikes.persistence.reply import Success

DONE = {
    "passivate": "The entity leaves memory once it has finished what it does.",
    "not-there": "The entity was not in memory.",
    "rebuild": "The row was what the events say already.",
    "rebuilt": "The row differed from what the events say, and was made anew.",
    "end-sessions": "All sessions of the user have ended.",
    "drain": "The service finishes what it has begun, then ends.",
}
"""What is said of an action that was done; nothing else of the address is shown."""


class Actions(msgspec.Struct, frozen=True):
    """What the page shows: whether anything may be done, what was, the entity that forms begin with, and the audit."""

    writes: bool
    done: str
    subject: str
    user: str
    audit: str


async def page(context: PageContext) -> Page:
    """GET /actions: the forms."""
    subject = context.query.get("id", "")[:LONGEST_ID]
    content = Actions(
        context.inside.settings.console_writes,
        DONE.get(context.query.get("done", ""), ""),
        subject,
        subject if subject.startswith("user|") else "",
        str(todays()),
    )
    return Page("actions.html", content, "Actions")


async def passivate(context: PageContext) -> Redirect:
    """POST /actions/passivate: `id`; in whichever process it is."""
    entity = await _begin(context, "passivate")
    found = await context.peers.ask("passivate", id=str(entity))
    return _done("passivate" if any(found.values()) else "not-there", entity)


async def own_passivation(inside: Inside, parameters: Mapping[str, str]) -> bool:
    """Let an entity leave the memory of this process; tell whether it was there."""
    return inside.entities.passivate(PersistenceId.parse(parameters["id"]))


async def rebuild(context: PageContext) -> Redirect:
    """POST /actions/rebuild: `id`; makes the row of one entity anew from its events."""
    entity = await _begin(context, "rebuild")
    behavior = context.inside.behavior(entity.kind)
    if behavior is None:
        raise BadRequest(f"id is wrong: this release has no entities of the kind {entity.kind[:50]}")
    journal, fold = context.inside.journal, RowFold(behavior, str(entity))
    try:
        while page := await journal.events(str(entity), fold.folded.sequence_nr, PAGE):
            fold.add(page)
    except (UndecodableEvent, ValueError) as problem:
        raise BadRequest(f"the row can't be made, since the events can't be read: {problem}") from None
    if not fold.folded.sequence_nr:
        raise NotThere(f"nothing is stored of {entity}")
    return _done("rebuilt" if await journal.replace_rows([fold.row()]) else "rebuild", entity)


async def end_sessions(context: PageContext) -> Redirect:
    """POST /actions/end-sessions: `id` of a user; whoever is logged in as that user has to log in again."""
    user = await _begin(context, "end-sessions")
    if user.kind != "user":
        raise BadRequest("id is wrong: it must be that of a user, like user|0MZ4A1B2C3ABC")
    sessions = await _ask_as(context, user, ListSessions())
    for session in sessions if isinstance(sessions, tuple) else ():
        assert isinstance(session, Session)
        await _ask_as(context, user, EndSession(session.id))
    return _done("end-sessions", user)


async def _ask_as(context: PageContext, user: PersistenceId, command: object) -> object:
    """Ask a user's entity in the user's name; the event says that it was done on the console."""
    try:
        answer = await context.inside.entities.ask(
            user, command, principal=user.entity_id, request_id="console-end-sessions"
        )
    except AskTimeout as problem:
        raise JournalUnavailable(f"it is not known whether all sessions have ended; try again: {problem}") from None
    if not isinstance(answer.status, Success):
        raise NotThere(f"{user} can't be asked: {answer.status.reason!r}")
    return answer.status.value


async def drain(context: PageContext) -> Redirect:
    """POST /actions/drain: the service ends as by SIGTERM; who started it may start it again."""
    check_writes(context)
    check_typed(context, "drain")
    await audit(context, "drain", "service", context.form.get("reason", ""))
    os.kill(os.getppid() if context.peers.supervised else os.getpid(), signal.SIGTERM)
    return Redirect("/actions?done=drain")


async def _begin(context: PageContext, action: str) -> PersistenceId:
    """Return what the form is about, once it is confirmed and noted. Raises Refusal, BadRequest, JournalUnavailable."""
    check_writes(context)
    text = context.form.get("id", "").strip()
    entity = entity_of(text if text.isprintable() else "")  # one that nobody can read, nobody can confirm
    check_typed(context, text)
    await audit(context, action, text, context.form.get("reason", ""))
    return entity


def _done(what: str, entity: PersistenceId) -> Redirect:
    return Redirect(f"/actions?{urlencode({'done': what, 'id': str(entity)})}")
