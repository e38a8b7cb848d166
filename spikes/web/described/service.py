"""Health and documentation in the documentation."""

from __future__ import annotations

from typing import Any

from spikes.domain.note.command import Status
from spikes.web.health import Info, Liveness, Result
from spikes.web.operation import Answer, Operation

INFO = Operation(
    id="info",
    tag="Service",
    summary="Figures of the whole service",
    for_all=True,
    text="`persid` is the journal's own id; counts are approximate where exact ones are dear: see `approximate`.",
    answers=(Answer(200, Info, "What the service is, and how much there is."),),
)
LIVENESS = Operation(
    id="liveness",
    tag="Service",
    summary="Does the process answer?",
    for_all=True,
    answers=(Answer(200, Liveness, "It does."),),
)
READINESS = Operation(
    id="readiness",
    tag="Service",
    summary="May requests come?",
    for_all=True,
    answers=(Answer(200, Liveness, "They may."),),
    errors={503: "The service starts or stops, or its journal doesn't answer."},
)
CHECK = Operation(
    id="check",
    tag="Service",
    summary="Does the journal answer?",
    for_all=True,
    answers=(Answer(200, Result, "It does: this was a round trip."),),
)
STATI = Operation(
    id="stati",
    tag="Service",
    summary="The statuses of notes",
    for_all=True,
    answers=(Answer(200, list[Status], "All statuses, in the order in which work goes on."),),
)
OPENAPI = Operation(
    id="openapi",
    tag="Service",
    summary="This document",
    for_all=True,
    answers=(Answer(200, dict[str, Any], "The API in OpenAPI 3.1."),),
)
PAGE = Operation(
    id="docs",
    tag="Service",
    summary="This page",
    for_all=True,
    answers=(Answer(200, str, "The API to read and to try, in a browser.", media="text/html"),),
)
ASSET = Operation(
    id="docsFile",
    tag="Service",
    summary="A file that this page is made of",
    for_all=True,
    answers=tuple(Answer(200, str, "The file.", media=media) for media in ("text/javascript", "text/css", "image/png")),
)
