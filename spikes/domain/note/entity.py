"""The state of a note, phase by phase. All times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from spikes.journal.port import Claim

Status = Literal["Blank", "New", "Ready", "ToDo", "Doing", "Review", "Completed"]
Access = Literal["Private", "Public"]

STATUSES: tuple[str, ...] = get_args(Status)
"""All statuses, in the order in which work goes on."""

ACCESSES: tuple[str, ...] = get_args(Access)
"""All degrees of access."""


class Absent(msgspec.Struct, frozen=True, tag=True):
    """Nothing yet."""


class Note(msgspec.Struct, frozen=True, tag=True):
    """A note. `trashed` is when it was moved to the trash, None for one that can be seen.

    The slug comes from the first title and stays; `tags` are ids. There are no comments yet.
    """

    id: str
    owner: str
    title: str
    body: str
    slug: str
    due: int | None
    status: Status
    access: Access
    tags: tuple[str, ...]
    created: int
    updated: int
    trashed: int | None = None
    comments: tuple[()] = ()


class Removed(msgspec.Struct, frozen=True, tag=True):
    """A note whose owner's account is gone; the id stays taken."""

    id: str


NoteState = Absent | Note | Removed


def own_slug_claim(owner: str, slug: str) -> Claim:
    """Return the right to a slug among the notes of one owner."""
    return Claim.of("slug-own", owner, slug)


def public_slug_claim(slug: str) -> Claim:
    """Return the right to a slug among all public notes."""
    return Claim.of("slug", slug)


def unique(state: NoteState) -> tuple[Claim, ...]:
    """Return what no other note may have, trashed or not; a change here raises the state version (rule R1).

    The owner's own claim stands first: when the public one is refused, the slug is surely another owner's.
    """
    match state:
        case Note(access="Public"):
            return own_slug_claim(state.owner, state.slug), public_slug_claim(state.slug)
        case Note():
            return (own_slug_claim(state.owner, state.slug),)
        case _:
            return ()
