"""What threads and tasks are doing at the moment: where in the code, never with what values."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Mapping

import msgspec

from spikes.console.inside import Inside

MOST_TASKS, DEEPEST = 200, 30
"""How many tasks are shown, and how many frames of each stack."""


class Stack(msgspec.Struct, frozen=True):
    """Where one thread or task is; `frames` lead to what it is doing now. `alike` counts those at the same place."""

    name: str
    frames: tuple[str, ...]
    alike: int = 1


class Dump(msgspec.Struct, frozen=True):
    """All threads, and the tasks of the loop, those at the same place once. `tasks_in_all` counts every one."""

    threads: tuple[Stack, ...]
    tasks: tuple[Stack, ...]
    tasks_in_all: int


async def dump(_: Inside, __: Mapping[str, str]) -> Dump:
    """Return what this process is doing."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    threads = tuple(
        Stack(names.get(ident) or f"thread {ident}", frames_of(traceback.extract_stack(frame, limit=-DEEPEST)))
        for ident, frame in sys._current_frames().items()
    )
    tasks = Counter(_place(task) for task in asyncio.all_tasks())
    stacks = tuple(Stack(name, frames, alike) for (name, frames), alike in tasks.most_common(MOST_TASKS))
    return Dump(threads, stacks, tasks.total())


def _place(task: asyncio.Task[object]) -> tuple[str, tuple[str, ...]]:
    frames = traceback.StackSummary.extract(
        ((frame, frame.f_lineno) for frame in task.get_stack(limit=DEEPEST)), lookup_lines=False
    )
    return getattr(task.get_coro(), "__qualname__", "?"), frames_of(frames)


def frames_of(summary: traceback.StackSummary) -> tuple[str, ...]:
    """Return frames as `function, file:line`."""
    return tuple(f"{each.name}, {each.filename}:{each.lineno}" for each in summary)
