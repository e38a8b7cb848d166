"""Batches in the documentation."""

from __future__ import annotations

from spikes.web.batch import ANSWERED, ITEMS, LONGEST_METHOD, MAX_BATCH, BatchAnswer
from spikes.web.operation import JSON, Answer, Operation

ITEM = {
    "type": "object",
    "properties": {
        "method": {"type": "string", "pattern": f"^[A-Za-z]{{1,{LONGEST_METHOD}}}$"},
        "path": {"type": "string", "description": "With its query, if any."},
        "headers": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "default": {},
            "description": "`Content-Type`, `If-Match`, `If-None-Match`, `Idempotency-Key` and `Accept`, no others.",
        },
        "body": {"description": "Any JSON; null is no body.", "default": None},
    },
    "required": ["method", "path"],
    "additionalProperties": False,
}
EXAMPLE = [
    {"method": "POST", "path": "/notes", "body": {"title": "One of many", "body": "Hello"}},
    {"method": "GET", "path": "/notes/mine?limit=10"},
]

RUN = Operation(
    id="batch",
    tag="Feed",
    summary="Many requests in one",
    text="The requests are done one after the other in the caller's name, and answered in their order; what one of "
    "them fails with leaves the others as they are. Each counts for the rate limits. Not within a batch: another "
    "batch, logging in, the feed, export and import, and the documentation page. A body has at most 1 MiB here too, "
    f"all together {MAX_BATCH // 2**20} MiB; after {ANSWERED // 2**20} MiB of answers the rest is left undone (413).",
    body={JSON: {"schema": {"type": "array", "minItems": 1, "maxItems": ITEMS, "items": ITEM}, "example": EXAMPLE}},
    answers=(Answer(200, list[BatchAnswer], "An answer to each."),),
    errors={413: f"The batch has more than {MAX_BATCH:,} bytes."},
    example=EXAMPLE,
)
