"""Relations in the documentation."""

from __future__ import annotations

from spikes.domain.note.request import RelateNoteRequest
from spikes.domain.note.response import RelationResponse
from spikes.web.operation import IDEMPOTENCY_KEY, IF_MATCH, NEXT, Answer, Operation

LISTED = (
    Answer(
        200, list[RelationResponse], "`out` is what this side says, and comes first; `in` what others say.", (NEXT,)
    ),
)
RELATED = (Answer(200, RelationResponse, "The relation."),)
BLOCKS = {"title": "blocks"}

RELATE_NOTE = Operation(
    id="relateNote",
    tag="Relations",
    summary="Relate one of the own notes to another note",
    text="To any note that the caller may see; the `title` says how. Sent again, it changes the title.",
    request=RelateNoteRequest,
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=RELATED,
    errors={403: "The note is somebody else's.", 409: "A note has at most 200 relations, and none to itself."},
    example=BLOCKS,
)
UNRELATE_NOTE = Operation(
    id="unrelateNote",
    tag="Relations",
    summary="End a relation of one of the own notes",
    headers=(IF_MATCH,),
    answers=(Answer(204, None, "The notes are no longer related."),),
    errors={403: "The note is somebody else's."},
)
OF_NOTE = Operation(
    id="listNoteRelations",
    tag="Relations",
    summary="List what a note has to do with others",
    text="Both sides show a relation, to those who may see both notes; none to or from a note in the trash.",
    answers=LISTED,
)
RELATE_USER = Operation(
    id="relateUser",
    tag="Relations",
    summary="Relate the caller to another user",
    text="The `title` says how. Sent again, it changes the title.",
    request=RelateNoteRequest,
    headers=(IDEMPOTENCY_KEY,),
    answers=RELATED,
    errors={409: "A user has at most 200 relations, and none to themselves."},
    example={"title": "knows"},
)
UNRELATE_USER = Operation(
    id="unrelateUser",
    tag="Relations",
    summary="End a relation of the caller's",
    answers=(Answer(204, None, "The users are no longer related."),),
)
OF_ME = Operation(
    id="listMyRelations",
    tag="Relations",
    summary="List whom the caller has to do with",
    answers=LISTED,
)
