"""The note as it was: at a version, or at a time."""

from __future__ import annotations

import msgspec

from spikes.domain.note.history import Version
from spikes.domain.note.response import note_response, tags_shown
from spikes.persistence.reply import Answer
from spikes.web import known_tags
from spikes.web.call import Call
from spikes.web.conditions import etag, is_known
from spikes.web.filters import Moment
from spikes.web.note_writing import REVALIDATE
from spikes.web.parameters import Number, Parameter, bad_query
from spikes.web.past import at
from spikes.web.reply import Reply, json_reply


class VersionNumber(msgspec.Struct, frozen=True):
    """The number of an event, if one is wanted."""

    name: str
    text: str
    default: int | None = None
    several: int = 1

    def read(self, text: str) -> int:
        """Return the number; raises ValueError with what would be right."""
        return Number(self.name, 1, 2**53, 1).read(text)

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        return {"type": "integer", "minimum": 1, "maximum": 2**53, "description": self.text}


PAST: tuple[Parameter, ...] = (
    VersionNumber("version", "The note as it was at this version."),
    Moment("as_of", "The note as it was at this time. Not together with `version`."),
)


async def shown_then(call: Call, now: Answer) -> Reply | None:
    """Return the note at the version or time that the query names, None if it names neither.

    `now` is the note at present, which the caller may see. Raises a 404 for a version that is not for the caller.
    """
    version, as_of = _number(call, "version"), _number(call, "as_of")
    if version is None and as_of is None:
        return None
    if version is not None and as_of is not None:
        raise bad_query("version and as_of can't be given together")
    return await _shown(call, await at(call, call.value(now).id, version, as_of), now.sequence_nr)


async def _shown(call: Call, then: Version, now: int) -> Reply:
    """Return an old version. Its tag has the present version in it: comments removed since then are missing here."""
    note = then.note
    gone = await known_tags.gone(call, note.tags)
    tag = etag(then.version, note.id, str(now), *tags_shown(note.tags, gone))
    headers = (("ETag", tag), REVALIDATE)
    if is_known(call.header("If-None-Match"), tag):
        return Reply(304, headers=headers)
    return json_reply(note_response(note, then.version, gone), headers=headers)


def _number(call: Call, name: str) -> int | None:
    value = call.query[name]
    assert value is None or isinstance(value, int)
    return value
