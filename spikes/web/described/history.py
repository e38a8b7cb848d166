"""History, undo and the trash in the documentation."""

from __future__ import annotations

from spikes.domain.note.history import HistoryEntry
from spikes.domain.note.request import NothingMoreRequest, RestoreNoteRequest
from spikes.domain.note.response import NoteItem, NoteResponse
from spikes.web.operation import ETAG, IDEMPOTENCY_KEY, IF_MATCH, NEXT, Answer, Link, Operation

ITS_ID = {"tsid": "$response.body#/id"}
NOT_THE_OWNERS = {403: "The note is somebody else's."}
SLUG_TAKEN = "the slug that the note would have is another's by now."
CHANGED = (Answer(200, NoteResponse, "The note as it is now.", (ETAG,)),)

HISTORY = Operation(
    id="readHistory",
    tag="History",
    summary="Read what happened to a note",
    text="The newest first. `changes` has for each field what was there before and after, `comments.ID` and "
    "`relations.ID` among them; `who` is a user's id. As private as the note: others than its owner see only versions "
    "at which it was public, and of the first of them not what was before. What a removed comment said, only its "
    "writer sees.",
    answers=(Answer(200, list[HistoryEntry], "One entry a change.", (NEXT,)),),
)
UNDO = Operation(
    id="undoNote",
    tag="History",
    summary="Take the last change of one of the own notes back",
    text="Of title, body, due, status, access and tags, up to 100 changes, one at a time. Each is a new version; "
    "comments and relations stay.",
    request=NothingMoreRequest,
    may_be_empty=True,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=(Answer(200, NoteResponse, "The note as it is now.", (ETAG,), links=(Link("redoNote", ITS_ID),)),),
    errors={**NOT_THE_OWNERS, 409: f"There is nothing to undo; or {SLUG_TAKEN}"},
    example={},
)
REDO = Operation(
    id="redoNote",
    tag="History",
    summary="Do again what was undone last",
    text="Any other change leaves nothing to redo.",
    request=NothingMoreRequest,
    may_be_empty=True,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=CHANGED,
    errors={**NOT_THE_OWNERS, 409: f"There is nothing to redo; or {SLUG_TAKEN}"},
    example={},
)
RESTORE = Operation(
    id="restoreNote",
    tag="History",
    summary="Go back to a version of one of the own notes, or take it out of the trash",
    text="With a `version`, the note gets the title, body, due, status, access and tags that it had then; this can be "
    "undone. Without one it comes out of the trash.",
    request=RestoreNoteRequest,
    may_be_empty=True,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=CHANGED,
    errors={**NOT_THE_OWNERS, 409: f"The note is not in the trash; or {SLUG_TAKEN}"},
    example={"version": 1},
)
TRASH = Operation(
    id="listTrash",
    tag="History",
    summary="List the own notes in the trash",
    text="They stay there until they are restored; nothing is purged.",
    answers=(Answer(200, list[NoteItem], "Notes, the last one that went there first.", (NEXT,)),),
)
