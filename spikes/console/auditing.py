"""Everything that operators do is kept in the journal, before it is done.

Whoever writes a page on which something is done, or users' texts are shown, says so first:

    async def page(context: PageContext) -> Page:
        await audit(context, "reveal", persistence_id, context.form.get("reason", ""))
        ...  # it is stored now; do it

The events are those of `audit|2026-11-24`, an entity for each day (UTC), and can be read like any other's history.
"""

from __future__ import annotations

from spikes.actors.port import AskTimeout
from spikes.console.page import BadRequest, PageContext
from spikes.domain.audit.behavior import KIND, audit_of
from spikes.domain.audit.command import NoteAction
from spikes.journal.errors import JournalUnavailable
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Error
from spikes.telemetry.requests import milliseconds

SHORTEST, LONGEST = 3, 200
"""How many characters a reason may have."""


async def audit(context: PageContext, action: str, subject: str, reason: str) -> None:
    """Keep that the operator is about to do something, and why.

    Raises BadRequest without a reason; JournalUnavailable if it can't be stored, and then it must not be done.
    """
    command = NoteAction(action, subject, reason_of(reason), context.role.name.lower(), context.client)
    try:
        answer = await context.inside.entities.ask(todays(), command, request_id=f"console-{action}"[:64])
    except AskTimeout as problem:
        raise JournalUnavailable(f"this could not be noted, so it was not done: {problem}") from None
    if isinstance(answer.status, Error):
        raise JournalUnavailable(f"this could not be noted, so it was not done: {answer.status.reason}")


def todays() -> PersistenceId:
    """Return the audit of the present day (UTC)."""
    return PersistenceId.of(KIND, audit_of(milliseconds()))


def reason_of(text: str) -> str:
    """Return a reason as it is kept. Raises BadRequest."""
    reason = " ".join(text.split())
    if not SHORTEST <= len(reason) <= LONGEST:
        raise BadRequest(f"reason is wrong: it must have {SHORTEST} to {LONGEST} characters")
    return reason
