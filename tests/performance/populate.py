"""Big journals, made by `spikes import`: notes of many owners, whose words are drawn by Zipf's law.

To make one takes minutes, so it is kept in the folder for temporary files, and the next run uses it again until what it
is made of changes. A service that runs on it may add to it.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from argon2 import PasswordHasher

from spikes.bootstrap import BEHAVIORS
from spikes.domain.note.command import ACCESSES, STATUSES
from spikes.domain.note.event import NoteCreated
from spikes.domain.tag.event import TagCreated
from spikes.domain.tsid import EPOCH_2020, TsidFactory
from spikes.domain.user.event import UserRegistered
from spikes.journal import sqlite_schema
from spikes.journal.port import Metadata
from spikes.lines import FORMAT, Head, Line
from tests.processes import SPIKES, environment
from tests.storm import PASSWORD

OWNERS, TAGS = 1_000, 50
TITLE_WORDS, BODY_WORDS = 4, 40
START = EPOCH_2020 + 1_000_000_000
SYLLABLES = [a + b for a in "bcdfghjklmnprstvz" for b in "aeiou"]
CODECS = {behavior.kind: behavior.events for behavior in BEHAVIORS}


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


def email(number: int) -> str:
    """Return the address by which an owner logs in, with the password of `tests.storm`."""
    return f"owner{number}@example.com"


def ids(first: int, count: int) -> list[str]:
    """Return ids that were made at one a millisecond."""
    clock = itertools.count(first)
    factory = TsidFactory(lambda: next(clock), lambda bits: 0)
    return [factory.next() for _ in range(count)]


OWNER_IDS, TAG_IDS = ids(EPOCH_2020, OWNERS), ids(EPOCH_2020 + OWNERS, TAGS)


def events(notes: int) -> Iterator[Any]:
    """Yield what happened: users register and make tags, then each writes notes in turn, the newest last."""
    password_hash = PasswordHasher(1, 1024, 1).hash(PASSWORD)
    for number, user_id in enumerate(OWNER_IDS):
        yield UserRegistered(user_id, "Owner", email(number), password_hash, "1990-01-01", None, START)
    for number, tag_id in enumerate(TAG_IDS):
        yield TagCreated(tag_id, OWNER_IDS[number], f"Tag {number}", "ff0000", START)
    words = Words(1)
    for number, note_id in enumerate(ids(START, notes)):
        yield created(number, note_id, words)


def created(number: int, note_id: str, words: Words) -> NoteCreated:
    """Return the event of one note."""
    chance, text = words.random, words.draw(TITLE_WORDS + BODY_WORDS)
    now = START + number
    return NoteCreated(
        id=note_id,
        owner=OWNER_IDS[number % OWNERS],
        title=" ".join(text[:TITLE_WORDS]).capitalize(),
        body=" ".join(text[TITLE_WORDS:]),
        slug=f"20200112-{note_id.lower()}",
        due=now + chance.randrange(10**9) if chance.random() < 0.3 else None,
        status=chance.choice(STATUSES),  # type: ignore[arg-type]
        access=ACCESSES[chance.random() < 0.6],  # type: ignore[arg-type]
        tags=tuple(dict.fromkeys(chance.choices(TAG_IDS, k=2))),
        created=now,
    )


def export(notes: int) -> Iterator[bytes]:
    """Yield the lines of an export, see `spikes.lines`."""
    encode = msgspec.json.Encoder().encode
    yield encode(Head(FORMAT, "bench", OWNERS + TAGS + notes)) + b"\n"
    for number, event in enumerate(events(notes)):
        kind = "user" if isinstance(event, UserRegistered) else "tag" if isinstance(event, TagCreated) else "note"
        name, payload = CODECS[kind].encode(event)
        metadata = Metadata(START + number, f"attempt-{number}", getattr(event, "owner", event.id))
        yield encode(Line(f"{kind}|{event.id}", 1, name, metadata, msgspec.Raw(payload))) + b"\n"


def import_lines(folder: Path, lines: Iterable[bytes]) -> None:
    """Let `spikes import` make the journal of a data directory."""
    environ = environment(SPIKES_DATA_DIR=str(folder))
    command = [sys.executable, *SPIKES, "import", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environ) as process:
        assert process.stdin
        process.stdin.writelines(lines)
        process.stdin.close()
    assert process.returncode == 0


def kept(notes: int) -> Path:
    """Return a data directory with so many notes, made now or by an earlier run."""
    made_of = [
        Path(__file__).read_text(),
        Path(sqlite_schema.__file__).read_text(),
        [each.schema for each in BEHAVIORS],
    ]
    version = hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]
    everything = Path(tempfile.gettempdir()) / "spikes-bench"
    folder = everything / version / str(notes)
    for other in everything.iterdir() if everything.exists() else ():
        if other.name != version:
            shutil.rmtree(other)
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        import_lines(folder, export(notes))
        (folder / "complete").touch()
    return folder
