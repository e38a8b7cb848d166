"""Who an entity is."""

from __future__ import annotations

import msgspec

SEPARATOR = "|"


class PersistenceId(msgspec.Struct, frozen=True):
    """The identity of one stream of events: the kind of entity and its id within the kind (Akka's PersistenceId)."""

    kind: str
    entity_id: str

    @classmethod
    def of(cls, kind: str, entity_id: str) -> PersistenceId:
        """Return the identity; raises ValueError if a part is empty or contains the separator."""
        for part in (kind, entity_id):
            if not part or SEPARATOR in part:
                raise ValueError(f"a part of a persistence id must not be empty or contain {SEPARATOR!r}: {part!r}")
        return cls(kind, entity_id)

    @classmethod
    def parse(cls, text: str) -> PersistenceId:
        """Return the identity that `str()` wrote; raises ValueError for any other text."""
        kind, separator, entity_id = text.partition(SEPARATOR)
        if not separator:
            raise ValueError(f"not a persistence id: {text!r} has no {SEPARATOR!r}")
        return cls.of(kind, entity_id)

    def __str__(self) -> str:
        return f"{self.kind}{SEPARATOR}{self.entity_id}"
