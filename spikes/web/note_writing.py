"""What all changes of a note have in common: at which version, in whose name, once; and how the note is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import UNSET

from spikes.domain.note.command import GetNote
from spikes.domain.note.entity import Note
from spikes.domain.note.response import note_response, tags_shown
from spikes.domain.refusals import NotFound
from spikes.journal.port import CommandKey
from spikes.persistence.reply import Answer, PreconditionFailed
from spikes.web import known_tags
from spikes.web.call import Call
from spikes.web.conditions import NEVER, etag, is_known, versions
from spikes.web.errors import BadFields, Refused, forbidden
from spikes.web.reply import Headers, Reply, json_reply

REVALIDATE = ("Cache-Control", "private, no-cache")

Look = Callable[[Call, str], Awaitable[int]]
"""Returns the version of a note; raises a 404 or 403 for whom the change is not."""


async def as_owner(call: Call, note_id: str) -> int:
    """Look at a note that only its owner may change: a 404 for one that may not be seen, a 403 for another's."""
    return (await own(call, note_id)).sequence_nr


async def own(call: Call, note_id: str) -> Answer:
    """Return a note that only its owner may change, as it is; raises as `as_owner` does."""
    answer = await call.ask("note", note_id, GetNote())
    note: Note = call.value(answer)
    if note.owner != call.caller.user_id:
        raise forbidden("a note is changed by nobody but its owner")
    return answer


async def as_reader(call: Call, note_id: str) -> int:
    """Look at a note that everybody who sees it may say something about."""
    return (await call.ask("note", note_id, GetNote())).sequence_nr


async def change(
    call: Call, note_id: str, command: object, key: CommandKey | None = None, look: Look = as_owner
) -> Answer:
    """Ask a note to change, at the version that If-Match names; its version is told to nobody who may not see it."""
    expected = await _expected(call, note_id, look)
    try:
        return await call.ask("note", note_id, command, expected, key)
    except Refused as refused:
        if isinstance(refused.reason, PreconditionFailed):
            await look(call, note_id)
        raise


async def first_answer(call: Call, note_id: str, key: CommandKey | None) -> Answer | None:
    """Return what a note's change was answered under this key before, whatever would be refused by now (rule C4)."""
    if key is None:
        return None
    try:
        answer = await call.ask("note", note_id, GetNote(), key=key)
    except Refused as refused:
        if isinstance(refused.reason, NotFound):
            return None
        raise
    return answer if answer.replayed else None


async def known_tags_or_first_answer(call: Call, tags: Sequence[str] | None, key: CommandKey | None) -> Answer | None:
    """Raise a 400 for unknown tags; but return the first answer of a request that is repeated: they were known then."""
    try:
        await known_tags.check_tags(call, tags)
    except BadFields:
        answer = await first_answer(call, call.services.sources.ids.next(), key)
        if answer is None:
            raise
        return answer
    return None


async def gone_tags(call: Call, note_id: str, more: Iterable[str] = ()) -> tuple[str, ...]:
    """Return those tags of a note, and of `more`, that are removed by now: the next change of the note drops them."""
    try:
        note: Note = call.value(await call.ask("note", note_id, GetNote()))
    except Refused as refused:
        if isinstance(refused.reason, NotFound):
            return ()  # the change itself will say so
        raise
    steps = [step.tags for step in (*note.steps.undo[-1:], *note.steps.redo[-1:])]
    in_steps = (tag for tags in steps if tags is not UNSET for tag in tags)
    return tuple(await known_tags.gone(call, (*note.tags, *in_steps, *more)))


async def shown(call: Call, answer: Answer) -> Reply:
    """Return the note for a read: a 304 if the client has it already."""
    note: Note = call.value(answer)
    gone = await known_tags.gone(call, note.tags)
    tag = note_tag(note, answer.sequence_nr, gone)
    headers = (("ETag", tag), REVALIDATE)
    if is_known(call.header("If-None-Match"), tag):
        return Reply(304, headers=headers)
    return json_reply(note_response(note, answer.sequence_nr, gone), headers=headers)


async def written(call: Call, answer: Answer, status: int = 200, headers: Headers = ()) -> Reply:
    """Return the note after a write."""
    note: Note = call.value(answer)
    gone = await known_tags.gone(call, note.tags)
    tag = ("ETag", note_tag(note, answer.sequence_nr, gone))
    return json_reply(note_response(note, answer.sequence_nr, gone), status, (tag, *headers, *call.repeated(answer)))


def note_tag(note: Note, sequence_nr: int, gone: frozenset[str]) -> str:
    """Return the ETag of a note that is shown without the tags that are gone."""
    return etag(sequence_nr, note.id, *tags_shown(note.tags, gone))


async def _expected(call: Call, note_id: str, look: Look) -> int | None:
    """Return the one version at which the note may be changed, None for any."""
    allowed = versions(call.header("If-Match"))
    if allowed is None:
        return None
    if len(allowed) > 1:
        present = await look(call, note_id)
        return present if present in allowed else NEVER
    return allowed[0] if allowed else NEVER
