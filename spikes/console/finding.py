"""Finding entities by what an operator has at hand: a persistence id, an id, a slug, an e-mail address, a title.

What is looked up is the journal: its events, its claims and its search. So entities are found that are not in memory,
and broken ones too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from spikes.console.folding import Behavior
from spikes.console.reading import head_of
from spikes.domain.note.entity import public_slug_claim
from spikes.domain.note.response import listed_note
from spikes.domain.slug import is_slug
from spikes.domain.tag.entity import title_claim
from spikes.domain.tsid import is_tsid
from spikes.domain.user.entity import email_claim
from spikes.journal.port import Claim, Equal, Journal, Listed, Query, TextTerm
from spikes.journal.words import words
from spikes.persistence.identity import PersistenceId

MOST_FOUND = 25
"""How many notes a search by text finds."""

MOST_WORDS = 10
"""How many words of what is typed are searched for."""

LONGEST = 500
"""The longest text to find something by, in characters."""


class Found(msgspec.Struct, frozen=True):
    """An entity, by what it was found, and the number of its last event that can be found."""

    persistence_id: str
    by: str
    sequence_nr: int


async def find(journal: Journal, behaviors: Sequence[Behavior], text: str) -> tuple[Found, ...]:
    """Return the entities that `text` may mean, exact ways first, each once.

    Raises ValueError for a text that is too long, and JournalUnavailable. An e-mail address is found in any case of
    letters; a private note's slug and a title through the words of them: only while the note is listed, and only where
    the journal `searches_all`.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError(f"the text to find must have at most {LONGEST} characters, not {len(text):,}")
    if not text:
        return ()
    ways = (
        _by_id(journal, behaviors, text),
        _by_claim(journal, "e-mail", email_claim(text) if "@" in text else None),
        _by_claim(journal, "slug", public_slug_claim(text.lower()) if is_slug(text.lower()) else None),
        _by_claim(journal, "title of a tag", title_claim(text)),
        _by_words(journal, text) if any(behavior.kind == "note" for behavior in behaviors) else _nothing(),
    )
    found: dict[str, str] = {}
    for way in await asyncio.gather(*ways):
        for persistence_id, by in way:
            found.setdefault(persistence_id, by)
    heads = await asyncio.gather(*(head_of(journal, each) for each in found))
    numbered = zip(found.items(), heads, strict=True)
    return tuple(Found(persistence_id, by, head.number) for (persistence_id, by), head in numbered)


Ways = Iterable[tuple[str, str]]


async def _by_id(journal: Journal, behaviors: Sequence[Behavior], text: str) -> Ways:
    """Try the text as a persistence id of any kind, known or not, and as an id of each known kind."""
    candidates = [text] if is_persistence_id(text) else []
    if is_tsid(text):
        candidates += [str(behavior.persistence_id(text.upper())) for behavior in behaviors]
    heads = await asyncio.gather(*(head_of(journal, each) for each in candidates))
    return [(each, "id") for each, head in zip(candidates, heads, strict=True) if head.exists or head.problem]


async def _by_claim(journal: Journal, by: str, claim: Claim | None) -> Ways:
    holder = None if claim is None else await journal.holder(claim)
    return () if holder is None else ((holder, by),)


async def _nothing() -> Ways:
    return ()


async def _by_words(journal: Journal, text: str) -> Ways:
    """Search notes; those whose very slug it is come first."""
    terms = tuple(TextTerm((word,)) for word in dict.fromkeys(words(text)))[:MOST_WORDS]
    if is_slug(text.lower()):
        terms = terms[1:]  # the date at its beginning is no word of the note's
    if not terms or "@" in text:
        return ()
    where = () if searches_all(journal) else (Equal("access", "Public"),)
    page = await journal.query(Query("note", where, terms, limit=MOST_FOUND))
    slugs = [each.persistence_id for each in page.rows if _slug_of(each) == text.lower()]
    return [*((each, "slug") for each in slugs), *((each.persistence_id, "words") for each in page.rows)]


def searches_all(journal: Journal) -> bool:
    """Tell whether the journal can search all notes by words, or only the public ones."""
    return "ranking" in journal.capabilities


def _slug_of(listed: Listed) -> str | None:
    try:
        return listed_note(listed.item).slug
    except msgspec.MsgspecError:
        return None


def is_persistence_id(text: str) -> bool:
    """Tell whether a text has the form of a persistence id."""
    try:
        PersistenceId.parse(text)
    except ValueError:
        return False
    return True
