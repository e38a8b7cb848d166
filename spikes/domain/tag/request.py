"""What the outside can ask of tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Raw

from spikes.domain import rules
from spikes.domain.tag.command import BLACK, CreateTag, UpdateTag
from spikes.domain.tsid import parse_tsid
from spikes.domain.validation import Request, Rule

IGNORED = Raw(b"null")


class CreateTagRequest(Request, frozen=True):
    """Make a tag. Without a color it is black."""

    title: str
    color: str = BLACK

    rules: ClassVar[Mapping[str, Rule]] = {"title": rules.TAG_TITLE_RULE, "color": rules.COLOR_RULE}

    def command(self, tag_id: str) -> CreateTag:
        """Return the command to the tag that will have this id."""
        return CreateTag(tag_id, self.title, self.color)


class UpdateTagRequest(Request, frozen=True):
    """Change a tag; without a color it is black. `id` may be left out where the path has it.

    What only the service writes is accepted and ignored, so that what was read can be sent back.
    """

    title: str
    id: str | None = None
    color: str = BLACK
    owner: Raw = IGNORED
    created: Raw = IGNORED
    updated: Raw = IGNORED
    version: Raw = IGNORED

    rules: ClassVar[Mapping[str, Rule]] = {
        "id": rules.ID_RULE,
        "title": rules.TAG_TITLE_RULE,
        "color": rules.COLOR_RULE,
    }

    @property
    def tag_id(self) -> str | None:
        """Which tag is meant, if the request says it."""
        return None if self.id is None else parse_tsid(self.id)

    def command(self) -> UpdateTag:
        """Return the command to the tag."""
        return UpdateTag(self.title, self.color)
