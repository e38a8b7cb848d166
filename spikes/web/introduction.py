"""What a reader of the API documentation needs to know before the first request."""

from __future__ import annotations

TAGS = {
    "Accounts": "Opening an account, the caller's own one, and the public profiles of all.",
    "Sessions": "Logging in and out, and what else is logged in.",
    "Notes": "Writing, changing, reading, listing and searching notes.",
    "Comments": "What people say about a note; the answer is always the note with its comments.",
    "Tags": "Shared by all: whoever has a token may put any tag on notes of their own.",
    "Relations": "How notes, and people, relate to each other.",
    "History": "What a note was, who changed it, and taking changes back.",
    "Feed": "Changes as they happen, and many requests at once.",
    "Transfer": "Taking everything out, and bringing notes in.",
    "Service": "What the service is and how it does.",
}

INTRODUCTION = """\
JSON in and out. A first note takes three requests:

1. `POST /users` opens an account.
2. `POST /users/login` answers with an `access_token`. Send it from then on as `Authorization: Bearer TOKEN`
   (on this page: *Authorize*, and paste the token alone).
3. `POST /notes` writes a note: `{"title": "First note", "body": "Hello"}`. It is public unless `access` is `Private`.

**Ids** are texts of 13 characters, in either case, given by the service; a note may get one from its client.
**Times** are RFC 3339 in UTC, like `2026-11-23T10:00:00.000Z`; one without a zone is read as UTC. **Keys** are always
there, null or `[]` if empty. What was read can be changed and sent back by PUT as it is: fields that only the service
writes are ignored.

**Who may do what.** What needs a token says so; everything else is open, and a token that is not valid is refused even
there. What you may not see is 404, what you may see but not change is 403.

**Errors** are `{"message", "code", "request_id"}`: `code` is for programs, `message` for people, and `request_id`
(also in `X-Request-ID`, which you may send) is what to ask the operator about. A body with wrong fields is answered
with a list instead, `[{"field": "Note.title", "error": "missing"}]`, one entry a field, all at once. An unknown query
parameter or field is an error.

**Lists** are arrays. The next page is at the `Link` with `rel="next"`; without one, there is none.

**Not losing updates.** A note comes with an `ETag`. Sent back as `If-Match`, it makes sure that you change only what
you have seen; otherwise the answer is 412. As `If-None-Match` on a GET it makes the answer a 304 as long as nothing
has changed.

**Not doing things twice.** With an `Idempotency-Key`, a POST, PUT or PATCH can be repeated for 24 hours: it is done
once, and every repeat gets the first answer. After a 503 with the code `unknown`, that is the way to find out.

**Not too fast.** Where requests are limited, `RateLimit-Policy` says how many there may be (`q` in `w` seconds) and
`RateLimit` how many are left (`r`). One too many is a 429, and `Retry-After` says in how many seconds to come again.

GET routes answer HEAD too.
"""
