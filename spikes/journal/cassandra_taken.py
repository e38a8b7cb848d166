"""What one run of an append has taken before it is sent: claims and a client key, to be let go of if it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from spikes.journal.cassandra_claims import Claims
from spikes.journal.errors import ClaimTaken, DuplicateCommand
from spikes.journal.port import Append, Claim


class Taken:
    """What one run has taken.

    What surely is new goes with it. What is doubtful, because a try had no answer or because the row was the entity's
    before, is dropped only after a look at the entity's events.
    """

    def __init__(self, claims: Claims, append: Append, stamp: str) -> None:
        self._claims = claims
        self._append = append
        self._stamp = stamp
        self._new: list[Claim] = []
        self._doubtful: list[Claim] = []
        self._new_command = False
        self._doubtful_command = append.command is not None

    async def take(self, claims: Sequence[Claim]) -> None:
        """Take the claims of one place, in order. Raises ClaimTaken."""
        self._doubtful += claims
        if len(claims) > 1 and await self._claims.take_together(self._append, claims, self._stamp):
            self._clear(claims)
            self._new += claims
            return
        for number, claim in enumerate(claims):
            try:
                new = await self._claims.take(self._append, claim, self._stamp)
            except ClaimTaken:
                self._clear(claims[number:])
                raise
            if new:
                self._clear([claim])
                self._new.append(claim)

    def _clear(self, claims: Sequence[Claim]) -> None:
        self._doubtful = [claim for claim in self._doubtful if claim not in claims]

    async def take_command(self) -> None:
        """Take the client key. Raises DuplicateCommand."""
        try:
            self._new_command = await self._claims.take_command(self._append, self._stamp)
        except DuplicateCommand:
            self._doubtful_command = False
            raise
        self._doubtful_command = not self._new_command

    async def undo(self) -> None:
        """Let go of everything that no stored event holds."""
        whose, command = self._append.persistence_id, self._append.command
        looked_at = [self._claims.sweep(whose, claim.place, claim.digest) for claim in self._doubtful]
        if command is not None and self._doubtful_command:
            looked_at.append(self._claims.sweep_command(whose, command.id))
        await _all(self.let_go_new(), *looked_at)

    async def let_go_new(self) -> None:
        """Let go of what was surely new."""
        work = [self._claims.let_go(self._append, claim, self._stamp) for claim in self._new]
        if self._new_command:
            work.append(self._claims.let_go_command(self._append, self._stamp))
        await _all(*work)


async def _all(*work: Coroutine[Any, Any, object]) -> None:
    """Wait for all of it, then raise what one of them raised."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
