"""How the texts of answers look: said in the API documentation, checked by nothing here."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from spikes.domain.tsid import TSID_PATTERN

EXAMPLE_ID = "0SAJWHS03CF2T"

Id = Annotated[str, Meta(examples=[EXAMPLE_ID], extra_json_schema={"pattern": f"^{TSID_PATTERN}$"})]
"""The id of anything: a TSID."""

Time = Annotated[str, Meta(examples=["2026-11-23T10:00:00.000Z"], extra_json_schema={"format": "date-time"})]
"""A time in UTC, with milliseconds and Z."""

Date = Annotated[str, Meta(examples=["1990-12-10"], extra_json_schema={"format": "date"})]
"""A day."""

Slug = Annotated[str, Meta(examples=["20261123-first-note"], extra_json_schema={"pattern": "^[0-9]{8}-[0-9a-z-]+$"})]
"""The name of a note in paths."""
