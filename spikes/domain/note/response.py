"""What the outside sees of notes, one by one and in lists. `version` is the number of the note's last event."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from spikes.domain import relation
from spikes.domain.note import comment
from spikes.domain.note.command import Access, Status
from spikes.domain.note.comment import Comment
from spikes.domain.note.entity import Note, NoteState
from spikes.domain.relation import Relation
from spikes.domain.shapes import Id, Slug, Time
from spikes.domain.times import to_rfc3339
from spikes.journal.port import Home, IndexPart, RowSchema

DAY = 24 * 60 * 60 * 1000

WHOSE: tuple[tuple[str, ...], ...] = (("owner", "access"), ("access",))
"""What lists begin with: somebody's notes by access, or all by access; a list is merged of these."""

ORDERS = ("created", "updated", "due", "title")
"""What lists are sorted by."""

NOTE_ROWS = RowSchema(
    kind="note",
    state_version=3,
    columns={
        "owner": "text",
        "access": "text",
        "status": "text",
        "created": "integer",
        "updated": "integer",
        "due": "integer",
        "title": "text",
        "trashed": "integer",
    },
    indexes=(
        *((*whose, "trashed", order) for whose in WHOSE for order in ORDERS),
        ("access", "trashed", "status", "created"),
    ),
    text=("title", "body"),
    scope=("owner", "access", "trashed"),
    homes=(
        Home("owner", span=30 * DAY),
        Home("access", "Public", span=DAY),
        Home(term="relation"),
        Home(term="commenter"),
    ),
    ranges=("due", "trashed"),
    feed="owner",
    counted={"tag": (("access", "trashed"), ("owner", "access", "trashed"))},
)
"""What notes are listed by, merged where a list is of several; and the public ones by status.

A note in the trash stays listed, with the time; lists ask for those without. Terms are `tag` (its id), `relation` (the
target's id) and `commenter` (a user's id). Each comment is a search part of its own, named by its id. Tags are counted
over all public notes, and over each owner's by access.
"""


class CommentResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A comment, or the place-holder of a removed one: without title, body, writer and color."""

    id: Id
    writer: Id | None
    note_id: Id
    parent: Id | None
    title: str | None
    body: str | None
    color: str | None
    stars: int
    created: Time
    removed: bool


class NoteResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A whole note; every key is always there. Comments are in the order in which they were written."""

    id: Id
    owner: Id
    title: str
    body: str
    slug: Slug
    due: Time | None
    status: Status
    access: Access
    tags: tuple[Id, ...]
    comments: tuple[CommentResponse, ...]
    created: Time
    updated: Time
    version: int
    trashed: Time | None


class NoteItem(msgspec.Struct, frozen=True, rename="camel"):
    """A note in a list: the number of its comments stands for the comments."""

    id: Id
    owner: Id
    title: str
    body: str
    slug: Slug
    due: Time | None
    status: Status
    access: Access
    tags: tuple[Id, ...]
    comment_count: int
    created: Time
    updated: Time
    version: int
    trashed: Time | None


class RelationResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A relation of a note or a user; `direction` is `out` for what it says itself, `in` for what another one says."""

    id: Id
    title: str
    direction: Literal["out", "in"]
    created: Time


_encoder = msgspec.json.Encoder()
_item_decoder = msgspec.json.Decoder(NoteItem)


def tags_shown(tags: tuple[str, ...], gone_tags: Collection[str]) -> tuple[str, ...]:
    """Return the tags that are not removed. Each id that a note holds is looked up before the note is shown."""
    return tuple(tag for tag in tags if tag not in gone_tags) if gone_tags else tags


def note_response(note: Note, sequence_nr: int, gone_tags: Collection[str] = ()) -> NoteResponse:
    """Return the full representation of a note at this version, without the tags that are removed by now."""
    return NoteResponse(
        id=note.id,
        owner=note.owner,
        title=note.title,
        body=note.body,
        slug=note.slug,
        due=_time(note.due),
        status=note.status,
        access=note.access,
        tags=tags_shown(note.tags, gone_tags),
        comments=tuple(comment_response(each, note.id) for each in note.comments),
        created=to_rfc3339(note.created),
        updated=to_rfc3339(note.updated),
        version=sequence_nr,
        trashed=_time(note.trashed),
    )


def comment_response(shown: Comment, note_id: str) -> CommentResponse:
    """Return a comment or place-holder."""
    return CommentResponse(
        id=shown.id,
        writer=shown.writer,
        note_id=note_id,
        parent=shown.parent,
        title=shown.title,
        body=shown.body,
        color=shown.color,
        stars=shown.stars,
        created=to_rfc3339(shown.created),
        removed=shown.removed,
    )


def relation_response(relation: Relation, other_id: str, direction: Literal["out", "in"]) -> RelationResponse:
    """Return a relation as the one side sees it; `other_id` is the other side."""
    return RelationResponse(other_id, relation.title, direction, to_rfc3339(relation.created))


def note_item(note: Note, sequence_nr: int) -> bytes:
    """Return the list item of a note as JSON, as the entity row keeps it."""
    item = NoteItem(
        id=note.id,
        owner=note.owner,
        title=note.title,
        body=note.body,
        slug=note.slug,
        due=_time(note.due),
        status=note.status,
        access=note.access,
        tags=note.tags,
        comment_count=comment.count(note.comments),
        created=to_rfc3339(note.created),
        updated=to_rfc3339(note.updated),
        version=sequence_nr,
        trashed=_time(note.trashed),
    )
    return _encoder.encode(item)


def listed_note(item: bytes) -> NoteItem:
    """Return what a list item holds."""
    return _item_decoder.decode(item)


def row(state: NoteState, sequence_nr: int) -> IndexPart | None:
    """Return what lists read of a note; a change here raises the state version (rule R1)."""
    if not isinstance(state, Note):
        return None
    return IndexPart(
        columns={
            "owner": state.owner,
            "access": state.access,
            "status": state.status,
            "created": state.created,
            "updated": state.updated,
            "due": state.due,
            "title": state.title.casefold(),
            "trashed": state.trashed,
        },
        item=note_item(state, sequence_nr),
        terms=_terms(state),
        search=_search(state),
    )


def _terms(note: Note) -> tuple[tuple[str, str], ...]:
    tags = tuple(("tag", tag) for tag in note.tags)
    commenters = tuple(("commenter", writer) for writer in comment.writers(note.comments))
    return tags + relation.terms(note.relations) + commenters


def _search(note: Note) -> dict[str, tuple[str, ...]]:
    """Return the text by part: the note's own is "", a comment's has its id, place-holders have none."""
    texts: dict[str, tuple[str, ...]] = {"": (note.title, note.body)}
    for each in note.comments:
        if each.title is not None and each.body is not None:
            texts[each.id] = (each.title, each.body)
    return texts


def _time(moment: int | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)
