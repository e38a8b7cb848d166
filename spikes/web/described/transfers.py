"""Export and import in the documentation."""

from __future__ import annotations

from spikes.web.importing import ImportResponse
from spikes.web.operation import Answer, Header, Operation

ARCHIVE = {"type": "string", "contentMediaType": "application/zip"}
DISPOSITION = Header("Content-Disposition", "The name to save it under.", always=True)

EXPORT = Operation(
    id="exportAccount",
    tag="Export and import",
    summary="Export the own account",
    text="A zip archive of all that the caller has: `account.json`, a Markdown file with front matter for each note "
    "(`notes/`, and `trash/` for those in the trash), and every event of these notes as JSON lines (`events.jsonl`). "
    "It is made while it is sent. What others commented and removed since is left out.",
    answers=(Answer(200, bytes, "The archive.", (DISPOSITION,), media="application/zip"),),
    errors={409: "An export or import of the caller's is under way.", 503: "Too many others are under way."},
)
IMPORT = Operation(
    id="importNotes",
    tag="Export and import",
    summary="Import notes from an archive",
    text="Makes a note of each Markdown file in a zip archive: one that was exported here, or one of any other tool. "
    "The title comes from the front matter, the first heading or the name of the file; `created`, `due`, `status`, "
    "`access` and `tags` (titles of tags that exist) from the front matter. A note is private unless it says `access: "
    "Public`. Importing the same archive again makes nothing new, and changes nothing. An archive may have 100 MiB, "
    "100,000 files and 1 GiB unpacked, and may be 100 times smaller than its files; one with names that lead out of "
    "it is refused.",
    body={"application/zip": {"schema": ARCHIVE}},
    answers=(Answer(200, ImportResponse, "What became of each file."),),
    errors={
        400: "It is no zip archive, a damaged one, or one with names that lead out of it.",
        408: "The client stopped sending.",
        409: "An export or import of the caller's is under way.",
        413: "The archive, or what it unpacks to, is too large.",
        503: "Too many others are under way.",
    },
)
