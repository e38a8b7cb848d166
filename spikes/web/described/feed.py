"""The live feed in the documentation."""

from __future__ import annotations

from spikes.web.operation import Answer, Header, Operation
from spikes.web.tickets import TicketResponse

LAST_EVENT_ID = Header(
    "Last-Event-ID",
    "The `id` of the last event that is known: the feed goes on behind it. It counts for more than `after`.",
)

LISTEN = Operation(
    id="feed",
    tag="Feed",
    summary="Listen to changes as they happen",
    text="Server-sent events: everything that happens to the caller's own notes, comments on them too; to public notes "
    "that the caller's notes relate to; and to public notes of users whom the caller relates to. `event` is the type, "
    '`data` is `{"entity", "id", "version", "type", "time", "who", "note"}` with the note as lists have it, null once '
    "the caller may no longer see it. After `reset` events may be missing: read anew what matters. After `drain` the "
    "stream ends; come back. Where no token can be sent, as by a browser's `EventSource`, a `ticket` will do. One user "
    "may have 20 streams in a process, then the answer is 429 with the code `too_many_streams`; who reads too slowly "
    "is cut off and may resume.",
    headers=(LAST_EVENT_ID,),
    answers=(Answer(200, str, "Events until one side ends it.", media="text/event-stream"),),
)
TICKET = Operation(
    id="feedTicket",
    tag="Feed",
    summary="Get a ticket for the feed",
    text="Good once, for `expiresIn` seconds, as long as the session that it was issued to has not ended.",
    answers=(Answer(201, TicketResponse, "The ticket, for `GET /feed?ticket=`."),),
)
