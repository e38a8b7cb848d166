"""What can be undone and redone of a note: the values that its fields had, step by step.

A step holds only the fields that it changes. Of a body it holds the part that differs, since a body is long and most
changes are short; so a state with a hundred steps stays small.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from spikes.domain.note.command import Access, Status

STEPS = 100
"""The most steps that can be undone."""

SIZE = 1024 * 1024
"""How many characters of old bodies are kept; beyond it the oldest steps are forgotten, but never the last one."""


class Patch(msgspec.Struct, frozen=True, array_like=True):
    """How to make one text of another: `text` stands between its first `head` and its last `tail` characters."""

    head: int
    tail: int
    text: str

    def apply(self, to: str) -> str:
        """Return the other text."""
        return to[: self.head] + self.text + to[len(to) - self.tail :]


class Step(msgspec.Struct, frozen=True):
    """Values for the fields that a step changes."""

    title: str | UnsetType = UNSET
    body: Patch | UnsetType = UNSET
    due: int | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    access: Access | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET

    def values(self, body: str) -> dict[str, Any]:
        """Return the values by field; `body` is the present one."""
        values = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        if isinstance(self.body, Patch):
            values["body"] = self.body.apply(body)
        return values


class Steps(msgspec.Struct, frozen=True):
    """The steps that can be undone and redone, the next one last, and how many characters of bodies they hold."""

    undo: tuple[Step, ...] = ()
    redo: tuple[Step, ...] = ()
    size: int = 0

    def done(self, back: Step) -> Steps:
        """Return the steps after a change that `back` takes back: there is nothing to redo any more."""
        undo = (*self.undo, back)
        total = sum(map(_size, undo)) if self.redo else self.size + _size(back)
        first = max(0, len(undo) - STEPS)
        total -= sum(map(_size, undo[:first]))
        while total > SIZE and first < len(undo) - 1:
            total -= _size(undo[first])
            first += 1
        return Steps(undo[first:], (), total)

    def undone(self, back: Step) -> Steps:
        """Return the steps after the last one was undone; `back` takes that back."""
        size = self.size - _size(self.undo[-1]) + _size(back)
        return Steps(self.undo[:-1], (*self.redo, back), size)

    def redone(self, back: Step) -> Steps:
        """Return the steps after the last one was redone; `back` takes that back."""
        size = self.size - _size(self.redo[-1]) + _size(back)
        return Steps((*self.undo, back), self.redo[:-1], size)


NOTHING = Steps()
"""Nothing to undo or redo."""


def step_back(now: Any, changed: dict[str, Any]) -> Step:
    """Return the step that takes back a change of these fields of a note to these values."""
    values = {name: getattr(now, name) for name in Step.__struct_fields__ if name in changed}
    if "body" in values:
        values["body"] = patch(changed["body"], now.body)
    return Step(**values)


def patch(one: str, other: str) -> Patch:
    """Return what makes `other` of `one`."""
    head = _alike(one, other)
    tail = _alike(one[head:][::-1], other[head:][::-1])
    return Patch(head, tail, other[head : len(other) - tail])


def _alike(one: str, other: str) -> int:
    """Return how many characters are the same from the start; halving compares long texts faster than a loop."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _size(step: Step) -> int:
    return 0 if step.body is UNSET else len(step.body.text)
