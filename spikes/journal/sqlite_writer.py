"""The one thread that writes: it takes what waits, has it stored as a group, then answers all of it (rule S1)."""

from __future__ import annotations

import threading
import time
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import apsw

from spikes.journal.errors import JournalError
from spikes.journal.port import Append, Appended
from spikes.journal.sqlite_append import Outcome
from spikes.journal.sqlite_checkpoint import Checkpointer
from spikes.journal.sqlite_neighbours import Neighbours
from spikes.journal.sqlite_store import Store
from spikes.telemetry import metrics

GROUP = 256
"""The most appends of one commit."""

FEW = 32
"""So many appends may always go together."""

SLOW = 0.01
"""Seconds for a commit, from which on all that wait go together."""

Settle = Callable[[Sequence["Waiting"], Sequence[Outcome]], None]


class Waiting:
    """An append that waits for its turn, and the future that waits for its answer."""

    __slots__ = ("append", "future")

    def __init__(self, append: Append, future: Future[Appended]) -> None:
        self.append = append
        self.future = future


class Job:
    """Something else to do on the writer's connection, in a transaction of its own."""

    __slots__ = ("future", "run")

    def __init__(self, run: Callable[[apsw.Connection], Any], future: Future[Any]) -> None:
        self.run = run
        self.future = future


class Writer:
    """The thread and its queue; the store is used by it alone."""

    def __init__(
        self,
        store: Store,
        loop: AbstractEventLoop,
        settle: Settle,
        neighbours: Neighbours,
        checkpointer: Checkpointer,
    ) -> None:
        self._store = store
        self._loop = loop
        self._settle = settle
        self._neighbours = neighbours
        self._checkpointer = checkpointer
        self._queue: SimpleQueue[Sequence[Waiting | Job | None]] = SimpleQueue()
        self._backlog: deque[Waiting | Job | None] = deque()
        self._slow = False
        self._sizes = metrics.GROUP_SIZE.child("sqlite")
        self.put = self._queue.put
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what was taken in, then close the connection. Waits for that; not to be called on the loop."""
        self._queue.put([None])
        self._thread.join()

    def _run(self) -> None:
        while (first := self._take()) is not None:
            if isinstance(first, Job):
                self._answer_job(first)
            else:
                self._answer(self._gather(first))
            self._checkpointer.wrote(self._store.pages_written)
            self._neighbours.give_way()
        self._store.close()

    def _take(self) -> Waiting | Job | None:
        """Wait until something is there to do, take in all that has come meanwhile, and return the first of it."""
        while not self._backlog or not self._queue.empty():
            self._backlog.extend(self._queue.get())
        return self._backlog.popleft()

    def _gather(self, first: Waiting) -> list[Waiting]:
        """Take the appends that wait, up to the first job; of many only half, unless commits take long.

        Whoever was answered works on the loop before it comes again. If all came together, the writer would idle
        then, and the loop while all of them are written. With two halves, one is written while the other works.
        """
        group = [first]
        half = (1 + len(self._backlog)) // 2
        room = GROUP if self._slow else min(GROUP, max(FEW, half))
        while self._backlog and len(group) < room:
            waiting = self._backlog[0]
            if not isinstance(waiting, Waiting):
                break
            group.append(waiting)
            self._backlog.popleft()
        return group

    def _answer(self, group: Sequence[Waiting]) -> None:
        started = time.monotonic()
        self._sizes.observe(len(group))
        outcomes = self._store.store([waiting.append for waiting in group])
        self._on_loop(self._settle, group, outcomes)
        self._slow = time.monotonic() - started > SLOW

    def _answer_job(self, job: Job) -> None:
        try:
            result = self._store.run(job.run)
        except JournalError as error:
            self._on_loop(_fail, job.future, error)
        else:
            self._on_loop(_succeed, job.future, result)

    def _on_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is closed, so nobody waits for the answer any more.
            return


def _succeed(future: Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: Future[Any], error: JournalError) -> None:
    if not future.done():
        future.set_exception(error)
