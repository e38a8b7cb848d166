"""The query parameters that lists of notes are narrowed and ordered by."""

from __future__ import annotations

import msgspec

from spikes.domain.note.command import ACCESSES, STATUSES
from spikes.domain.shapes import EXAMPLE_ID
from spikes.domain.times import from_rfc3339
from spikes.domain.tsid import TSID_PATTERN, parse_tsid
from spikes.web import search_text
from spikes.web.errors import shown
from spikes.web.paging import CURSOR, LIMIT
from spikes.web.parameters import Parameter

RELEVANCE = "relevance"
SORTS = ("-created", "-updated", "due", "title", RELEVANCE)

MOST_TAGS = 20
"""How many tags a list can be narrowed by: what is asked has to fit the line of a request."""


class Choice(msgspec.Struct, frozen=True):
    """One of some words."""

    name: str
    values: tuple[str, ...]
    text: str = ""
    default: str | None = None
    several: int = 1

    def read(self, text: str) -> str:
        """Return the word; raises ValueError that names all of them."""
        if text not in self.values:
            raise ValueError(f"{self.name} must be one of {', '.join(self.values)}, not {shown(text)!r}")
        return text

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        return {"type": "string", "enum": list(self.values), **({"description": self.text} if self.text else {})}


class Id(msgspec.Struct, frozen=True):
    """The id of something, in upper or lower case."""

    name: str
    text: str
    several: int = 1

    @property
    def default(self) -> tuple[str, ...] | None:
        """Return none of them."""
        return () if self.several > 1 else None

    def read(self, text: str) -> str:
        """Return the id in upper case; raises ValueError."""
        try:
            return parse_tsid(text)
        except ValueError:
            raise ValueError(f"{self.name} must be an id like {EXAMPLE_ID}, not {shown(text)!r}") from None

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        one: dict[str, object] = {"type": "string", "pattern": f"^{TSID_PATTERN}$"}
        if self.several == 1:
            return {**one, "description": self.text}
        return {"type": "array", "items": one, "maxItems": self.several, "description": self.text}


class Moment(msgspec.Struct, frozen=True):
    """A time, read to milliseconds since the epoch."""

    name: str
    text: str
    default: int | None = None
    several: int = 1

    def read(self, text: str) -> int:
        """Return the time; raises ValueError with what would be right."""
        try:
            return from_rfc3339(text)
        except (ValueError, OverflowError):
            raise ValueError(
                f"{self.name} must be an RFC 3339 time like 2026-11-23T10:00:00Z, not {shown(text)!r}"
            ) from None

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        return {"type": "string", "format": "date-time", "description": self.text}


class SearchText(msgspec.Struct, frozen=True):
    """A text to search for."""

    name: str
    default: str | None = None
    several: int = 1

    def read(self, text: str) -> str:
        """Return the text as it came; raises ValueError with what would be right."""
        try:
            text.encode()
            search_text.parse(text)
        except UnicodeEncodeError:
            raise ValueError(f"{self.name} must be UTF-8") from None
        except ValueError as problem:
            raise ValueError(f"{self.name} {problem}") from None
        return text

    def schema(self) -> dict[str, object]:
        """Return what the documentation says of it."""
        text = (
            "Words, beginnings of words (`word*`, from 3 characters on) and phrases in quotes, without regard to case "
            "and accents; all have to be found in title, body or comments. On Cassandra only words; anything else is a "
            "400 there, `unsupported_by_journal`."
        )
        return {"type": "string", "minLength": 1, "maxLength": search_text.LONGEST, "description": text}


STATUS = Choice("status", tuple(STATUSES))
ACCESS = Choice("access", tuple(ACCESSES))
TAG = Id("tag", f"The id of a tag that the note has; up to {MOST_TAGS} of them, all of which it has.", MOST_TAGS)
OWNER = Id("owner", "Whose notes.")
DUE_BEFORE = Moment("due_before", "Only what is due, and earlier than this.")
DUE_AFTER = Moment("due_after", "Only what is due, and later than this.")
TEXT = SearchText("q")
SORT = Choice(
    "sort",
    SORTS,
    f"`-created` unless told, with `q` `{RELEVANCE}`, which needs `q`. On Cassandra only `-created`; any other is a "
    "400 there, `unsupported_by_journal`.",
)

FILTERS: tuple[Parameter, ...] = (STATUS, ACCESS, TAG, OWNER, DUE_BEFORE, DUE_AFTER, TEXT, SORT)
NOTE_LIST: tuple[Parameter, ...] = (*FILTERS, LIMIT, CURSOR)
"""All that the query of a list of notes may hold."""
