"""Comments on a note, in the order in which they were written; an answer names its parent.

A removed comment that has answers stays as a place-holder, so that they keep their place; one without answers goes,
and with it the place-holders above that have no other answer.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from spikes.domain.note.event import CommentAdded, CommentUpdated


class Comment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A comment, or the place-holder of one (`removed`), which has no writer, title, body, color and stars."""

    id: str
    writer: str | None
    title: str | None
    body: str | None
    created: int
    parent: str | None = None
    color: str | None = None
    stars: int = 0
    removed: bool = False


Comments = tuple[Comment, ...]


def found(comments: Comments, comment_id: str | None) -> Comment | None:
    """Return a comment or place-holder by its id."""
    for comment in comments:
        if comment.id == comment_id:
            return comment
    return None


def added(comments: Comments, event: CommentAdded) -> Comments:
    """Return the comments with a new one at the end."""
    return (*comments, written(event))


def written(event: CommentAdded) -> Comment:
    """Return the comment as it was written."""
    text = (event.title, event.body)
    return Comment(event.id, event.writer, *text, event.created, event.parent, event.color, event.stars)


def updated(comments: Comments, event: CommentUpdated) -> Comments:
    """Return the comments with other values in one of them."""
    names = ("title", "body", "color", "stars")
    values = {name: value for name in names if (value := getattr(event, name)) is not UNSET}
    return tuple(
        msgspec.structs.replace(comment, **values) if comment.id == event.id else comment for comment in comments
    )


def removed(comments: Comments, comment_id: str) -> Comments:
    """Return the comments without one: in its place stands a place-holder if it has answers."""
    if has_answers(comments, comment_id):
        return tuple(placeholder(comment) if comment.id == comment_id else comment for comment in comments)
    gone = found(comments, comment_id)
    rest = tuple(comment for comment in comments if comment is not gone)
    above = found(rest, gone.parent) if gone is not None else None
    return removed(rest, above.id) if above is not None and above.removed else rest


def forgotten(comments: Comments, writer: str) -> Comments:
    """Return the comments with place-holders for all that a user has written."""
    return tuple(placeholder(comment) if comment.writer == writer else comment for comment in comments)


def placeholder(comment: Comment) -> Comment:
    """Return what stands for a removed comment."""
    return Comment(comment.id, None, None, None, comment.created, comment.parent, removed=True)


def has_answers(comments: Comments, comment_id: str) -> bool:
    """Tell whether a comment has an answer, be it a place-holder."""
    return any(comment.parent == comment_id for comment in comments)


def depth(comments: Comments, comment_id: str | None) -> int:
    """Return how many comments stand above an answer to this one: 0 for a comment on the note itself."""
    parents = {comment.id: comment.parent for comment in comments}
    above = 0
    while comment_id is not None:
        above, comment_id = above + 1, parents.get(comment_id)
    return above


def size(comments: Comments) -> int:
    """Return how much text there is, in bytes of UTF-8."""
    return sum(len((comment.title or "").encode()) + len((comment.body or "").encode()) for comment in comments)


def count(comments: Comments) -> int:
    """Return how many comments there are, place-holders aside."""
    return sum(not comment.removed for comment in comments)


def writers(comments: Comments) -> tuple[str, ...]:
    """Return who has written here, each once."""
    return tuple(dict.fromkeys(comment.writer for comment in comments if comment.writer is not None))
