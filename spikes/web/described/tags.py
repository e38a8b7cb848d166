"""Tags in the documentation."""

from __future__ import annotations

from spikes.domain.note.response import NoteResponse
from spikes.domain.tag.request import CreateTagRequest, UpdateTagRequest
from spikes.domain.tag.response import TagResponse
from spikes.web.cloud import TagCount
from spikes.web.operation import ETAG, IDEMPOTENCY_KEY, IF_MATCH, LOCATION, NEXT, Answer, Link, Operation

NOT_THE_CREATORS = {403: "The tag is somebody else's, or of somebody who has left."}
TITLE_TAKEN = {409: "There is a tag with this title already, whatever its case; `id` is that tag's."}
ITS_ID = {"tsid": "$response.body#/id"}

CREATE = Operation(
    id="createTag",
    tag="Tags",
    summary="Make a tag",
    text="Titles are unique, without regard to case. Without a `color` the tag is black.",
    request=CreateTagRequest,
    headers=(IDEMPOTENCY_KEY,),
    answers=(
        Answer(
            201, TagResponse, "The new tag.", (LOCATION,), links=(Link("readTag", ITS_ID), Link("removeTag", ITS_ID))
        ),
    ),
    errors=TITLE_TAKEN,
    example={"title": "urgent", "color": "ff8800"},
)
LIST = Operation(
    id="listTags",
    tag="Tags",
    summary="List all tags",
    answers=(Answer(200, list[TagResponse], "Tags by title.", (NEXT,)),),
)
CLOUD = Operation(
    id="tagCloud",
    tag="Tags",
    summary="How often tags are used",
    text="Over the notes that the caller may see: public ones, as of the last 5 seconds, and the own private ones, as "
    "of now. `weight` is 1 to 5, by the logarithm of `count`. The 200 tags that are used most, those first.",
    answers=(Answer(200, list[TagCount], "Tags that are used, the most used first."),),
)
READ = Operation(
    id="readTag",
    tag="Tags",
    summary="Read a tag",
    answers=(Answer(200, TagResponse, "The tag."),),
)
UPDATE = Operation(
    id="updateTag",
    tag="Tags",
    summary="Change one of the own tags, named in the body",
    text="What was read can be changed and sent back as it is; a `color` left out is black.",
    request=UpdateTagRequest,
    headers=(IDEMPOTENCY_KEY,),
    answers=(Answer(200, TagResponse, "The tag as it is now."),),
    errors={**NOT_THE_CREATORS, **TITLE_TAKEN, 404: "There is no such tag."},
    example={"id": "0SAJWHS03CF2T", "title": "very urgent", "color": "ff0000"},
)
UPDATE_IN_PATH = Operation(
    id="updateTagById",
    tag="Tags",
    summary="Change one of the own tags",
    text="`id`, if given, must be the one in the path.",
    request=UpdateTagRequest,
    headers=(IDEMPOTENCY_KEY,),
    answers=(Answer(200, TagResponse, "The tag as it is now."),),
    errors={**NOT_THE_CREATORS, **TITLE_TAKEN},
    example={"title": "very urgent", "color": "ff0000"},
)
REMOVE = Operation(
    id="removeTag",
    tag="Tags",
    summary="Remove one of the own tags",
    text="No note shows it from then on.",
    answers=(Answer(200, TagResponse, "The tag as it was."),),
    errors=NOT_THE_CREATORS,
)
PUT_ON = Operation(
    id="tagNote",
    tag="Tags",
    summary="Put a tag on one of the own notes",
    headers=(IF_MATCH, IDEMPOTENCY_KEY),
    answers=(Answer(200, NoteResponse, "The note with the tag.", (ETAG,)),),
    errors={403: "The note is somebody else's.", 409: "A note has at most 50 tags."},
)
TAKE_OFF = Operation(
    id="untagNote",
    tag="Tags",
    summary="Take a tag off one of the own notes",
    headers=(IF_MATCH,),
    answers=(Answer(200, NoteResponse, "The note without the tag.", (ETAG,)),),
    errors={403: "The note is somebody else's."},
)
