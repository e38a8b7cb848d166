"""A big journal, quickly: notes of many owners, whose words are drawn by Zipf's law, through the journal's own port."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence

import msgspec

from spikes.domain.note.behavior import note_behavior
from spikes.domain.note.command import ACCESSES, STATUSES
from spikes.domain.note.event import NoteCreated
from spikes.domain.tsid import EPOCH_2020, TsidFactory
from spikes.journal.port import Append, Journal
from spikes.persistence.behavior import Context
from spikes.persistence.drafting import Drafter
from spikes.persistence.protocol import Envelope

AT_ONCE = 2_000
TITLE_WORDS, BODY_WORDS = 4, 40
START = EPOCH_2020 + 1_000_000_000
SYLLABLES = [a + b for a in "bcdfghjklmnprstvz" for b in "aeiou"]


def word(number: int) -> str:
    """Return the word of a rank, of two syllables at least."""
    more, last = divmod(number, len(SYLLABLES))
    return (word(more - 1) if more >= len(SYLLABLES) else SYLLABLES[more]) + SYLLABLES[last]


class Words:
    """A vocabulary in which a word of rank n is found 1/n as often as the first."""

    def __init__(self, seed: int, size: int = 20_000) -> None:
        self.random = random.Random(seed)
        self.all = [word(rank) for rank in range(size)]
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, size + 1)))

    def draw(self, count: int) -> list[str]:
        """Return so many words."""
        return self.random.choices(self.all, cum_weights=self._weights, k=count)


def created(number: int, note_id: str, owners: Sequence[str], tags: Sequence[str], words: Words) -> NoteCreated:
    """Return the event of one note."""
    chance, text = words.random, words.draw(TITLE_WORDS + BODY_WORDS)
    now = START + number
    return NoteCreated(
        id=note_id,
        owner=owners[number % len(owners)],
        title=" ".join(text[:TITLE_WORDS]).capitalize(),
        body=" ".join(text[TITLE_WORDS:]),
        slug=f"20200112-{note_id.lower()}",
        due=now + chance.randrange(10**9) if chance.random() < 0.3 else None,
        status=chance.choice(STATUSES),  # type: ignore[arg-type]
        access=ACCESSES[chance.random() < 0.6],  # type: ignore[arg-type]
        tags=tuple(dict.fromkeys(chance.choices(tags, k=2))) if tags else (),
        created=now,
    )


def append(event: NoteCreated) -> Append:
    """Return what stores a note as the service would."""
    context = Context(event.created, event.id, event.owner)
    envelope = Envelope(event.id, msgspec.UNSET, principal=event.owner)
    drafter = Drafter(note_behavior, f"note|{event.id}", "populate")
    return drafter.draft(note_behavior.start(), (event,), envelope, context).append


async def populate(
    journal: Journal, owners: Sequence[str], tags: Sequence[str], first: int, end: int, seed: int = 1
) -> None:
    """Store the notes numbered from `first` to before `end`, the newest last, many at once."""
    words, clock = Words(seed + first), itertools.count(START + first)
    ids = TsidFactory(lambda: next(clock), lambda bits: 0)
    for start in range(first, end, AT_ONCE):
        numbers = range(start, min(end, start + AT_ONCE))
        events = [created(number, ids.next(), owners, tags, words) for number in numbers]
        await asyncio.gather(*(journal.append(append(event)) for event in events))
