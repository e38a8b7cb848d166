"""Exports and imports that this process is making: few at a time, and one for each user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spikes.web.errors import RETRY_SOON, Problem, not_stored

PLACES = 4
"""How many run at a time: each keeps a thread busy now and then, and an import a file of up to 100 MiB."""


class Transfers:
    """Who is at it."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._users: set[str] = set()

    @contextmanager
    def place(self, user_id: str) -> Iterator[None]:
        """Hold one of the places; raises a 409 while the user has one already, and a 503 while none is free."""
        if user_id in self._users:
            raise Problem(409, "in_progress", "your last export or import is not at its end", RETRY_SOON)
        if len(self._users) >= self._places:
            raise not_stored("others are exporting and importing at the moment")
        self._users.add(user_id)
        try:
            yield
        finally:
            self._users.discard(user_id)
