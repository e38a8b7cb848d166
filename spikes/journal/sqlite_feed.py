"""What the live feed reads beside events: how far the journal goes, and rows by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import apsw
import msgspec

from spikes.journal.checks import kind_of
from spikes.journal.port import Listed


def head(db: apsw.Connection) -> int:
    """Read the position of the last event of all."""
    return db.execute("SELECT max(position) FROM events").get or 0


def listed(db: apsw.Connection, kinds: Iterable[str], persistence_ids: Sequence[str]) -> tuple[Listed, ...]:
    """Read the rows of these entities, as far as they are listed."""
    found: list[Listed] = []
    for kind, ids in _by_kind(kinds, persistence_ids).items():
        rows = db.execute(
            f"""
            SELECT persistence_id, sequence_nr, item FROM "{kind}_rows"
            WHERE listed = 1 AND persistence_id IN (SELECT value FROM json_each(?))
            """,
            (msgspec.json.encode(ids).decode(),),
        )
        found += [Listed(*row) for row in rows]
    return tuple(found)


def _by_kind(kinds: Iterable[str], persistence_ids: Sequence[str]) -> Mapping[str, list[str]]:
    wanted: dict[str, list[str]] = {kind: [] for kind in kinds}
    for each in dict.fromkeys(persistence_ids):
        if kind_of(each) in wanted:
            wanted[kind_of(each)].append(each)
    return {kind: ids for kind, ids in wanted.items() if ids}
