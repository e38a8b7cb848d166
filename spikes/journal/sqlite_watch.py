"""Noticing what other connections and processes appended, without a thread and almost without cost (rule S5).

The watching connection runs two statements only, each to its end, so it never holds a read transaction open.
"""

from __future__ import annotations

import apsw

_TAIL = """
    SELECT max(position), persistence_id, max(sequence_nr) FROM events WHERE position > ? GROUP BY persistence_id
    """


class Watch:
    """Knows the newest sequence number of every entity that is live or loading. Used on the loop's thread only."""

    def __init__(self, db: apsw.Connection) -> None:
        db.set_busy_timeout(0)
        self._db = db
        self._newest: dict[str, int] = {}
        self._version = -1
        self._position = db.execute("SELECT max(position) FROM events").get or 0

    def add(self, persistence_id: str) -> None:
        """Watch an entity, from before its first load on: whatever is appended later will be noticed."""
        self._newest.setdefault(persistence_id, 0)

    def remove(self, persistence_id: str) -> None:
        """Forget an entity."""
        self._newest.pop(persistence_id, None)

    def note(self, persistence_id: str, sequence_nr: int) -> None:
        """Take in what this process itself has appended."""
        if self._newest.get(persistence_id, sequence_nr) < sequence_nr:
            self._newest[persistence_id] = sequence_nr

    def is_current(self, persistence_id: str, sequence_nr: int) -> bool | None:
        """Tell whether a fold up to `sequence_nr` is the newest; None if that can't be told here and now."""
        newest = self._newest.get(persistence_id)
        if newest is None or (newest == 0 and sequence_nr > 0):
            return None  # not watched; or not read since it is watched, and who knows what came before
        if sequence_nr < newest:
            return False
        return sequence_nr >= self._newest[persistence_id] if self.catch_up() else None

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
            self._position = max(position for position, _, _ in rows)

    def close(self) -> None:
        """Let go of the connection."""
        self._db.close()
