"""Comments in the documentation."""

from __future__ import annotations

from spikes.domain.note.request import AddCommentRequest, UpdateCommentRequest
from spikes.domain.note.response import NoteResponse
from spikes.web.operation import ETAG, IDEMPOTENCY_KEY, IF_MATCH, Answer, Link, Operation

EXAMPLE_COMMENT = "0SAJWHS03CF2V"
COMMENT = {"title": "Well said", "body": "I could not agree more", "stars": 5}
ITS_IDS = {"tsid": "$response.body#/id", "comment": "$response.body#/comments/0/id"}
LINKS = (Link("updateCommentById", ITS_IDS), Link("removeComment", ITS_IDS))
CHANGED = (Answer(200, NoteResponse, "The note with its comments.", (ETAG,)),)
NOT_THE_WRITERS = {403: "The comment is somebody else's."}

ADD = Operation(
    id="addComment",
    tag="Comments",
    summary="Comment on a note, or answer a comment",
    text="On any note that the caller may see. An answer names its `parent`, a comment on the same note; answers go 20 "
    "deep. `stars` (0 to 5) are the writer's rating. `noteId`, if given, must be the id in the path.",
    request=AddCommentRequest,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=(Answer(201, NoteResponse, "The note with its comments, the new one last.", (ETAG,), links=LINKS),),
    errors={409: "A note takes 1,000 comments, and 1 MiB of text in them."},
    example=COMMENT,
)
UPDATE = Operation(
    id="updateComment",
    tag="Comments",
    summary="Change one of the own comments, named in the body",
    text="What was read can be changed and sent back as it is.",
    request=UpdateCommentRequest,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=CHANGED,
    errors={**NOT_THE_WRITERS, 409: "The comments of a note have at most 1 MiB of text."},
    example={"id": EXAMPLE_COMMENT, **COMMENT},
)
UPDATE_IN_PATH = Operation(
    id="updateCommentById",
    tag="Comments",
    summary="Change one of the own comments",
    text="`id`, if given, must be the one in the path.",
    request=UpdateCommentRequest,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=CHANGED,
    errors={**NOT_THE_WRITERS, 409: "The comments of a note have at most 1 MiB of text."},
    example=COMMENT,
)
REMOVE = Operation(
    id="removeComment",
    tag="Comments",
    summary="Remove one of the own comments, or any on one of the own notes",
    text="One that has answers leaves a place-holder: `removed` is true, and text, writer and color are null.",
    headers=(IF_MATCH,),
    answers=CHANGED,
    errors=NOT_THE_WRITERS,
)
