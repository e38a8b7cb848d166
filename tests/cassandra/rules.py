"""Which requests a proxy is to catch, and what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

import msgspec

TIMEOUT = 30.0
"""Seconds that a test waits for what a rule is to catch."""


class Action(Enum):
    """What happens to a request that a rule catches."""

    PASS = auto()
    """Nothing; it is only noticed."""
    HOLD_REQUEST = auto()
    """It reaches Cassandra when the rule is released, even if its client has gone meanwhile."""
    HOLD_ANSWER = auto()
    """Cassandra does it at once; the answer comes when the rule is released."""
    DROP_REQUEST = auto()
    """It never reaches Cassandra, and is never answered."""
    DROP_ANSWER = auto()
    """Cassandra does it, and the answer never comes."""
    CUT_BEFORE = auto()
    """The connection ends in its place."""
    CUT_AFTER = auto()
    """Cassandra does it, and the connection ends in place of the answer."""


class Request(msgspec.Struct, frozen=True):
    """What a client asks. `opcode` is QUERY, PREPARE, EXECUTE or BATCH; prepared statements have their text too."""

    opcode: str
    statements: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.statements)

    @property
    def is_conditional(self) -> bool:
        """Whether it is a light-weight transaction: a statement that writes under an IF, alone or in a batch."""
        return self.opcode in ("QUERY", "EXECUTE", "BATCH") and any(map(_is_conditional, self.statements))


def _is_conditional(statement: str) -> bool:
    words = statement.upper().split()
    return words[:1] in (["INSERT"], ["UPDATE"], ["DELETE"]) and "IF" in words


Match = Callable[[Request], bool]


class Rule:
    """Catches requests, and tells which."""

    def __init__(self, match: Match, action: Action, skip: int, times: int | None) -> None:
        self.action = action
        self.caught: list[Request] = []
        self._match = match
        self._skip = skip
        self._left = times
        self._answers = 0
        self._released = asyncio.Event()
        self._news = asyncio.Condition()

    async def met(self, number: int = 1) -> None:
        """Wait until so many requests were caught. TimeoutError if they do not come."""
        await self._wait(lambda: len(self.caught) >= number)

    async def answered(self, number: int = 1) -> None:
        """Wait until Cassandra has answered so many of them, whether the client hears of it or not."""
        await self._wait(lambda: self._answers >= number)

    def release(self) -> None:
        """Let go what is held, and hold nothing more."""
        self._released.set()

    async def released(self) -> None:
        await self._released.wait()

    async def catches(self, request: Request) -> bool:
        """Decide about a request; one that is skipped, or comes after the last time, passes."""
        if self._left == 0 or not self._match(request):
            return False
        if self._skip:
            self._skip -= 1
            return False
        if self._left:
            self._left -= 1
        async with self._news:
            self.caught.append(request)
            self._news.notify_all()
        return True

    async def note_answer(self) -> None:
        async with self._news:
            self._answers += 1
            self._news.notify_all()

    async def _wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT), self._news:
            await self._news.wait_for(condition)
