"""Notes in the documentation."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from spikes.domain.note.request import CreateNoteRequest, UpdateNoteRequest
from spikes.domain.note.request_by_id import PatchNoteRequest, PutNoteRequest
from spikes.domain.note.response import NoteItem, NoteResponse
from spikes.domain.shapes import EXAMPLE_ID
from spikes.web.highlights import MOST_WORDS
from spikes.web.operation import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NEW,
    IF_NONE_MATCH,
    LOCATION,
    MERGE_PATCH,
    NEXT,
    Answer,
    Header,
    Link,
    Operation,
)

ITS_ID = {"tsid": "$response.body#/id"}
SENT_BACK = {
    "id": "$response.body#/id",
    "title": "$response.body#/title",
    "body": "$response.body#/body",
    "status": "$response.body#/status",
    "access": "$response.body#/access",
}
LINKS = (
    Link("readNote", ITS_ID),
    Link("updateNote", body=SENT_BACK),
    Link("trashNote", ITS_ID),
    Link("addComment", ITS_ID),
    Link("readHistory", ITS_ID),
    Link("listNoteRelations", ITS_ID),
)

CREATE = Operation(
    id="createNote",
    tag="Notes",
    summary="Write a note",
    text="`due` must be in the future; `tags` are ids of tags that exist. The note's `slug` is made of the day and the "
    "title, and never changes.",
    request=CreateNoteRequest,
    headers=(IDEMPOTENCY_KEY,),
    answers=(Answer(201, NoteResponse, "The new note.", (ETAG, LOCATION), links=LINKS),),
    errors={409: "The caller has a note with this title from today already; its slug would be the same."},
    example={"title": "First note", "body": "Hello", "access": "Private"},
)
UPDATE = Operation(
    id="updateNote",
    tag="Notes",
    summary="Change one of the own notes",
    text="All fields as they shall be: `due` left out clears it; only `tags` left out stay. `due` must be in the "
    "future if it changes. What was read can be changed and sent back as it is.",
    request=UpdateNoteRequest,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=(Answer(200, NoteResponse, "The note as it is now.", (ETAG,), links=(Link("undoNote", ITS_ID),)),),
    errors={
        403: "The note is somebody else's, or would become it.",
        404: "There is no such note, or the caller may not see it.",
    },
    example={"id": EXAMPLE_ID, "title": "First note", "body": "Hello again", "status": "Doing", "access": "Private"},
)
PUT = Operation(
    id="putNote",
    tag="Notes",
    summary="Change one of the own notes, or write one under an id of your own",
    text="With `If-None-Match: *` the note is written: the id is one that the client has made, 42 bits of milliseconds "
    "since 2020 and 22 random bits; `status` and `access` may be left out then, as in `POST /notes`. Without it the "
    "note is changed as by `PUT /notes`.",
    request=PutNoteRequest,
    headers=(IF_MATCH, IF_NEW, IDEMPOTENCY_KEY),
    answers=(
        Answer(200, NoteResponse, "The note as it is now.", (ETAG,)),
        Answer(201, NoteResponse, "The new note.", (ETAG, LOCATION), links=LINKS),
    ),
    errors={
        403: "The note is somebody else's, or would become it.",
        409: "The caller has a note with this title from today already; its slug would be the same.",
        412: "The id is taken, or the note is at another version than `If-Match` names.",
    },
    example={"title": "First note", "body": "Hello again", "status": "Doing", "access": "Private"},
)
PATCH = Operation(
    id="patchNote",
    tag="Notes",
    summary="Change some fields of one of the own notes",
    text="A JSON merge patch (RFC 7396): what is left out stays, null clears `due` and takes off all `tags`. It is "
    "merged into the note as it is at that moment, or as `If-Match` names it.",
    request=PatchNoteRequest,
    media=MERGE_PATCH,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=(Answer(200, NoteResponse, "The note as it is now.", (ETAG,)),),
    errors={
        403: "The note is somebody else's.",
        409: "The slug that a public note needs is another's by now.",
    },
    example={"status": "Doing", "due": None},
)
READ = Operation(
    id="readNote",
    tag="Notes",
    summary="Read a note",
    text="By its id, or by its slug; of notes of one slug, the caller's own. With `version` or `as_of`, as it was "
    "then, if the caller may know that; an `ETag` of the past is of no use for `If-Match`.",
    headers=(IF_NONE_MATCH,),
    answers=(Answer(200, NoteResponse, "The note, whole.", (ETAG,)),),
)
TRASH = Operation(
    id="trashNote",
    tag="Notes",
    summary="Move one of the own notes to the trash",
    text="From then on every other route answers as if it were not there.",
    headers=(IF_MATCH,),
    answers=(Answer(200, NoteResponse, "The note, with the time in `trashed`.", (ETAG,)),),
    errors={403: "The note is somebody else's."},
)


class ListedNote(NoteItem, frozen=True, kw_only=True, rename="camel"):
    """A note in a list: the number of its comments stands for the comments. `highlights` come with `q` alone."""

    highlights: dict[str, list[str]] | UnsetType = UNSET


TRUNCATED = Header(
    "X-Search-Truncated",
    "There if more than 10,000 notes match: then the newest 10,000 of them are ranked.",
    {"const": "true"},
)
FOUND = (Answer(200, list[ListedNote], "Notes, in the order of `sort`.", (NEXT, TRUNCATED)),)
SEARCH = (
    "Every filter that is given must be met. With `q` each note has `highlights`: for each field that matched, pieces "
    f"of its text with U+0002 before and U+0003 behind each match of the first {MOST_WORDS} words of `q`."
)

LIST = Operation(
    id="listNotes",
    tag="Notes",
    summary="List and search public notes and the caller's own",
    text=SEARCH,
    answers=FOUND,
)
MINE = Operation(
    id="listMyNotes",
    tag="Notes",
    summary="List and search the caller's own notes",
    text=SEARCH,
    answers=FOUND,
)
