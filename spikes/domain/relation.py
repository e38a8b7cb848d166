"""Relations: that a note or a user has to do with another one, said by the side that it starts from."""

from __future__ import annotations

import msgspec


class Relation(msgspec.Struct, frozen=True):
    """A relation to `target` since `created` (milliseconds since the epoch); `title` says which: "blocks"."""

    target: str
    title: str
    created: int


Relations = tuple[Relation, ...]


def found(relations: Relations, target: str) -> Relation | None:
    """Return the relation to a target."""
    return next((relation for relation in relations if relation.target == target), None)


def related(relations: Relations, target: str, title: str, now: int) -> Relations:
    """Return the relations with one more at the end, or with another title of one that was there."""
    old = found(relations, target)
    if old is None:
        return (*relations, Relation(target, title, now))
    return tuple(Relation(target, title, old.created) if each is old else each for each in relations)


def unrelated(relations: Relations, target: str) -> Relations:
    """Return the relations without the one to a target."""
    return tuple(relation for relation in relations if relation.target != target)


def terms(relations: Relations) -> tuple[tuple[str, str], ...]:
    """Return what the reverse side is found by."""
    return tuple(("relation", relation.target) for relation in relations)
