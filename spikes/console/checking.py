"""Is an entity consistent: does the fold of its events say what the stored row and the live actors say?

The events are what is true; whatever differs from their fold is wrong, or only behind, which is told apart.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from spikes.actors.looking import LiveEntity
from spikes.console.folding import SECONDS, Behavior, Change, differences, folds
from spikes.console.reading import Head, damage, head_of
from spikes.journal.errors import JournalError
from spikes.journal.port import EntityRow, Journal, Loaded, Snapshot
from spikes.persistence.behavior import Folded
from spikes.persistence.codec import UndecodableEvent
from spikes.persistence.identity import PersistenceId

Outcome = Literal["same", "different", "behind", "another version", "absent", "not compared"]

TRIES = 3
"""How often an entity that is written meanwhile is read anew before it counts as different."""

MOST_SAMPLED = 1_000
"""The most entities that one bulk check looks at."""


class Part(msgspec.Struct, frozen=True):
    """What one thing that is made of the events says, compared with their fold at the same number.

    `outcome`: "behind" is a fold of fewer events, right as far as it goes; an actor catches up before it is used (rule
    C6). "another version" is a row of another state version, which is made anew before it is trusted (rule R3).
    """

    name: str
    outcome: Outcome
    sequence_nr: int | None = None
    differences: Sequence[Change] = ()
    detail: str = ""


class Check(msgspec.Struct, frozen=True):
    """The result for one entity: green if `consistent`. `problem` tells why the events can't be folded."""

    persistence_id: str
    events: int
    parts: Sequence[Part] = ()
    problem: str | None = None

    @property
    def consistent(self) -> bool:
        """Tell whether everything that could be compared is the same as the fold, or only behind."""
        return self.problem is None and all(part.outcome != "different" for part in self.parts)


class BulkCheck(msgspec.Struct, frozen=True):
    """The result of a sample. With `cut_short` the time was over before `wanted` entities had been looked at."""

    wanted: int
    checked: int
    inconsistent: Sequence[Check]
    seconds: float
    cut_short: bool


async def check(
    journal: Journal, behavior: Behavior, persistence_id: str, live: Sequence[tuple[str, LiveEntity]] = ()
) -> Check:
    """Compare the fold from zero with the stored row and with live actors, each named. Raises JournalUnavailable."""
    for attempt in range(1, TRIES + 1):
        head = await head_of(journal, persistence_id)
        result = await _check(journal, behavior, persistence_id, head, live)
        moved = (await head_of(journal, persistence_id)).number != head.number
        if result.consistent or not moved or attempt == TRIES:
            break
    return result


async def _check(
    journal: Journal, behavior: Behavior, persistence_id: str, head: Head, live: Sequence[tuple[str, LiveEntity]]
) -> Check:
    try:
        loaded = await journal.load(persistence_id, behavior.state_version)
        wanted = {head.number, loaded.snapshot.sequence_nr if loaded.snapshot else 0, *(e.sequence_nr for _, e in live)}
        at = {0: behavior.start()}
        async for folded in folds(journal, behavior, persistence_id, max(wanted)):
            if folded.sequence_nr in wanted:
                at[folded.sequence_nr] = folded
    except (UndecodableEvent, ValueError, JournalError, TimeoutError) as error:
        return Check(persistence_id, head.number, problem=damage(error))
    newest = at.get(head.number)
    if newest is None:
        problem = f"the row tells of event {head.number:,}, which is missing, or others before it"
        return Check(persistence_id, head.number, problem=problem)
    parts = [_snapshot(behavior, loaded.snapshot, at), _row(behavior, loaded, head)]
    parts.append(await _item(journal, behavior, persistence_id, newest))
    parts += [_live(behavior, name, entity, at, head.number) for name, entity in live]
    return Check(persistence_id, head.number, parts)


def _snapshot(behavior: Behavior, snapshot: Snapshot | None, at: dict[int, Folded[Any]]) -> Part:
    if snapshot is None:
        return Part("stored state", "absent", detail="none of this state version is stored")
    return _compared("stored state", behavior, snapshot, at)


def _row(behavior: Behavior, loaded: Loaded, head: Head) -> Part:
    row = head.row
    if row is None:
        return Part("row", "absent" if not head.number else "different", detail="no row is stored")
    if row.state_version != behavior.state_version:
        detail = f"the row is of state version {row.state_version}, this release's is {behavior.state_version}"
        return Part("row", "another version", row.sequence_nr, detail=detail)
    if row.sequence_nr != head.number:
        detail = f"the row shows event {row.sequence_nr:,}, the last is {head.number:,}"
        return Part("row", "different", row.sequence_nr, detail=detail)
    return Part("row", "same", row.sequence_nr)


async def _item(journal: Journal, behavior: Behavior, persistence_id: str, newest: Folded[Any]) -> Part:
    """Compare what lists show: the item as it is stored with the item that the fold makes."""
    made = _made(behavior, persistence_id, newest)
    if isinstance(made, str):
        return Part("list item", "different", newest.sequence_nr, detail=made)
    wanted = made.index.item if made.index else None
    listed = await journal.listed([persistence_id])
    stored = listed[0].item if listed else None
    if stored == wanted:
        return Part(
            "list item", "same" if listed else "absent", newest.sequence_nr, detail="" if listed else "not listed"
        )
    return Part(
        "list item",
        "different",
        listed[0].sequence_nr if listed else None,
        differences(_json(stored), _json(wanted)),
        "listed, and should not be" if wanted is None else "not listed, and should be" if stored is None else "",
    )


def _made(behavior: Behavior, persistence_id: str, newest: Folded[Any]) -> EntityRow | str:
    try:
        return behavior.entity_row(persistence_id, newest)
    except Exception as problem:  # noqa: BLE001 - a bug in the behaviour is what is looked for
        return f"the row can't be made: {problem!r}"


def _live(behavior: Behavior, name: str, entity: LiveEntity, at: dict[int, Folded[Any]], head: int) -> Part:
    if entity.broken is not None:
        return Part(name, "different", entity.sequence_nr, detail=f"it is broken: {entity.broken}")
    if entity.sequence_nr and entity.state is None:
        return Part(name, "not compared", entity.sequence_nr, detail="its state is too large to be shown")
    if entity.state is None:
        return Part(name, "same" if not head else "behind", 0)
    part = _compared(name, behavior, entity.state, at)
    if part.outcome == "same" and entity.sequence_nr < head:
        return msgspec.structs.replace(part, outcome="behind", detail=f"the last event is {head:,}")
    return part


def _compared(name: str, behavior: Behavior, snapshot: Snapshot, at: dict[int, Folded[Any]]) -> Part:
    """Compare a fold that is held somewhere with the fold from zero at the same number."""
    number = snapshot.sequence_nr
    if snapshot.state_version != behavior.state_version:
        detail = f"it is of state version {snapshot.state_version}, this release's is {behavior.state_version}"
        return Part(name, "another version", number, detail=detail)
    if number not in at:
        return Part(name, "different", number, detail=f"there is no event {number:,}")
    right = behavior.freeze(at[number])
    if right.state == snapshot.state:
        return Part(name, "same", number)
    found = differences(_json(snapshot.state), _json(right.state))
    return Part(name, "different", number, found, "" if found else "the bytes differ, what they mean does not")


def _json(content: bytes | None) -> Any:
    if content is None:
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content.decode(errors="replace")


# ------------------------------------------------------------------------------------------------------- a bulk check


async def check_sample(
    journal: Journal,
    behaviors: Sequence[Behavior],
    wanted: int,
    look: Callable[[PersistenceId], LiveEntity | None],
    seconds: float = SECONDS,
    chance: random.Random | None = None,
) -> BulkCheck:
    """Check up to `wanted` entities drawn by chance, for so many seconds at most. Raises JournalUnavailable.

    Where the journal has an order of all events an entity's chance grows with the number of its events; else all have
    about the same.
    """
    by_kind = {behavior.kind: behavior for behavior in behaviors}
    wanted, began = min(wanted, MOST_SAMPLED), time.monotonic()
    chance, seen, bad, misses = chance or random.Random(), set[str](), list[Check](), 0
    while len(seen) < wanted and misses < wanted + 10:
        if time.monotonic() - began > seconds:
            break
        drawn = await _drawn(journal, chance)
        kind = drawn.partition("|")[0] if drawn else ""
        if drawn is None or drawn in seen or kind not in by_kind:
            misses += 1
            continue
        seen.add(drawn)
        entity = look(PersistenceId.parse(drawn))
        result = await check(journal, by_kind[kind], drawn, [("live actor", entity)] if entity else ())
        if not result.consistent:
            bad.append(result)
    spent = time.monotonic() - began
    return BulkCheck(wanted, len(seen), bad, spent, spent > seconds)


async def _drawn(journal: Journal, chance: random.Random) -> str | None:
    """Draw an entity by chance."""
    if "total_order" in journal.capabilities:
        head = await journal.head()
        events = await journal.stream(chance.randrange(head), 1) if head else ()
        return events[0].persistence_id if events else None
    start = f"{chance.getrandbits(64):x}"
    ids = await journal.persistence_ids(start, 1) or await journal.persistence_ids("", 1)
    return ids[0] if ids else None
