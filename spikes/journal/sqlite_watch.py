"""Noticing what other connections and processes appended, without a thread and almost without cost (rule S5).

The watching connection runs two statements only, each to its end, so it never holds a read transaction open.
"""

from __future__ import annotations

import apsw

_TAIL = "SELECT position, persistence_id, sequence_nr FROM events WHERE position > ? ORDER BY position"


class Watched:
    """What is known of an entity since it is watched: its newest event, or `UNREAD`."""

    __slots__ = ("newest",)

    UNREAD = -1

    def __init__(self) -> None:
        self.newest = self.UNREAD

    def note(self, sequence_nr: int) -> None:
        """Take in that the stream was found to reach this far, by a read that began after the watch."""
        self.newest = max(self.newest, sequence_nr)


class Watch:
    """Knows the newest sequence number of every entity that is live or loading. Used on the loop's thread only."""

    def __init__(self, db: apsw.Connection) -> None:
        db.set_busy_timeout(0)
        self._db = db
        self._watched: dict[str, Watched] = {}
        self._version = -1
        self._position = db.execute("SELECT max(position) FROM events").get or 0
        self.get = self._watched.get

    def add(self, persistence_id: str) -> None:
        """Watch an entity, from before its first load on: whatever is appended later will be noticed."""
        self._watched.setdefault(persistence_id, Watched())

    def remove(self, persistence_id: str) -> None:
        """Forget an entity."""
        self._watched.pop(persistence_id, None)

    def note(self, persistence_id: str, sequence_nr: int) -> None:
        """Take in an event of an entity, if it is watched."""
        watched = self._watched.get(persistence_id)
        if watched is not None and watched.newest < sequence_nr:
            watched.newest = sequence_nr

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """Tell whether a fold up to `sequence_nr` is the newest; None if that can't be told here and now.

        An entity that has not been read since it is watched is one such: its fold may be of a time before, when
        nobody noticed what others appended.
        """
        watched = self._watched.get(persistence_id)
        if watched is None or watched.newest == Watched.UNREAD:
            return None
        if sequence_nr < watched.newest:
            return False
        return sequence_nr >= watched.newest if self.catch_up() else None

    def head(self) -> int:
        """Return the position of the last event of all that can be seen here and now."""
        self.catch_up()
        return self._position

    def catch_up(self) -> bool:
        """Take in what was appended since the last time; tell whether that could be done."""
        try:
            version = self._db.execute("PRAGMA data_version").get
            if version != self._version:
                self._read_tail()
                self._version = version
        except apsw.Error:
            return False
        return True

    def _read_tail(self) -> None:
        """Take in all events after the last position known, then only remember how far that was."""
        rows: list[tuple[int, str, int]] = self._db.execute(_TAIL, (self._position,)).fetchall()  # type: ignore[assignment]
        for _, persistence_id, sequence_nr in rows:
            self.note(persistence_id, sequence_nr)
        if rows:
            self._position = rows[-1][0]

    def close(self) -> None:
        """Let go of the connection."""
        self._db.close()
